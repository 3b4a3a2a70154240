//! The bytes of an object, a bounded chunk at a time.

mod file;
mod share;

use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};

pub(crate) use file::Unchanged;
pub use share::{LEAST_CHUNK_BYTES, Share};

use crate::{Error, Meta};

/// Largest chunk, in bytes; see [`Share`] for when it is less.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// Objects that are needed whole are read together with the open up to this size, in bytes, so that it costs one
/// trip to the blocking threads: nearly every record, and most variants.
pub(crate) const WHOLE_BYTES: usize = 256 * 1024;

#[derive(Debug)]
pub struct Get {
    pub meta: Meta,
    /// The range of the object's bytes that `body` holds.
    pub range: Range<u64>,
    pub body: Body,
}

/// A stream of exactly the announced bytes of one version, or an error: never silently short, and never of two
/// versions.
#[derive(Debug)]
pub struct Body {
    inner: Inner,
    /// Bytes still to come.
    left: u64,
}

enum Inner {
    /// All bytes, in memory.
    Bytes(Bytes),
    File {
        /// Bytes read with the open.
        first: Bytes,
        reading: file::FileReading,
    },
    Stream {
        /// Never yields an empty chunk, and yields the last one only when nothing can go wrong any more.
        stream: Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>,
        /// The rest of what came, beyond one chunk.
        rest: Bytes,
        /// Called when all of it is wanted at once.
        hurry: Option<Box<dyn FnOnce() + Send>>,
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

    /// Blocks for the first bytes: all of them if they are not more than `at_once`.
    pub(crate) fn file(file: Unchanged, range: &Range<u64>, at_once: usize) -> Result<Self, Error> {
        let left = range.end - range.start;
        let share = Share::take();
        let len = match usize::try_from(left) {
            Ok(left) if left <= at_once => left,
            _ => file::chunk_len(left, &share),
        };
        let first = file.read(range.start, len)?;
        if len as u64 == left {
            return Ok(Self::bytes(first));
        }
        let reading = file::FileReading::new(file, range.start + len as u64, share);
        Ok(Self {
            inner: Inner::File { first, reading },
            left,
        })
    }

    /// A file of which nothing has been read yet.
    pub(crate) fn unread(file: Unchanged, range: &Range<u64>) -> Self {
        let reading = file::FileReading::new(file, range.start, Share::take());
        Self {
            inner: Inner::File {
                first: Bytes::new(),
                reading,
            },
            left: range.end - range.start,
        }
    }

    /// A body from elsewhere; `len` is its announced length, and `hurry` is called when all of it is wanted at
    /// once.
    pub(crate) fn stream(
        stream: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
        len: u64,
        hurry: impl FnOnce() + Send + 'static,
    ) -> Self {
        Self {
            inner: Inner::Stream {
                stream: Box::pin(stream),
                rest: Bytes::new(),
                hurry: Some(Box::new(hurry)),
            },
            left: len,
        }
    }

    /// Number of bytes still to come.
    pub fn len(&self) -> u64 {
        self.left
    }

    pub fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// Reads the rest into memory; [`Error::TooLarge`] before reading anything if that is more than `limit`.
    pub async fn into_bytes(mut self, limit: u64) -> Result<Bytes, Error> {
        if self.left > limit {
            return Err(Error::TooLarge {
                size: self.left,
                limit,
            });
        }
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        match self.inner {
            Inner::Bytes(bytes) => return Ok(bytes),
            Inner::File { first, reading } => return reading.rest(&first, left).await,
            Inner::Stream { ref mut hurry, .. } => {
                if let Some(hurry) = hurry.take() {
                    hurry();
                }
            }
        }
        let mut all = BytesMut::with_capacity(left);
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
            Inner::File { first, .. } if !first.is_empty() => std::mem::take(first),
            Inner::File { reading, .. } => match ready!(reading.poll_chunk(context, body.left)) {
                Ok(chunk) => chunk,
                Err(error) => {
                    body.left = 0;
                    return Poll::Ready(Some(Err(error)));
                }
            },
            Inner::Stream { stream, rest, .. } => {
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
        // A chunk has at least one byte, but may be shorter than requested.
        let most = usize::try_from(self.left).ok();
        (usize::from(self.left > 0), most)
    }
}

/// Why a stream ended before its announced end.
fn broken(outcome: Option<Result<Bytes, Error>>) -> Error {
    match outcome {
        Some(Err(error)) => error,
        Some(Ok(_)) => Error::unavailable("reading an object", "more bytes came than announced"),
        None => Error::unavailable("reading an object", "fewer bytes came than announced"),
    }
}
