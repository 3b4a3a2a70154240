//! The bytes of an object, a bounded chunk at a time.

use std::fmt;
use std::fs::{File, Metadata};
use std::future::Future;
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use tokio::task::JoinHandle;

use crate::disk::blocking;
use crate::{Error, Meta};

/// The most that a body holds in memory at a time, in bytes.
pub const CHUNK_BYTES: usize = 256 * 1024;

#[derive(Debug)]
pub struct Get {
    pub meta: Meta,
    /// What `body` holds, in bytes of the object.
    pub range: Range<u64>,
    pub body: Body,
}

/// A stream of exactly the announced bytes of one version, or an error: never a quiet short body, and
/// never one of two versions.
#[derive(Debug)]
pub struct Body {
    inner: Inner,
    /// Bytes still to come.
    left: u64,
}

enum Inner {
    /// Everything that is left.
    Bytes(Bytes),
    File {
        /// Read with the open, so that a small object costs one trip to the blocking threads.
        first: Option<Bytes>,
        file: Arc<Unchanged>,
        next: u64,
        reading: Option<JoinHandle<Result<Bytes, Error>>>,
    },
    Stream {
        /// Never an empty chunk, and the last one only when nothing can go wrong any more.
        stream: Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>,
        /// What came, and is too large for one chunk.
        rest: Bytes,
    },
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Bytes",
            Self::File { .. } => "File",
            Self::Stream { .. } => "Stream",
        })
    }
}

impl Body {
    pub(crate) fn bytes(bytes: Bytes) -> Self {
        Self {
            left: bytes.len() as u64,
            inner: Inner::Bytes(bytes),
        }
    }

    /// Blocks for the first chunk.
    pub(crate) fn file(file: Unchanged, range: &Range<u64>) -> Result<Self, Error> {
        let left = range.end - range.start;
        let first = file.read_chunk(range.start, left)?;
        if first.len() as u64 == left {
            return Ok(Self::bytes(first));
        }
        let next = range.start + first.len() as u64;
        Ok(Self {
            inner: Inner::File {
                first: Some(first),
                file: Arc::new(file),
                next,
                reading: None,
            },
            left,
        })
    }

    /// From elsewhere; `len` is what was announced.
    pub(crate) fn stream(
        stream: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
        len: u64,
    ) -> Self {
        Self {
            inner: Inner::Stream {
                stream: Box::pin(stream),
                rest: Bytes::new(),
            },
            left: len,
        }
    }

    /// How many bytes are still to come.
    pub fn len(&self) -> u64 {
        self.left
    }

    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// All that is left, in memory; [`Error::TooLarge`] before anything is read when that is more
    /// than `limit`.
    pub async fn into_bytes(mut self, limit: u64) -> Result<Bytes, Error> {
        if self.left > limit {
            return Err(Error::TooLarge {
                size: self.left,
                limit,
            });
        }
        if let Inner::Bytes(bytes) = self.inner {
            return Ok(bytes);
        }
        let mut all = BytesMut::with_capacity(usize::try_from(self.left).unwrap_or(usize::MAX));
        while let Some(chunk) = self.next().await {
            all.extend_from_slice(&chunk?);
        }
        Ok(all.freeze())
    }
}

impl Stream for Body {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let body = self.get_mut();
        if body.left == 0 {
            return Poll::Ready(None);
        }
        let chunk = match &mut body.inner {
            Inner::Bytes(bytes) => bytes.split_to(bytes.len().min(CHUNK_BYTES)),
            Inner::File {
                first,
                file,
                next,
                reading,
            } => match first.take() {
                Some(chunk) => chunk,
                None => {
                    let left = body.left;
                    let job = reading.get_or_insert_with(|| {
                        let (file, at) = (file.clone(), *next);
                        blocking::spawn(move || file.read_chunk(at, left))
                    });
                    let chunk = blocking::joined(ready!(Pin::new(job).poll(context)));
                    *reading = None;
                    match chunk {
                        Ok(chunk) => {
                            *next += chunk.len() as u64;
                            chunk
                        }
                        Err(error) => {
                            body.left = 0;
                            return Poll::Ready(Some(Err(error)));
                        }
                    }
                }
            },
            Inner::Stream { stream, rest } => {
                if rest.is_empty() {
                    match ready!(stream.as_mut().poll_next(context)) {
                        Some(Ok(chunk)) if chunk.len() as u64 <= body.left => *rest = chunk,
                        outcome => {
                            body.left = 0;
                            return Poll::Ready(Some(Err(broken(outcome))));
                        }
                    }
                }
                rest.split_to(rest.len().min(CHUNK_BYTES))
            }
        };
        body.left -= chunk.len() as u64;
        Poll::Ready(Some(Ok(chunk)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let chunks = usize::try_from(self.left.div_ceil(CHUNK_BYTES as u64)).ok();
        (
            usize::from(self.left > 0),
            chunks.map(|chunks| chunks.saturating_add(1)),
        )
    }
}

/// Why a stream ended before its announced end.
fn broken(outcome: Option<Result<Bytes, Error>>) -> Error {
    match outcome {
        Some(Err(error)) => error,
        Some(Ok(_)) => Error::unavailable("reading an object", "more came than was announced"),
        None => Error::unavailable("reading an object", "less came than was announced"),
    }
}

/// A file that other programs may write to in place while it is read.
pub(crate) struct Unchanged {
    file: File,
    /// Size and time of the version that is read: seconds and nanoseconds.
    version: (u64, i64, i64),
}

impl Unchanged {
    /// `metadata` tells the version.
    pub(crate) fn new(file: File, metadata: &Metadata) -> Self {
        Self {
            file,
            version: version(metadata),
        }
    }

    fn read_chunk(&self, at: u64, left: u64) -> Result<Bytes, Error> {
        let len = usize::try_from(left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        let mut chunk = vec![0; len];
        match self.file.read_exact_at(&mut chunk, at) {
            // Cut short in place.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(Error::Changed);
            }
            read => read.map_err(Error::io("reading an object"))?,
        }
        let metadata = self.file.metadata();
        let now = metadata.map_err(Error::io("looking at an object"))?;
        if version(&now) != self.version {
            return Err(Error::Changed);
        }
        Ok(chunk.into())
    }
}

fn version(metadata: &Metadata) -> (u64, i64, i64) {
    (metadata.size(), metadata.mtime(), metadata.mtime_nsec())
}
