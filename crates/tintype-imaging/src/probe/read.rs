//! Bounded reading of containers: nothing is allocated because a file claims it, and no more bytes
//! are read than the limit on files allows.

use std::io::{BufRead, Read, Seek, SeekFrom};

use crate::Error;

pub(super) struct Reader<R> {
    inner: R,
    position: u64,
    length: u64,
}

impl<R: BufRead + Seek> Reader<R> {
    pub(super) fn new(mut inner: R) -> Result<Self, Error> {
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

    pub(super) fn left(&self) -> u64 {
        self.length.saturating_sub(self.position)
    }

    pub(super) fn into_inner(self) -> R {
        self.inner
    }

    /// Up to `limit` bytes from the current position, without moving.
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

    /// The caller has checked the length against a limit.
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

    /// Beyond the end is an error, so that walking a truncated file ends.
    pub(super) fn skip(&mut self, length: u64) -> Result<(), Error> {
        if length > self.left() {
            return Err(Error::malformed("it ends too early"));
        }
        let step = i64::try_from(length).map_err(|_| Error::malformed("a part is too long"))?;
        self.inner.seek_relative(step)?;
        self.position += length;
        Ok(())
    }

    /// Moves just behind the next `byte`.
    pub(super) fn skip_until(&mut self, byte: u8) -> Result<(), Error> {
        let moved = self.inner.skip_until(byte)? as u64;
        self.position += moved;
        if moved == 0 {
            return Err(Error::malformed("it ends too early"));
        }
        Ok(())
    }
}

pub(super) fn be16(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[0], bytes[1]])
}

pub(super) fn be32(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
