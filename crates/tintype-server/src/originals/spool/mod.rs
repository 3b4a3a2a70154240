//! The spool, where bodies are kept until they are complete, hashed and checked.
//!
//! Space is reserved before a byte is read, so that a full spool refuses at once instead of failing half way.
//! Memory per body is constant whatever its size: small bodies are kept in memory, larger ones are written to a
//! file in pieces. A file is removed when its [`Spooled`] is dropped, also when the request is cancelled; leftovers
//! of a killed process are removed by the next one, within minutes.
//!
//! Deliberately absent: durability, which is the store's job when it takes the file over, and resuming after a
//! restart.

mod reader;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufReader, Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tempfile::NamedTempFile;
use tintype_store::WriteSource;
use tokio::task::JoinHandle;

use crate::originals::digest::{Digests, ExpectedDigests, Hasher};
pub use reader::SpooledReader;

/// The part kept for detecting the type, and the largest body that needs no file.
pub const HEAD_BYTES: usize = 64 * 1024;
/// Bytes written to the disk at a time; twice as much of a body is in memory.
const BATCH_BYTES: usize = 256 * 1024;
/// Space reserved at a time for a body of undeclared length.
const STEP_BYTES: u64 = 4 * 1024 * 1024;
const PREFIX: &str = "spool-";
/// A file is locked right after it is created; until then only its age protects it.
const YOUNG: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub struct Spool {
    shared: Arc<SpoolState>,
}

#[derive(Debug)]
struct SpoolState {
    folder: PathBuf,
    quota: u64,
    reserved: AtomicU64,
}

/// There is no room for another body.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the spool is full, its size is {quota} bytes")]
pub struct SpoolFull {
    pub quota: u64,
}

/// The folder of the spool cannot be written to.
#[derive(Debug, thiserror::Error)]
#[error(
    "the spool folder {} cannot be written to by uid {uid}: {source}", path.display()
)]
pub struct Unwritable {
    path: PathBuf,
    uid: u32,
    source: io::Error,
}

impl Unwritable {
    fn is_full(&self) -> bool {
        is_full(&self.source)
    }
}

