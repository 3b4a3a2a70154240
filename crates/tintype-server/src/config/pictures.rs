//! How images look, and which are made.

use std::time::Duration;

use tintype_imaging::spec::{Format, Resolved, Size};

use super::option::options;
use super::reader::OptionReader;
use super::{read, units};

options! {
    "Pictures";

    /// Larger images are stored and delivered as they are, but never rendered. What counts is what is decoded: a
    /// JPEG of 108 MP is decoded at 1/4 for 1,200 pixels, which is 7 MP; a variant that needs more is refused.
    MAX_PIXELS = "max_pixels", "100MP";

    /// The same for the size that a file declares, however little of it is decoded.
    MAX_DECLARED_PIXELS = "max_declared_pixels", "250MP";

    /// Quality if a URL names none, 1 to 100, on one scale for all formats: JPEG's, as libjpeg counts. At the same
    /// number they look about the same (SSIMULACRA2 within 2 points, mean and worst of 25 photographs), so a page
    /// looks consistent whatever its readers' browsers accept; `cargo bench --bench quality` prints the table.
    ///
    /// JPEG at 80 scores 79, where people who look for flaws see them. 70 saves a fifth of the bytes and visibly
    /// degrades, 90 takes half as many again.
    QUALITY_JPEG = "quality_jpeg", "80";

    /// Like JPEG's. Corresponds to libwebp's own 81 to 86, by size.
    QUALITY_WEBP = "quality_webp", "80";

    /// Like JPEG's. Corresponds to libaom's own 67 to 75, by size: a sixth fewer bytes than JPEG; rav1e's 83 to 84:
    /// as many.
    QUALITY_AVIF = "quality_avif", "80";

    /// 1: progressive JPEG, which is coarse at first and becomes finer as it arrives. 2 to 4 % smaller, for three
    /// times the CPU to encode, and more in browsers. Otherwise one scan from top to bottom, with Huffman tables
    /// fitted to the image.
    JPEG_PROGRESSIVE = "jpeg_progressive", "0";

    /// 1: images are resized as light instead of as samples, as the eye would see them from afar: stars, grids and thin
    /// bright lines do not fade, and edges between dark and bright keep their weight. For two to ten times the CPU,
    /// and memory for all pixels of a JPEG, which otherwise is decoded at a reduced scale. Not for SVG.
    LINEAR_LIGHT = "linear_light", "0";

    /// If a URL leaves the format open, the best one that the client accepts is used. If encoding it would take one
    /// thread longer than this, or would keep other requests waiting, the response has the next format, is cached
    /// for a minute at most, and the best one is made in the background.
    FORMAT_BUDGET = "format_budget", "200ms";

    /// 1: the first small variant of a large photograph (8 megapixels and more) makes one downscale of it, 2048
    /// pixels on the longer side, from which all further ones come, up to a bit over 1300 pixels: the original is
    /// read and decoded once. It is stored beside the variants (some 900 KB) and deleted with them. Worth it if a
    /// photograph has some eight sizes or its bucket is slow: making it takes the CPU of three to five variants,
    /// and saves half of each further one.
    MEZZANINE = "mezzanine", "0";
}

#[derive(Debug)]
pub struct Pictures {
    pub max_pixels: u64,
    pub max_declared_pixels: u64,
    pub quality: Quality,
    pub jpeg_progressive: bool,
    pub linear_light: bool,
    /// How long one thread may take to encode a format that the URL did not name.
    pub format_budget: Duration,
    /// Whether small variants of a large photograph are made from one downscale of it.
    pub mezzanine: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Quality {
    pub jpeg: u8,
    pub webp: u8,
    pub avif: u8,
}

impl Pictures {
    pub(super) fn read(reader: &mut OptionReader) -> Self {
        Self {
            max_pixels: reader.read(MAX_PIXELS, read::pixels),
            max_declared_pixels: reader.read(MAX_DECLARED_PIXELS, read::pixels),
            quality: Quality {
                jpeg: reader.read(QUALITY_JPEG, read::quality),
                webp: reader.read(QUALITY_WEBP, read::quality),
                avif: reader.read(QUALITY_AVIF, read::quality),
            },
            jpeg_progressive: reader.read(JPEG_PROGRESSIVE, read::switch),
            linear_light: reader.read(LINEAR_LIGHT, read::switch),
            format_budget: reader.read(FORMAT_BUDGET, units::duration),
            mezzanine: reader.read(MEZZANINE, read::switch),
        }
    }
}

impl Pictures {
    /// Fills in what URLs leave to the configuration, for an original of this upright size.
    pub fn complete(&self, resolved: Resolved, upright: Size) -> Resolved {
        Resolved {
            progressive: self.jpeg_progressive && resolved.format == Format::Jpeg,
            // Nothing is averaged in an image that keeps its size.
            linear: self.linear_light && !resolved.is_original(upright),
            ..resolved
        }
    }
}

impl Quality {
    /// PNG has no quality, so any fixed number will do.
    pub fn of(self, format: Format) -> u8 {
        match format {
            Format::Avif => self.avif,
            Format::Webp => self.webp,
            Format::Jpeg | Format::Png | Format::Gif => self.jpeg,
        }
    }
}
