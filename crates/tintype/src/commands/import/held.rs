//! The bytes of one original between two places, hashed as they come.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tintype_store::{HexId, Source};

/// Larger ones wait in a file. Times the jobs, this is the memory that an import takes.
const IN_MEMORY: u64 = 4 * 1024 * 1024;

pub(super) struct Held {
    pub(super) bytes: Kept,
    pub(super) len: u64,
    pub(super) sha256: [u8; 32],
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
        ensure!(
            len == announced,
            "{len} bytes came, and {announced} were announced"
        );
        let bytes = match file {
            Some(file) => Kept::File(file),
            None => Kept::Memory(memory.freeze()),
        };
        Ok(Self {
            bytes,
            len,
            sha256: hash.finalize().into(),
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

    pub(super) fn hex(&self) -> String {
        HexId(self.sha256).to_string()
    }
}

/// Hashes a body that nobody keeps.
pub(super) async fn hash<E>(body: impl Stream<Item = Result<Bytes, E>>) -> anyhow::Result<[u8; 32]>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let mut body = std::pin::pin!(body);
    let mut hash = Sha256::new();
    while let Some(chunk) = body.next().await {
        hash.update(&chunk.context("an original broke off while it was read")?);
    }
    Ok(hash.finalize().into())
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
