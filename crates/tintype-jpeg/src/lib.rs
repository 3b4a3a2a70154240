//! A JPEG decoder that makes small pictures out of large ones.
//!
//! ITU-T T.81 (ISO/IEC 10918-1): baseline, extended sequential and progressive, Huffman coded,
//! 8 bits a sample, 1, 3 or 4 components. A thumbnail rarely needs every coefficient, so
//! [`decode`] takes a [`Scale`]: each 8x8 block becomes 4, 2 or 1 pixels wide through an inverse DCT
//! of that size over the lowest frequencies, and coefficients above them are skipped in the
//! entropy-coded bytes, several symbols at a time, without ever being stored. Subsampled chroma is
//! decoded at the larger scale that makes it fit, rather than enlarged afterwards. At 1/8 only the
//! DC scans of a progressive file are decoded.
//!
//! Damaged and truncated files give what could be read, and say so ([`Picture::damaged`]).
//!
//! Deliberately absent: pictures at full size (other decoders do that well), encoding, colour management (the ICC profile is the caller's), arithmetic
//! coding, lossless and 12-bit processes.

mod bits;
mod colour;
mod frame;
mod huffman;
mod idct;
mod progressive;
mod sequential;
mod standard;

pub use frame::{Frame, read_frame};

/// One side of a block after decoding: the picture is `ceil(side * pixels / 8)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scale {
    Eighth,
    Quarter,
    Half,
}

impl Scale {
    /// Pixels that a block is wide and high.
    pub const fn block(self) -> usize {
        match self {
            Self::Eighth => 1,
            Self::Quarter => 2,
            Self::Half => 4,
        }
    }

    pub const fn divisor(self) -> u32 {
        8 / self.block() as u32
    }

    /// What a side of `pixels` becomes.
    pub const fn apply(self, pixels: u32) -> u32 {
        pixels.div_ceil(self.divisor())
    }
}

/// What the samples of a [`Picture`] mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Gray,
    Rgb,
    /// 255 is full ink, whichever way the file had it.
    Cmyk,
}

impl Colour {
    pub const fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
            Self::Cmyk => 4,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub colour: Colour,
    /// Interleaved, rows without padding.
    pub samples: Vec<u8>,
    /// Part of the data was missing or wrong; what could not be read is gray.
    pub damaged: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub max_pixels: u64,
    /// Progressive files can ask for any number of passes over the picture.
    pub max_scans: u32,
    /// Coefficients kept for a progressive file at more than 1/8, two bytes each.
    pub max_coefficient_bytes: u64,
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
}

/// Decodes a picture at a scale. `go_on` is asked once a row of blocks; `false` ends the work with
/// [`Error::Stopped`].
pub fn decode(
    bytes: &[u8],
    scale: Scale,
    limits: &Limits,
    go_on: &dyn Fn() -> bool,
) -> Result<Picture, Error> {
    frame::decode(bytes, scale, limits, go_on)
}
