//! PackBits (TIFF 6.0 section 9).

use std::borrow::Cow;
use std::io::{self, Read};

pub(super) struct PackBits<'c> {
    bytes: Cow<'c, [u8]>,
    at: usize,
    /// The remainder of the last run.
    run: Run,
}

enum Run {
    Copied(usize),
    Repeated(u8, usize),
}

impl<'c> PackBits<'c> {
    pub(super) fn new(bytes: Cow<'c, [u8]>) -> Self {
        Self {
            bytes,
            at: 0,
            run: Run::Copied(0),
        }
    }

    /// `None` at the end.
    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn next_run(&mut self) -> Option<Run> {
        loop {
            match self.next()?.cast_signed() {
                // A no-op.
                -128 => {}
                length @ ..0 => {
                    return Some(Run::Repeated(
                        self.next()?,
                        1 + usize::from(length.unsigned_abs()),
                    ));
                }
                length => return Some(Run::Copied(length as usize + 1)),
            }
        }
    }
}

impl Read for PackBits<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &mut self.run {
                Run::Copied(0) | Run::Repeated(_, 0) => {
                    let Some(run) = self.next_run() else {
                        return Ok(0);
                    };
                    self.run = run;
                    continue;
                }
                Run::Repeated(byte, left) => {
                    let length = buffer.len().min(*left);
                    buffer[..length].fill(*byte);
                    *left -= length;
                    length
                }
                Run::Copied(left) => {
                    let mut rest = self.bytes.get(self.at..).unwrap_or_default();
                    let length = buffer.len().min(*left);
                    let length = rest.read(&mut buffer[..length])?;
                    self.at += length;
                    *left -= length;
                    length
                }
            };
            return Ok(read);
        }
    }
}
