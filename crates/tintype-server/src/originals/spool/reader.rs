//! Random access to a spooled body.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};

use bytes::Bytes;

pub enum SpooledReader {
    Memory(Cursor<Bytes>),
    File(BufReader<File>),
}

impl Read for SpooledReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(reader) => reader.read(buffer),
            Self::File(reader) => reader.read(buffer),
        }
    }
}

impl BufRead for SpooledReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Memory(reader) => reader.fill_buf(),
            Self::File(reader) => reader.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match self {
            Self::Memory(reader) => reader.consume(amount),
            Self::File(reader) => reader.consume(amount),
        }
    }
}

impl Seek for SpooledReader {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Memory(reader) => reader.seek(position),
            Self::File(reader) => reader.seek(position),
        }
    }

    /// Keeps the buffer: walking through a file takes many small steps.
    fn seek_relative(&mut self, offset: i64) -> io::Result<()> {
        match self {
            Self::Memory(reader) => reader.seek_relative(offset),
            Self::File(reader) => reader.seek_relative(offset),
        }
    }
}
