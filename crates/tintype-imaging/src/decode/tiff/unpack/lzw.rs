//! LZW (TIFF 6.0 section 13), and the older variant that libtiff wrote before that was settled.

use std::borrow::Cow;
use std::io::{self, Read};

use weezl::decode::Decoder;
use weezl::{BitOrder, LzwStatus};

pub(super) struct Lzw<'c> {
    decoder: Decoder,
    bytes: Cow<'c, [u8]>,
    at: usize,
}

impl<'c> Lzw<'c> {
    pub(super) fn new(bytes: Cow<'c, [u8]>) -> Self {
        // The first code is a clear code: 256, in 9 bits.
        let is_old = matches!(*bytes, [0, second, ..] if second & 1 == 1);
        Self {
            decoder: match is_old {
                true => Decoder::new(BitOrder::Lsb, 8),
                false => Decoder::with_tiff_size_switch(BitOrder::Msb, 8),
            },
            bytes,
            at: 0,
        }
    }
}

impl Read for Lzw<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = self.decoder.decode_bytes(&self.bytes[self.at..], buffer);
            self.at += result.consumed_in;
            if result.consumed_out > 0 {
                return Ok(result.consumed_out);
            }
            match result.status {
                Ok(LzwStatus::Ok) if result.consumed_in > 0 => {}
                Ok(_) => return Ok(0),
                Err(_) => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
    }
}
