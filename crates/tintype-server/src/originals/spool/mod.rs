//! Where bodies wait until they are whole, hashed and judged.
//!
//! Space is promised before a byte is read, so that a full spool refuses at once instead of failing
//! half way. Memory per body stays flat whatever its size: small bodies are kept, larger ones go to
//! a file in pieces. A file is removed when its [`Spooled`] is dropped, also when the request is
//! cancelled; what a killed process leaves is removed by the next one, within minutes.
//!
//! Deliberately absent: durability. A spooled body is nobody's promise; the store flushes the file
//! when it takes it over. Resuming after a restart is absent too.

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
use tintype_store::Source;
use tokio::task::JoinHandle;

use crate::originals::digest::{Digests, Expected, Hasher};
pub use reader::Reader;

/// What is kept for telling the type by content, and the largest body that needs no file.
pub const HEAD_BYTES: usize = 64 * 1024;
/// How much is handed to the disk at a time; twice as much of a body is in memory.
const BATCH_BYTES: usize = 256 * 1024;
/// A body of undeclared length asks for this much more space at a time.
const STEP_BYTES: u64 = 4 * 1024 * 1024;
const PREFIX: &str = "spool-";
/// A file is locked right after it is made; before that only its age protects it.
const YOUNG: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub struct Spool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    quota: u64,
    reserved: AtomicU64,
}

/// There is no room for another body.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the spool is full, its size is {quota} bytes")]
pub struct Full {
    pub quota: u64,
}

/// Nothing can be written where bodies wait.
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

/// `E` is what the body itself fails with.
#[derive(Debug, thiserror::Error)]
pub enum Error<E> {
    #[error(transparent)]
    Full(#[from] Full),
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
    /// Makes the folder when missing, tries it, and removes what earlier processes left there.
    pub fn new(folder: impl Into<PathBuf>, quota: u64) -> Result<Self, Unwritable> {
        let folder = folder.into();
        let made = std::fs::create_dir_all(&folder);
        let spool = Self::untried(folder, quota);
        made.map_err(|source| spool.unwritable(source))?;
        match spool.check() {
            // What is there can be read all the same, and room may come.
            Err(full) if full.is_full() => tracing::warn!("uploads cannot be taken in: {full}"),
            tried => tried?,
        }
        spool.sweep().map_err(|source| spool.unwritable(source))?;
        Ok(spool)
    }

    /// For a service that takes nothing in.
    pub fn untried(folder: impl Into<PathBuf>, quota: u64) -> Self {
        Self {
            shared: Arc::new(Shared {
                folder: folder.into(),
                quota,
                reserved: AtomicU64::new(0),
            }),
        }
    }

    /// Whether bodies can be written. Blocks.
    pub fn check(&self) -> Result<(), Unwritable> {
        let tried = create(&self.shared.folder).and_then(|mut file| file.write_all(b"tintype"));
        tried.map_err(|source| self.unwritable(source))
    }

    /// Removes what processes that died have left: nobody holds its lock. Blocks.
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

    /// Promises space for a body. Without a declared length only for a beginning: the rest is asked
    /// for as it arrives, and may be refused.
    pub fn reserve(&self, declared: Option<u64>) -> Result<Reservation, Full> {
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

    /// Bytes promised to bodies at this moment, for metrics.
    pub fn reserved_bytes(&self) -> u64 {
        self.shared.reserved.load(Ordering::Relaxed)
    }
}

/// Space that is given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    shared: Arc<Shared>,
    declared: Option<u64>,
    bytes: u64,
}

impl Reservation {
    fn grow(&mut self, more: u64) -> Result<(), Full> {
        let quota = self.shared.quota;
        let fits = |reserved: u64| reserved.checked_add(more).filter(|&sum| sum <= quota);
        self.shared
            .reserved
            .try_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .map_err(|_| Full { quota })?;
        self.bytes += more;
        Ok(())
    }

    /// Takes in a whole body of at most `limit` bytes, hashing what `expected` needs. Whether the
    /// digests agree is for the caller to ask: only then is it known what was received.
    pub async fn write<S, E>(
        mut self,
        body: S,
        limit: u64,
        expected: &Expected,
    ) -> Result<Spooled, Error<E>>
    where
        S: Stream<Item = Result<Bytes, E>>,
    {
        if self.declared.is_some_and(|declared| declared > limit) {
            return Err(Error::TooLarge { limit });
        }
        let mut body = std::pin::pin!(body);
        let mut writer = Writer::new(self.shared.folder.clone(), expected.hasher());
        // Copied together, because a client that sends single bytes would otherwise make us keep
        // far more than the bytes.
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
                // The smaller step when the larger one does not fit, so that space is used up.
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
        // A copy, because a slice would keep the whole batch.
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

    /// Somebody else may have filled the disk.
    fn failed<E>(&self, error: io::Error) -> Error<E> {
        match is_full(&error) {
            true => Error::Full(Full {
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

/// Hashes and writes one batch on a blocking thread while the next one arrives. No thread is held
/// between batches: a thousand slow phones must not take them all.
struct Writer {
    folder: PathBuf,
    state: Option<Written>,
    job: Option<JoinHandle<io::Result<Written>>>,
}

struct Written {
    file: Option<NamedTempFile>,
    hasher: Hasher,
    /// Empty. Two buffers take turns for a whole body: a new one for each batch, made by one thread
    /// and freed by another, would leave many times as much with the allocator.
    buffer: Vec<u8>,
}

impl Writer {
    fn new(folder: PathBuf, hasher: Hasher) -> Self {
        Self {
            folder,
            state: Some(Written {
                file: None,
                hasher,
                buffer: Vec::new(),
            }),
            job: None,
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "file work and hashing block for a bounded batch; pixel work has a pool of its own"
    )]
    /// Gives an empty buffer for the next batch.
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

    /// Waits for the batch that is under way.
    async fn written(&mut self) -> io::Result<Written> {
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
        // The disk store gives this very file its name, and a web server may read it there.
        .permissions(std::fs::Permissions::from_mode(0o644))
        .tempfile_in(folder)?;
    // Tells the sweep of another process that somebody lives here.
    file.as_file().lock()?;
    Ok(file)
}

/// Removes files whose process is gone: nobody holds their lock.
fn sweep(folder: &PathBuf) -> io::Result<()> {
    let now = SystemTime::now();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX));
        // One that goes away meanwhile needs no sweeping.
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

/// A whole body. Keep it until the store has answered; its space is given back when dropped.
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

    /// For the store, which links a file of its own file system instead of copying it.
    pub fn source(&self) -> Source<'_> {
        match &self.content {
            Content::Memory(bytes) => Source::Bytes(bytes.clone()),
            Content::File(file) => Source::File {
                path: file.path(),
                len: self.len,
            },
        }
    }

    /// For reading headers with few and small reads. Blocks; every reader has a place of its own.
    pub fn reader(&self) -> io::Result<Reader> {
        Ok(match &self.content {
            Content::Memory(bytes) => Reader::Memory(Cursor::new(bytes.clone())),
            Content::File(file) => Reader::File(BufReader::new(file.reopen()?)),
        })
    }

    /// All of it in memory, for decoding. Blocks; the caller has looked at [`Spooled::len`].
    pub fn read(&self) -> io::Result<Bytes> {
        match &self.content {
            Content::Memory(bytes) => Ok(bytes.clone()),
            Content::File(file) => Ok(std::fs::read(file.path())?.into()),
        }
    }
}
