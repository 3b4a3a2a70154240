//! Bytes to be sent: a part at a time, hashed before and watched while they are sent.
//!
//! Checksums are sent as headers rather than after the bytes as trailers: some servers refuse the signed chunks
//! that trailers need over plain HTTP.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use md5::Md5;
use sha2::Digest;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::disk::blocking;
use crate::{Error, WriteSource};

/// Sent at once, from memory; anything larger is watched instead of timed.
pub(super) const SMALL: u64 = 256 * 1024;
/// Bytes that have not moved for this long will not move again.
const STALLED: Duration = Duration::from_secs(10);

/// All bytes of one write.
#[derive(Clone, Debug)]
pub(super) struct Payload {
    bytes: PayloadBytes,
    pub(super) len: u64,
}

#[derive(Clone, Debug)]
enum PayloadBytes {
    Memory(Bytes),
    File(Arc<File>),
}

impl Payload {
    pub(super) async fn open(source: WriteSource<'_>) -> Result<Self, Error> {
        let (path, len) = match source {
            WriteSource::Bytes(bytes) => {
                return Ok(Self {
                    len: bytes.len() as u64,
                    bytes: PayloadBytes::Memory(bytes),
                });
            }
            WriteSource::File { path, len } => (path.to_owned(), len),
        };
        let open = move || {
            let file = OpenOptions::new()
                .read(true)
                .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
                .open(path)
                .map_err(Error::io("opening a spooled file"))?;
            Ok(Arc::new(file))
        };
        let content = Self {
            bytes: PayloadBytes::File(blocking::run(open).await?),
            len,
        };
        content.check()?;
        Ok(content)
    }

    /// Checks that the source still is what was announced.
    pub(super) fn check(&self) -> Result<(), Error> {
        let PayloadBytes::File(file) = &self.bytes else {
            return Ok(());
        };
        let metadata = file.metadata();
        let actual = metadata
            .map_err(Error::io("reading a spooled file's metadata"))?
            .len();
        if actual == self.len {
            Ok(())
        } else {
            Err(Error::SourceChanged {
                announced: self.len,
                actual,
            })
        }
    }

    pub(super) fn whole(&self) -> Part {
        self.part(0..self.len)
    }

    pub(super) fn part(&self, range: Range<u64>) -> Part {
        Part {
            bytes: self.bytes.clone(),
            range,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Part {
    bytes: PayloadBytes,
    range: Range<u64>,
}

impl Part {
    pub(super) fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    fn read(&self, at: u64) -> io::Result<Bytes> {
        let end = self.range.end.min(at + SMALL);
        match &self.bytes {
            // Both ends are within bytes that are in memory.
            PayloadBytes::Memory(bytes) => Ok(bytes.slice(at as usize..end as usize)),
            PayloadBytes::File(file) => {
                let mut chunk = vec![0; (end - at) as usize];
                file.read_exact_at(&mut chunk, at)?;
                Ok(chunk.into())
            }
        }
    }

    fn each_chunk(&self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let Range { mut start, end } = self.range.clone();
        match &self.bytes {
            // Both ends are within bytes that are in memory.
            PayloadBytes::Memory(bytes) => take(&bytes[start as usize..end as usize]),
            PayloadBytes::File(file) => {
                let mut buffer = vec![0; SMALL.min(end - start) as usize];
                while start < end {
                    let len = SMALL.min(end - start);
                    let chunk = &mut buffer[..len as usize];
                    file.read_exact_at(chunk, start)?;
                    take(chunk);
                    start += len;
                }
            }
        }
        Ok(())
    }

    /// Passes every chunk to `take`, outside of the asynchronous threads if there are many.
    async fn fold<T: Send + 'static>(
        &self,
        mut state: T,
        take: impl Fn(&mut T, &[u8]) + Send + 'static,
    ) -> Result<T, Error> {
        let part = self.clone();
        let small = part.len() <= SMALL && matches!(part.bytes, PayloadBytes::Memory(_));
        let fold = move || {
            part.each_chunk(|chunk| take(&mut state, chunk))
                .map_err(Error::io("reading a spooled file"))?;
            Ok(state)
        };
        if small {
            fold()
        } else {
            blocking::run(fold).await
        }
    }

    pub(super) async fn crc32(&self) -> Result<u32, Error> {
        let state = crc32fast::Hasher::new();
        let hash = self.fold(state, |state, chunk| state.update(chunk)).await?;
        Ok(hash.finalize())
    }

    pub(super) async fn md5(&self) -> Result<[u8; 16], Error> {
        let hash = self.fold(Md5::new(), |state, chunk| state.update(chunk));
        Ok(hash.await?.finalize().into())
    }

    /// A body that starts again with every attempt.
    pub(super) fn stream(&self, progress: &Progress) -> Result<ByteStream, Error> {
        if self.len() <= SMALL {
            let bytes = self.read(self.range.start);
            let bytes = bytes.map_err(Error::io("reading a spooled file"))?;
            return Ok(ByteStream::from(bytes));
        }
        let (part, progress) = (self.clone(), progress.clone());
        let body = SdkBody::retryable(move || {
            progress.made();
            SdkBody::from_body_1_x(Sending {
                next: part.range.start,
                part: part.clone(),
                reading: None,
                progress: progress.clone(),
            })
        });
        Ok(ByteStream::new(body))
    }
}

pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// One attempt to send a part.
struct Sending {
    part: Part,
    next: u64,
    reading: Option<JoinHandle<Result<Bytes, Error>>>,
    progress: Progress,
}

impl Body for Sending {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let sending = self.get_mut();
        sending.progress.made();
        if sending.is_end_stream() {
            return Poll::Ready(None);
        }
        let job = sending.reading.get_or_insert_with(|| {
            let (part, at) = (sending.part.clone(), sending.next);
            blocking::spawn(move || part.read(at).map_err(Error::io("reading a spooled file")))
        });
        let chunk = blocking::joined(ready!(Pin::new(job).poll(context)));
        sending.reading = None;
        Poll::Ready(Some(chunk.map(|chunk| {
            sending.next += chunk.len() as u64;
            Frame::data(chunk)
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.next >= self.part.range.end
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.part.range.end - self.next)
    }
}

/// When bytes last moved. An upload may take as long as it likes while they do.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    began: Instant,
    /// Milliseconds after `began`.
    last: Arc<AtomicU64>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            last: Arc::default(),
        }
    }

    fn made(&self) {
        let elapsed = self.began.elapsed().as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        self.last.store(elapsed, Ordering::Relaxed);
    }

    /// Runs `request`; `None` if it has stopped making progress.
    pub(super) async fn watch<T>(&self, request: impl Future<Output = T>) -> Option<T> {
        let mut request = pin!(request);
        loop {
            let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
            let deadline = self.began + last + STALLED;
            if Instant::now() >= deadline {
                return None;
            }
            if let Ok(outcome) = tokio::time::timeout_at(deadline, &mut request).await {
                return Some(outcome);
            }
        }
    }
}
