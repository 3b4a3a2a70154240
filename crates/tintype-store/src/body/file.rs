//! Reads a file a chunk at a time, on demand.
//!
//! Chunks in the page cache are copied on the spot: a trip to the blocking threads costs more than the copy, and
//! chunks that are small enough to be held for every slow reader would need many trips.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::task::{JoinHandle, coop};

use super::Share;
use crate::Error;
use crate::disk::blocking;

/// Bytes read per trip to the blocking threads; the caller may be cancelled between trips.
const PIECE_BYTES: usize = 1024 * 1024;

pub(super) struct FileReading {
    file: Arc<Unchanged>,
    next: u64,
    /// Reads a chunk that has to come from the disk.
    waiting: Option<JoinHandle<Result<Bytes, Error>>>,
    /// Whether the file system supports reads from the page cache alone.
    tells: bool,
    share: Share,
}

impl FileReading {
    pub(super) fn new(file: Unchanged, next: u64, share: Share) -> Self {
        Self {
            file: Arc::new(file),
            next,
            waiting: None,
            tells: true,
            share,
        }
    }

    /// The next bytes of `left`, at least one.
    pub(super) fn poll_chunk(
        &mut self,
        context: &mut Context<'_>,
        left: u64,
    ) -> Poll<Result<Bytes, Error>> {
        // A cached file is always ready, and must not monopolise the thread.
        let turn = ready!(coop::poll_proceed(context));
        let len = chunk_len(left, &self.share);
        let chunk = match self.at_hand(len)? {
            Some(chunk) => chunk,
            None => {
                let job = self.waiting.get_or_insert_with(|| {
                    let (file, at) = (self.file.clone(), self.next);
                    blocking::spawn(move || file.read(at, len))
                });
                let chunk = blocking::joined(ready!(Pin::new(job).poll(context)));
                self.waiting = None;
                chunk?
            }
        };
        turn.made_progress();
        self.next += chunk.len() as u64;
        Poll::Ready(Ok(chunk))
    }

    /// Reads `left` bytes into memory. The `first` ones have been read already and are read again: that is cheaper
    /// than holding them twice.
    pub(super) async fn rest(self, first: &[u8], left: usize) -> Result<Bytes, Error> {
        let start = self.next - first.len() as u64;
        let mut bytes = Vec::with_capacity(left);
        while bytes.len() < left {
            let file = self.file.clone();
            bytes = blocking::run(move || {
                let read = bytes.len();
                bytes.resize(left.min(read + PIECE_BYTES), 0);
                file.read_into(&mut bytes[read..], start + read as u64)?;
                Ok(bytes)
            })
            .await?;
        }
        Ok(bytes.into())
    }

    /// Reads of the next chunk what is available without waiting for the disk.
    #[cfg(target_os = "linux")]
    fn at_hand(&mut self, len: usize) -> Result<Option<Bytes>, Error> {
        use std::io::IoSliceMut;

        use rustix::io::{Errno, ReadWriteFlags, preadv2};

        if self.waiting.is_some() || !self.tells {
            return Ok(None);
        }
        let mut chunk = vec![0; len];
        let slices = &mut [IoSliceMut::new(&mut chunk)];
        match preadv2(&self.file.file, slices, self.next, ReadWriteFlags::NOWAIT) {
            // Zero bytes mean that the file was truncated, which the other kind of read reports.
            Ok(0) | Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Ok(read) => {
                self.file.check()?;
                chunk.truncate(read);
                Ok(Some(chunk.into()))
            }
            // Not supported, and not worth trying again.
            Err(_) => {
                self.tells = false;
                Ok(None)
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn at_hand(&mut self, _: usize) -> Result<Option<Bytes>, Error> {
        self.tells = false;
        Ok(None)
    }
}

pub(super) fn chunk_len(left: u64, share: &Share) -> usize {
    let most = share.bytes();
    usize::try_from(left).map_or(most, |left| left.min(most))
}

/// A file that other programs may change in place while it is read. Reading it blocks.
pub(crate) struct Unchanged {
    file: File,
    /// Identifies the version that is read: size, and modification time in seconds and nanoseconds.
    version: (u64, i64, i64),
}

impl Unchanged {
    /// `metadata` identifies the version.
    pub(crate) fn new(file: File, metadata: &Metadata) -> Self {
        Self {
            file,
            version: version(metadata),
        }
    }

    pub(super) fn read(&self, at: u64, len: usize) -> Result<Bytes, Error> {
        let mut bytes = vec![0; len];
        self.read_into(&mut bytes, at)?;
        Ok(bytes.into())
    }

    fn read_into(&self, bytes: &mut [u8], at: u64) -> Result<(), Error> {
        match self.file.read_exact_at(bytes, at) {
            // Truncated in place.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Error::Changed),
            read => {
                read.map_err(Error::io("reading an object"))?;
                self.check()
            }
        }
    }

    fn check(&self) -> Result<(), Error> {
        let metadata = self.file.metadata();
        let now = metadata.map_err(Error::io("reading an object's metadata"))?;
        if version(&now) != self.version {
            return Err(Error::Changed);
        }
        Ok(())
    }
}

fn version(metadata: &Metadata) -> (u64, i64, i64) {
    (metadata.size(), metadata.mtime(), metadata.mtime_nsec())
}
