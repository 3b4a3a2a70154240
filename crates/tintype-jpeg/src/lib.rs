//! A JPEG decoder that decodes at the required size, row by row; and an encoder.
//!
//! ITU-T T.81 (ISO/IEC 10918-1): baseline, extended sequential and progressive, Huffman coded, 8 bits per sample, 1, 3
//! or 4 components. A thumbnail rarely needs every coefficient, hence [`Scale`]: an inverse DCT over the lowest
//! frequencies reduces each 8x8 block to 1 to 8 pixels a side, and coefficients above them are skipped in the
//! entropy-coded bytes, several symbols at a time, without ever being stored. At 1/8, only the DC scans of a
//! progressive file are decoded.
//!
//! [`Decoder`] returns each component at its own resolution, in stripes of one row of MCUs. Nothing else is in memory,
//! because the scans of a progressive file are read side by side. [`decode`] combines the components as libjpeg does.
//!
//! Damage affects only the damaged part ([`Decoder::is_damaged`]): what is missing is gray, or as an earlier scan left
//! it.
//!
//! [`encode()`] writes images for the web: 8 bits, gray or YCbCr, in one scan or progressive.
//!
//! Reading order: `frame` and `markers`, `plane`, `decoder`, `scan` with `sequential` and `progressive`, then what they
//! build on: `bits`, `huffman`, `coefficients`, `idct`.
//!
//! Deliberately absent: colour management (the caller applies the ICC profile), arithmetic coding, lossless and 12-bit
//! processes.

mod assemble;
mod bits;
mod coefficients;
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

mod upsample;

pub use assemble::{Picture, decode};
pub use colour::{Coding, Colour, to_rgb};
pub use decoder::{Chroma, Decoder, Stripe};
pub use encode::{BaseTables, Encoding, Samples, Sampling, encode};
pub use frame::FrameHeader;
pub use markers::read_frame;

/// The side of a block after decoding, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scale(u8);

impl Scale {
    pub const EIGHTH: Self = Self(1);
    pub const QUARTER: Self = Self(2);
    pub const HALF: Self = Self(4);
    pub const FULL: Self = Self(8);

    /// Returns the scale of `count` eighths, clamped to 1..=8.
    pub const fn eighths(count: u32) -> Self {
        match count {
            0 => Self::EIGHTH,
            1..8 => Self(count as u8),
            _ => Self::FULL,
        }
    }

    /// Width and height of a block in pixels.
    pub const fn block(self) -> usize {
        self.0 as usize
    }

    /// Scales a side of `pixels`.
    pub const fn apply(self, pixels: u32) -> u32 {
        (pixels as u64 * self.0 as u64).div_ceil(8) as u32
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of the image as decoded.
    pub max_pixels: u64,
    /// Progressive files can require any number of passes over the image.
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
    /// The caller's input is invalid.
    #[error("cannot be encoded: {0}")]
    BadInput(&'static str),
}

impl Error {
    /// Succeeds up to and including the limit.
    pub(crate) fn check(what: &'static str, is: u64, limit: u64) -> Result<(), Self> {
        if is > limit {
            return Err(Self::OverLimit { what, is, limit });
        }
        Ok(())
    }
}
