//! The bytes of one original in transit, hashed as they arrive.

use std::error::Error;
use std::io;

use anyhow::Context;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use tintype_server::originals::coding;
use tintype_server::originals::digest::ExpectedDigests;
use tintype_server::originals::spool::{self, Spool, Spooled};
use tintype_server::records::record::is_gzip;
use tintype_store::{ContentHash, WriteSource};

/// Limit of decoding one original; as much as an upload may have.
const MAX_UNPACKED: u64 = 5 * 1024 * 1024 * 1024;
/// RFC 1952, 2.3.1.
const GZIP: &[u8] = &[0x1f, 0x8b];

pub(super) struct Buffered {
    spooled: Spooled,
    /// Their content coding.
    pub(super) encoding: Option<String>,
}

impl Buffered {
    /// Reads a whole body.
    pub(super) async fn read<E>(
        spool: &Spool,
        body: impl Stream<Item = Result<Bytes, E>>,
        announced: u64,
    ) -> anyhow::Result<Self>
    where
        E: Error + Send + Sync + 'static,
    {
        Self::read_all(spool, body, Some(announced), announced).await
    }

    pub(super) fn of_coding(self, encoding: Option<String>) -> Self {
        Self { encoding, ..self }
    }

    /// Decodes gzip of another program. Other codings are kept, and so are bytes that are not in their declared
    /// coding.
    pub(super) async fn unpacked(self, spool: &Spool) -> anyhow::Result<Self> {
        if !self.encoding.as_deref().is_some_and(is_gzip) {
            return Ok(self);
        }
        if !self.spooled.head().starts_with(GZIP) {
            return Ok(self.of_coding(None));
        }
        let unpacked = coding::decoded(self.body().await?, MAX_UNPACKED);
        // The decoded size is known only at the end.
        let unpacked = Self::read_all(spool, unpacked, None, MAX_UNPACKED).await;
        unpacked.context("it is gzip and cannot be decoded")
    }

    async fn read_all<E>(
        spool: &Spool,
        body: impl Stream<Item = Result<Bytes, E>>,
        announced: Option<u64>,
        limit: u64,
    ) -> anyhow::Result<Self>
    where
        E: Error + Send + Sync + 'static,
    {
        let reservation = spool.reserve(announced)?;
        let spooled = reservation
            .write(body, limit, &ExpectedDigests::default())
            .await;
        Ok(Self {
            spooled: spooled.map_err(broken_off)?,
            encoding: None,
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.spooled.len()
    }

    pub(super) fn sha256(&self) -> ContentHash {
        self.spooled.digests().sha256
    }

    pub(super) fn source(&self) -> WriteSource<'_> {
        self.spooled.source()
    }

    /// Reads all of it again.
    pub(super) async fn body(&self) -> io::Result<BoxStream<'static, io::Result<Bytes>>> {
        Ok(match self.source() {
            WriteSource::Bytes(bytes) => stream::iter([Ok(bytes)]).boxed(),
            WriteSource::File { path, .. } => {
                let file = tokio::fs::File::open(path).await?;
                tokio_util::io::ReaderStream::new(file).boxed()
            }
        })
    }
}

fn broken_off<E>(error: spool::Error<E>) -> anyhow::Error
where
    E: Error + Send + Sync + 'static,
{
    match error {
        spool::Error::Body(error) => {
            anyhow::Error::new(error).context("the original was cut off while it was read")
        }
        spool::Error::TooLarge { limit } => {
            anyhow::anyhow!("more than the announced {limit} bytes arrived")
        }
        spool::Error::Length { declared, received } => {
            anyhow::anyhow!("{received} bytes arrived, but {declared} were announced")
        }
        spool::Error::Io(error) => {
            anyhow::Error::new(error).context("the temporary file cannot be written")
        }
        spool::Error::Full(full) => full.into(),
    }
}
