//! The bytes of one original between two places, hashed as they come.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, ensure};
use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tintype_server::originals::coding;
use tintype_server::records::record::is_gzip;
use tintype_store::{ContentHash, HexId, Source};

/// Larger ones wait in a file. Times the jobs, this is the memory that an import takes.
const IN_MEMORY: u64 = 4 * 1024 * 1024;

/// What is packed in one original, at most; as much as an upload may have.
const MAX_UNPACKED: u64 = 5 * 1024 * 1024 * 1024;
/// RFC 1952, 2.3.1.
const GZIP: &[u8] = &[0x1f, 0x8b];

pub(super) struct Held {
    pub(super) bytes: Kept,
    pub(super) len: u64,
    pub(super) sha256: ContentHash,
    /// The coding that they are in.
    pub(super) encoding: Option<String>,
}

pub(super) enum Kept {
    Memory(Bytes),
    File(NamedTempFile),
}

impl Held {
    /// Reads a body whole. `folder` is where a large one waits.
    pub(super) async fn read<E>(
        body: impl Stream<Item = Result<Bytes, E>>,
        announced: u64,
        folder: Option<PathBuf>,
    ) -> anyhow::Result<Self>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let held = Self::read_all(body, announced, folder).await?;
        ensure!(
            held.len == announced,
            "{} bytes came, and {announced} were announced",
            held.len
        );
        Ok(held)
    }

    pub(super) fn of_coding(self, encoding: Option<String>) -> Self {
        Self { encoding, ..self }
    }

    /// What another program has packed with gzip, unpacked. What is in another coding stays in it, and so does
    /// what is not packed at all, whatever is said of it.
    pub(super) async fn unpacked(self, folder: Option<PathBuf>) -> anyhow::Result<Self> {
        if !self.encoding.as_deref().is_some_and(is_gzip) {
            return Ok(self);
        }
        let mut body = std::pin::pin!(self.read_again()?);
        let first = body.next().await.transpose()?.unwrap_or_default();
        if !first.starts_with(GZIP) {
            return Ok(self.of_coding(None));
        }
        let body = stream::iter([Ok(first)]).chain(body);
        // As large as it may become: how much comes out is only known in the end.
        let unpacked = coding::decoded(body, MAX_UNPACKED);
        let unpacked = Self::read_all(unpacked, MAX_UNPACKED, folder).await;
        unpacked.context("it is packed with gzip and cannot be unpacked")
    }

    fn read_again(&self) -> anyhow::Result<BoxStream<'static, io::Result<Bytes>>> {
        Ok(match &self.bytes {
            Kept::Memory(bytes) => stream::iter([Ok(bytes.clone())]).boxed(),
            Kept::File(file) => {
                let file = tokio::fs::File::from_std(file.reopen()?);
                tokio_util::io::ReaderStream::new(file).boxed()
            }
        })
    }

    async fn read_all<E>(
        body: impl Stream<Item = Result<Bytes, E>>,
        announced: u64,
        folder: Option<PathBuf>,
    ) -> anyhow::Result<Self>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let mut body = std::pin::pin!(body);
        let (mut hash, mut len) = (Sha256::new(), 0);
        let mut memory = BytesMut::new();
        let mut file = match announced > IN_MEMORY {
            true => Some(temporary(folder)?),
            false => None,
        };
        while let Some(chunk) = body.next().await {
            let chunk = chunk.context("the original broke off while it was read")?;
            len += chunk.len() as u64;
            ensure!(
                len <= announced,
                "more came than the {announced} bytes that were announced"
            );
            hash.update(&chunk);
            match &mut file {
                // A few hundred kilobytes into the page cache, on a runtime with threads to spare.
                Some(file) => file
                    .write_all(&chunk)
                    .context("the temporary file cannot be written")?,
                None => memory.extend_from_slice(&chunk),
            }
        }
        let bytes = match file {
            Some(file) => Kept::File(file),
            None => Kept::Memory(memory.freeze()),
        };
        Ok(Self {
            bytes,
            len,
            sha256: HexId(hash.finalize().into()),
            encoding: None,
        })
    }

    pub(super) fn source(&self) -> Source<'_> {
        match &self.bytes {
            Kept::Memory(bytes) => Source::Bytes(bytes.clone()),
            Kept::File(file) => Source::File {
                path: file.path(),
                len: self.len,
            },
        }
    }
}

/// Hashes a body that nobody keeps.
pub(super) async fn hash<E>(
    body: impl Stream<Item = Result<Bytes, E>>,
) -> anyhow::Result<ContentHash>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let mut body = std::pin::pin!(body);
    let mut hash = Sha256::new();
    while let Some(chunk) = body.next().await {
        hash.update(&chunk.context("an original broke off while it was read")?);
    }
    Ok(HexId(hash.finalize().into()))
}

/// Under a name that the store sweeps, should this process die.
fn temporary(folder: Option<PathBuf>) -> anyhow::Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder.unwrap_or_else(std::env::temp_dir);
    let mut builder = tempfile::Builder::new();
    // As any other original, so that a web server can read it too.
    let readable = std::fs::Permissions::from_mode(0o644);
    let file = builder
        .prefix("put-")
        .permissions(readable)
        .tempfile_in(&folder);
    file.with_context(|| format!("no temporary file can be made in {}", folder.display()))
}
