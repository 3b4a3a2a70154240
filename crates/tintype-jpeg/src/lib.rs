//! A JPEG decoder that gives a picture at the size that is wanted, row by row; and an encoder.
//!
//! ITU-T T.81 (ISO/IEC 10918-1): baseline, extended sequential and progressive, Huffman coded,
//! 8 bits a sample, 1, 3 or 4 components. A thumbnail rarely needs every coefficient, so there is a
//! [`Scale`]: each 8x8 block becomes 1 to 8 pixels wide through an inverse DCT of that size over
//! the lowest frequencies, and coefficients above them are skipped in the entropy-coded bytes, several
//! symbols at a time, without ever being stored. At 1/8 only the DC scans of a progressive file are
//! decoded.
//!
//! [`Decoder`] gives each component at its own resolution, in stripes of one row of MCUs; nothing else is in memory, for
//! the scans of a progressive file are read side by side. [`decode`] puts components together as libjpeg does.
//!
//! Damage costs what it damaged ([`Decoder::is_damaged`]): what is missing is gray, or as an earlier scan
//! had it.
//!
//! [`encode()`] writes what a web page shows: 8 bits, gray or YCbCr, in one scan or progressive.
//!
//! Reading order: `frame` and `markers`, `plane`, then `decoder`, then `scan` with `sequential` and
//! `progressive`, and what they stand on: `bits`, `huffman`, `store`, `idct`.
//!
//! Deliberately absent: colour management (the ICC profile is the caller's), arithmetic
//! coding, lossless and 12-bit processes.

mod assemble;
mod bits;
mod colour;
mod decoder;
mod encode;
mod frame;
mod huffman;
mod idct;
mod level;
mod markers;
mod plane;
mod progressive;
mod scan;
mod sequential;
mod standard;
mod store;
mod upsample;

pub use assemble::{Picture, decode};
pub use colour::{Coding, Colour, to_rgb};
pub use decoder::{Chroma, Decoder, Stripe};
pub use encode::{Encoding, Samples, Sampling, Tables, encode};
pub use frame::Frame;
pub use markers::read_frame;

/// One side of a block after decoding, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scale(u8);

impl Scale {
    pub const EIGHTH: Self = Self(1);
    pub const QUARTER: Self = Self(2);
    pub const HALF: Self = Self(4);
    pub const FULL: Self = Self(8);

    /// So many eighths, from one to all of them.
    pub const fn eighths(count: u32) -> Self {
        match count {
            0 => Self::EIGHTH,
            1..8 => Self(count as u8),
            _ => Self::FULL,
        }
    }

    /// Pixels that a block is wide and high.
    pub const fn block(self) -> usize {
        self.0 as usize
    }

    /// What a side of `pixels` becomes.
    pub const fn apply(self, pixels: u32) -> u32 {
        (pixels as u64 * self.0 as u64).div_ceil(8) as u32
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of the picture as it is decoded.
    pub max_pixels: u64,
    /// Progressive files can ask for any number of passes over the picture.
    pub max_scans: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("not a readable JPEG: {0}")]
    Malformed(&'static str),
    #[error("JPEG with {0} is not supported")]
    Unsupported(&'static str),
    #[error("{what} is {is}, limit is {limit}")]
    OverLimit {
        what: &'static str,
        is: u64,
        limit: u64,
    },
    #[error("decoding was stopped")]
    Stopped,
    /// Of the caller's making.
    #[error("nothing that can be encoded: {0}")]
    BadInput(&'static str),
}

impl Error {
    /// `Ok` up to and including the limit.
    pub(crate) fn check(what: &'static str, is: u64, limit: u64) -> Result<(), Self> {
        if is > limit {
            return Err(Self::OverLimit { what, is, limit });
        }
        Ok(())
    }
}
