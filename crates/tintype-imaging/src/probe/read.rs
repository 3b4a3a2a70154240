//! Bounded reading of containers: nothing is allocated because a file claims it, and nothing is read after the
//! deadline. Parts that a file may contain by the million are searched in [windows](ContainerReader::window) rather
//! than read one by one.

use std::io::{BufRead, Read, Seek, SeekFrom};
use std::time::Instant;

use crate::Error;
use crate::limits::DeadlineReader;

/// Bytes processed between two checks of the clock.
const WINDOW_BYTES: usize = 64 * 1024;

pub(crate) struct ContainerReader<R> {
    inner: DeadlineReader<R>,
    position: u64,
    length: u64,
}

impl<R: BufRead + Seek> ContainerReader<R> {
    pub(crate) fn new(inner: R, deadline: Instant) -> Result<Self, Error> {
        let mut inner = DeadlineReader::new(inner, deadline);
        let length = inner.seek(SeekFrom::End(0))?;
        inner.seek(SeekFrom::Start(0))?;
        Ok(Self {
            inner,
            position: 0,
            length,
        })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn deadline(&self) -> Instant {
        self.inner.deadline()
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn left(&self) -> u64 {
        self.length.saturating_sub(self.position)
    }

    pub(super) fn into_inner(self) -> DeadlineReader<R> {
        self.inner
    }

    /// Returns up to `limit` bytes from the current position, without moving.
    pub(super) fn peek(&mut self, limit: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.inner.by_ref().take(limit).read_to_end(&mut bytes)?;
        self.inner.seek(SeekFrom::Start(self.position))?;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes)?;
        self.position += N as u64;
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Error> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn be16(&mut self) -> Result<u16, Error> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(super) fn be32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(super) fn le32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Reads `length` bytes; the caller has checked the length against a limit.
    pub(super) fn vec(&mut self, length: u64) -> Result<Vec<u8>, Error> {
        if length > self.left() {
            return Err(Error::malformed("it ends too early"));
        }
        let mut bytes =
            vec![0; usize::try_from(length).map_err(|_| Error::malformed("a part is too long"))?];
        self.inner.read_exact(&mut bytes)?;
        self.position += length;
        Ok(bytes)
    }

    /// Fails beyond the end, so that walking a truncated file stops.
    pub(super) fn skip(&mut self, length: u64) -> Result<(), Error> {
        if length > self.left() {
            return Err(Error::malformed("it ends too early"));
        }
        let step = i64::try_from(length).map_err(|_| Error::malformed("a part is too long"))?;
        self.inner.seek_relative(step)?;
        self.position += length;
        Ok(())
    }

    /// Seeks, at most to the end.
    pub(super) fn seek(&mut self, position: u64) -> Result<(), Error> {
        let position = position.min(self.length);
        self.inner.seek(SeekFrom::Start(position))?;
        self.position = position;
        Ok(())
    }

    /// Returns the buffered bytes ahead, never empty. Fails at the end.
    pub(super) fn window(&mut self) -> Result<&[u8], Error> {
        let ahead = self.inner.fill_buf()?;
        if ahead.is_empty() {
            return Err(Error::malformed("it ends too early"));
        }
        Ok(&ahead[..ahead.len().min(WINDOW_BYTES)])
    }

    /// Advances, at most by the length of the last window.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.inner.consume(bytes);
        self.position += bytes as u64;
    }
}

pub(super) fn be16(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

pub(super) fn be32(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
