//! The part of ravif's interface that tintype-avif uses.

use std::borrow::Cow;
use std::convert::Infallible;

#[derive(Clone, Copy)]
pub struct RGB8(pub [u8; 3]);

impl RGB8 {
    pub fn new(r: u8, g: u8, b: u8) -> Self {
        Self([r, g, b])
    }
}

impl From<[u8; 3]> for RGB8 {
    fn from(samples: [u8; 3]) -> Self {
        Self(samples)
    }
}

#[derive(Clone, Copy)]
pub struct RGBA8(pub [u8; 4]);

impl RGBA8 {
    pub fn new(r: u8, g: u8, b: u8, a: u8) -> Self {
        Self([r, g, b, a])
    }
}

pub struct Img<P>(P);

impl<'a, T> Img<&'a [T]> {
    pub fn new(pixels: &'a [T], width: usize, height: usize) -> Self {
        assert_eq!(pixels.len(), width * height);
        Self(pixels)
    }
}

pub struct EncodedImage {
    pub avif_file: Vec<u8>,
}

#[derive(Default)]
pub struct Encoder;

impl Encoder {
    pub fn new() -> Self {
        Self
    }

    pub fn with_quality(self, _: f32) -> Self {
        self
    }

    pub fn with_alpha_quality(self, _: f32) -> Self {
        self
    }

    pub fn with_speed(self, _: u8) -> Self {
        self
    }

    pub fn with_num_threads(self, _: Option<usize>) -> Self {
        self
    }

    pub fn with_exif(self, _: Cow<'_, [u8]>) -> Self {
        self
    }

    pub fn encode_rgb(&self, pixels: Img<&[RGB8]>) -> Result<EncodedImage, Infallible> {
        let avif_file = vec![0; pixels.0.len()];
        Ok(EncodedImage { avif_file })
    }

    pub fn encode_rgba(&self, pixels: Img<&[RGBA8]>) -> Result<EncodedImage, Infallible> {
        let avif_file = vec![0; pixels.0.len()];
        Ok(EncodedImage { avif_file })
    }
}