/// `E` is the error type of the body itself.
#[derive(Debug, thiserror::Error)]
pub enum Error<E> {
    #[error(transparent)]
    Full(#[from] SpoolFull),
    #[error("body is larger than the limit of {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("body is {received} bytes, {declared} were declared")]
    Length { declared: u64, received: u64 },
    #[error("the body could not be received")]
    Body(#[source] E),
    #[error("the spool cannot be written")]
    Io(#[source] io::Error),
}

impl Spool {
    /// Creates the folder if it is missing, tests it, and removes leftovers of earlier processes.
    pub fn new(folder: impl Into<PathBuf>, quota: u64) -> Result<Self, Unwritable> {
        let folder = folder.into();
        let made = std::fs::create_dir_all(&folder);
        let spool = Self::untried(folder, quota);
        made.map_err(|source| spool.unwritable(source))?;
        match spool.check() {
            // Reading works all the same, and space may be freed.
            Err(full) if full.is_full() => tracing::warn!("uploads cannot be accepted: {full}"),
            tried => tried?,
        }
        spool.sweep().map_err(|source| spool.unwritable(source))?;
        Ok(spool)
    }

    /// For a service that accepts no uploads.
    pub fn untried(folder: impl Into<PathBuf>, quota: u64) -> Self {
        Self {
            shared: Arc::new(SpoolState {
                folder: folder.into(),
                quota,
                reserved: AtomicU64::new(0),
            }),
        }
    }

    /// Whether the folder can be written to. Blocks.
    pub fn check(&self) -> Result<(), Unwritable> {
        let tried = create(&self.shared.folder).and_then(|mut file| file.write_all(b"tintype"));
        tried.map_err(|source| self.unwritable(source))
    }

    /// Removes leftovers of processes that died, whose files nobody has locked. Blocks.
    pub fn sweep(&self) -> io::Result<()> {
        sweep(&self.shared.folder)
    }

    fn unwritable(&self, source: io::Error) -> Unwritable {
        Unwritable {
            path: self.shared.folder.clone(),
            uid: rustix::process::geteuid().as_raw(),
            source,
        }
    }

    /// Reserves space for a body. Without a declared length only for the beginning: the rest is reserved as it
    /// arrives, and may be refused.
    pub fn reserve(&self, declared: Option<u64>) -> Result<Reservation, SpoolFull> {
        let mut reservation = Reservation {
            shared: self.shared.clone(),
            declared,
            bytes: 0,
        };
        reservation.grow(declared.unwrap_or(HEAD_BYTES as u64))?;
        Ok(reservation)
    }

    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// Bytes reserved at this moment, for metrics.
    pub fn reserved_bytes(&self) -> u64 {
        self.shared.reserved.load(Ordering::Relaxed)
    }
}

/// Reserved space, returned on drop.
#[derive(Debug)]
pub struct Reservation {
    shared: Arc<SpoolState>,
    declared: Option<u64>,
    bytes: u64,
}

impl Reservation {
    fn grow(&mut self, more: u64) -> Result<(), SpoolFull> {
        let quota = self.shared.quota;
        let fits = |reserved: u64| reserved.checked_add(more).filter(|&sum| sum <= quota);
        self.shared
            .reserved
            .try_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .map_err(|_| SpoolFull { quota })?;
        self.bytes += more;
        Ok(())
    }

    /// Writes a whole body of at most `limit` bytes, hashing what `expected` needs. The caller compares the
    /// digests: only then is it known what was received.
    pub async fn write<S, E>(
        mut self,
        body: S,
        limit: u64,
        expected: &ExpectedDigests,
    ) -> Result<Spooled, Error<E>>
    where
        S: Stream<Item = Result<Bytes, E>>,
    {
        if self.declared.is_some_and(|declared| declared > limit) {
            return Err(Error::TooLarge { limit });
        }
        let mut body = std::pin::pin!(body);
        let mut writer = BatchWriter::new(self.shared.folder.clone(), expected.hasher());
        // Copied together, because single bytes from a client would otherwise each cost far more memory than a
        // byte.
        let mut batch = Vec::new();
        let mut head = None;
        let mut received = 0_u64;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(Error::Body)?;
            received = received.saturating_add(chunk.len() as u64);
            if received > limit {
                return Err(Error::TooLarge { limit });
            }
            if let Some(declared) = self.declared.filter(|&declared| received > declared) {
                return Err(Error::Length { declared, received });
            }
            if received > self.bytes {
                // Tries the smaller step if the larger one does not fit, so that all space can be used.
                let needed = received - self.bytes;
                self.grow(needed.max(STEP_BYTES))
                    .or_else(|_| self.grow(needed))?;
            }
            let mut rest = &chunk[..];
            while !rest.is_empty() {
                let fits = rest.len().min(BATCH_BYTES - batch.len());
                batch.extend_from_slice(&rest[..fits]);
                rest = &rest[fits..];
                if batch.len() == BATCH_BYTES {
                    head.get_or_insert_with(|| Bytes::copy_from_slice(&batch[..HEAD_BYTES]));
                    let written = writer.write(batch).await;
                    batch = written.map_err(|error| self.failed(error))?;
                }
            }
        }
        if let Some(declared) = self.declared.filter(|&declared| received < declared) {
            return Err(Error::Length { declared, received });
        }
        // A copy, because a slice would keep the whole batch alive.
        let head =
            head.unwrap_or_else(|| Bytes::copy_from_slice(&batch[..batch.len().min(HEAD_BYTES)]));
        let (content, digests) = if received <= HEAD_BYTES as u64 {
            let mut hasher = expected.hasher();
            hasher.update(&head);
            (Content::Memory(head.clone()), hasher.finish())
        } else {
            let written = writer.write(batch).await;
            written.map_err(|error| self.failed(error))?;
            let (file, digests) = writer.finish().await.map_err(|error| self.failed(error))?;
            (Content::File(file), digests)
        };
        Ok(Spooled {
            content,
            len: received,
            head,
            digests,
            _reservation: self,
        })
    }

    /// Another program may have filled the disk.
    fn failed<E>(&self, error: io::Error) -> Error<E> {
        match is_full(&error) {
            true => Error::Full(SpoolFull {
                quota: self.shared.quota,
            }),
            false => Error::Io(error),
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shared
            .reserved
            .fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Hashes and writes one batch on a blocking thread while the next one arrives. No thread is held between batches:
/// a thousand slow phones must not occupy them all.
struct BatchWriter {
    folder: PathBuf,
    state: Option<Batch>,
    job: Option<JoinHandle<io::Result<Batch>>>,
}

struct Batch {
    file: Option<NamedTempFile>,
    hasher: Hasher,
    /// Empty. Two buffers alternate for the whole body: allocating one per batch on one thread and freeing it on
    /// another would leave many times as much memory in the allocator.
    buffer: Vec<u8>,
}

impl BatchWriter {
    fn new(folder: PathBuf, hasher: Hasher) -> Self {
        Self {
            folder,
            state: Some(Batch {
                file: None,
                hasher,
                buffer: Vec::new(),
            }),
            job: None,
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "file work and hashing block for a bounded batch; pixel work has its own pool"
    )]
    /// Returns an empty buffer for the next batch.
    async fn write(&mut self, batch: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut written = self.written().await?;
        let next = std::mem::replace(&mut written.buffer, batch);
        let folder = self.folder.clone();
        self.job = Some(tokio::task::spawn_blocking(move || {
            let file = match &mut written.file {
                Some(file) => file,
                none => none.insert(create(&folder)?),
            };
            written.hasher.update(&written.buffer);
            file.as_file_mut().write_all(&written.buffer)?;
            written.buffer.clear();
            Ok(written)
        }));
        Ok(next)
    }

    /// Waits for the current batch.
    async fn written(&mut self) -> io::Result<Batch> {
        let lost = || io::Error::other("an earlier write failed");
        match self.job.take() {
            Some(job) => job.await.map_err(io::Error::other)?,
            None => self.state.take().ok_or_else(lost),
        }
    }

    async fn finish(mut self) -> io::Result<(NamedTempFile, Digests)> {
        let written = self.written().await?;
        let file = written
            .file
            .ok_or_else(|| io::Error::other("nothing was written"))?;
        Ok((file, written.hasher.finish()))
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn create(folder: &PathBuf) -> io::Result<NamedTempFile> {
    let file = tempfile::Builder::new()
        .prefix(PREFIX)
        // The disk store gives this very file its final name, and a web server may read it there.
        .permissions(std::fs::Permissions::from_mode(0o644))
        .tempfile_in(folder)?;
    // The lock tells the sweeps of other processes that the file is in use.
    file.as_file().lock()?;
    Ok(file)
}

/// Removes files that nobody has locked because their process is gone.
fn sweep(folder: &PathBuf) -> io::Result<()> {
    let now = SystemTime::now();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX));
        // A file that disappears meanwhile needs no sweeping.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let age = metadata
            .modified()
            .ok()
            .and_then(|modified| now.duration_since(modified).ok());
        if !ours || !metadata.is_file() || age.is_none_or(|age| age < YOUNG) {
            continue;
        }
        if let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A complete body. Keep it until the store has accepted it; its space is returned on drop.
#[derive(Debug)]
pub struct Spooled {
    content: Content,
    len: u64,
    head: Bytes,
    digests: Digests,
    _reservation: Reservation,
}

#[derive(Debug)]
enum Content {
    Memory(Bytes),
    File(NamedTempFile),
}

impl Spooled {
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first [`HEAD_BYTES`], or all of a smaller body.
    pub fn head(&self) -> &Bytes {
        &self.head
    }

    pub fn digests(&self) -> &Digests {
        &self.digests
    }

    /// For the store, which links a file on its own file system instead of copying it.
    pub fn source(&self) -> WriteSource<'_> {
        match &self.content {
            Content::Memory(bytes) => WriteSource::Bytes(bytes.clone()),
            Content::File(file) => WriteSource::File {
                path: file.path(),
                len: self.len,
            },
        }
    }

    /// For reading headers with few small reads. Blocks; every reader has its own position.
    pub fn reader(&self) -> io::Result<SpooledReader> {
        Ok(match &self.content {
            Content::Memory(bytes) => SpooledReader::Memory(Cursor::new(bytes.clone())),
            Content::File(file) => SpooledReader::File(BufReader::new(file.reopen()?)),
        })
    }

    /// Reads all of it into memory, for decoding. Blocks; the caller must have checked [`Spooled::len`].
    pub fn read(&self) -> io::Result<Bytes> {
        match &self.content {
            Content::Memory(bytes) => Ok(bytes.clone()),
            Content::File(file) => Ok(std::fs::read(file.path())?.into()),
        }
    }
}
