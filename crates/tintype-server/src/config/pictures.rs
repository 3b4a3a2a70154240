//! What pictures look like, and which are made.

use std::time::Duration;

use tintype_imaging::spec::Format;

use super::option::options;
use super::reader::Reader;
use super::{read, units};

options! {
    "Pictures";

    /// Larger pictures are kept and delivered as they are, never rendered. What counts is what is decoded: a JPEG of 108 MP
    /// is decoded at 1/4 for 1,200 pixels, which is 7 MP; an answer that would need more is refused.
    MAX_PIXELS = "max_pixels", "100MP";

    /// The same for the size that a file declares, whatever of it is decoded.
    MAX_DECLARED_PIXELS = "max_declared_pixels", "250MP";

    /// Quality where an address names none, 1 to 100, on one scale for all formats: JPEG's, as libjpeg counts. At the
    /// same number they look about the same (SSIMULACRA2 within 2 points, mean and worst of 25 photographs), so a page
    /// looks as one whatever its readers' browsers accept; `cargo bench --bench quality` prints the table.
    ///
    /// 80 of JPEG scores 79, where faults are seen by those who look for them: 70 saves a fifth of the bytes and shows,
    /// 90 takes half as many again.
    QUALITY_JPEG = "quality_jpeg", "80";

    /// As JPEG. libwebp's own 81 to 86, by size.
    QUALITY_WEBP = "quality_webp", "80";

    /// As JPEG. libaom's own 67 to 75, by size: a sixth fewer bytes than JPEG. rav1e's 83 to 84: as many.
    QUALITY_AVIF = "quality_avif", "80";

    /// JPEG answers that are rough at first and become finer while they arrive. 2 to 4 % smaller, for three times the CPU of
    /// encoding, and more of their readers'. Otherwise one scan from top to bottom, with Huffman tables fitted to the picture.
    JPEG_PROGRESSIVE = "jpeg_progressive", "0";

    /// Where an address leaves the format open, the best one that the client takes is answered. Encoding
    /// that would take one thread longer than this, or that would keep others waiting, is done behind an
    /// answer in the next format, which is kept for a minute at most.
    FORMAT_BUDGET = "format_budget", "200ms";

    /// 1: the first small variant of a large photograph (8 megapixels and more) makes one downscale of it, 2048 pixels on
    /// the longer side, from which all further ones come, up to a bit over 1300 pixels: the original is read and decoded
    /// once. It lies beside the variants (some 900 KB) and goes when they go. Worth it where a photograph has some eight
    /// sizes or its bucket is slow: making it takes the CPU of three to five variants, and saves half of each further one.
    MEZZANINE = "mezzanine", "0";
}

#[derive(Debug)]
pub struct Pictures {
    pub max_pixels: u64,
    pub max_declared_pixels: u64,
    pub quality: Quality,
    pub jpeg_progressive: bool,
    /// How long one thread may take to encode a format that was not asked for by name.
    pub format_budget: Duration,
    /// Whether small variants of a large photograph come from one downscale of it.
    pub mezzanine: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Quality {
    pub jpeg: u8,
    pub webp: u8,
    pub avif: u8,
}

impl Pictures {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            max_pixels: reader.read(MAX_PIXELS, read::pixels),
            max_declared_pixels: reader.read(MAX_DECLARED_PIXELS, read::pixels),
            quality: Quality {
                jpeg: reader.read(QUALITY_JPEG, read::quality),
                webp: reader.read(QUALITY_WEBP, read::quality),
                avif: reader.read(QUALITY_AVIF, read::quality),
            },
            jpeg_progressive: reader.read(JPEG_PROGRESSIVE, read::switch),
            format_budget: reader.read(FORMAT_BUDGET, units::duration),
            mezzanine: reader.read(MEZZANINE, read::switch),
        }
    }
}

impl Quality {
    /// For PNG it means nothing, and one number does.
    pub fn of(self, format: Format) -> u8 {
        match format {
            Format::Avif => self.avif,
            Format::Webp => self.webp,
            Format::Jpeg | Format::Png | Format::Gif => self.jpeg,
        }
    }
}
