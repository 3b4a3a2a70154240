//! Finds the corpus, renders from it, and compares the output. A missing folder fails the test that needs it: walking
//! over nothing must not pass.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tintype_imaging::Error;
use tintype_imaging::limits::Limits;
use tintype_imaging::probe::{self, Header};
use tintype_imaging::render::{self, Rendered};
use tintype_imaging::spec::{Format, Metadata, Resolved, Size};
use tintype_jpeg::{BaseTables, Encoding, Samples, Sampling};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus")
}

pub(crate) fn read(file: &str) -> Vec<u8> {
    let path = root().join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns `folder/file` names, sorted.
pub(crate) fn files(folder: &str) -> Vec<String> {
    let path = root().join(folder);
    let entries =
        std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut names: Vec<String> = entries
        .map(|entry| format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    names.sort();
    names
}

pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

pub(crate) fn header(bytes: &[u8]) -> Result<Header, Error> {
    Ok(probe::header(
        std::io::Cursor::new(bytes),
        &Limits::default(),
        soon(),
    )?)
}

/// Resolves to the whole of an upright image at a size.
pub(crate) fn whole(upright: Size, size: Size, format: Format) -> Resolved {
    Resolved {
        metadata: Metadata::Copyright,
        ..Resolved::whole(upright, size, format)
    }
}

/// Renders at `width`, or at the width of the image if that is smaller.
pub(crate) fn to_width(bytes: &[u8], width: u32, format: Format) -> Result<Rendered, Error> {
    let upright = header(bytes)?.upright();
    let width = width.min(upright.width);
    let height = (f64::from(upright.height) * f64::from(width) / f64::from(upright.width)).round();
    let resolved = whole(upright, Size::new(width, (height as u32).max(1)), format);
    render::render(bytes, &resolved, &Limits::default(), soon())
}

#[derive(Clone)]
pub(crate) struct Picture {
    pub(crate) size: Size,
    pub(crate) rgba: Vec<u8>,
}

impl Picture {
    pub(crate) fn at(&self, x: u32, y: u32) -> [u8; 4] {
        let at = (y * self.size.width + x) as usize * 4;
        self.rgba[at..at + 4].try_into().unwrap()
    }

    /// Mean absolute difference of the colour channels, each pixel weighted by its alpha.
    pub(crate) fn difference(&self, other: &Self) -> f64 {
        assert_eq!(self.size, other.size);
        let (mut sum, mut weight) = (0.0, 0.0);
        for (a, b) in self.rgba.chunks_exact(4).zip(other.rgba.chunks_exact(4)) {
            let alpha = f64::from(a[3].max(b[3])) / 255.0;
            weight += 3.0 * alpha;
            sum += (0..3).map(|c| f64::from(a[c].abs_diff(b[c]))).sum::<f64>() * alpha;
        }
        sum / weight.max(1.0)
    }
}

/// Reads a PNG with the `image` crate rather than with our own code.
pub(crate) fn read_png(bytes: &[u8]) -> Picture {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().unwrap();
    let mut samples = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut samples).unwrap();
    let channels = info.color_type.samples();
    let rgba = samples
        .chunks_exact(channels)
        .flat_map(|pixel| match *pixel {
            [gray] => [gray, gray, gray, 255],
            [gray, alpha] => [gray, gray, gray, alpha],
            [r, g, b] => [r, g, b, 255],
            _ => [pixel[0], pixel[1], pixel[2], pixel[3]],
        });
    Picture {
        size: Size::new(info.width, info.height),
        rgba: rgba.collect(),
    }
}

/// Renders to PNG and reads it back.
pub(crate) fn picture(bytes: &[u8], width: u32) -> Result<Picture, Error> {
    Ok(read_png(&to_width(bytes, width, Format::Png)?.bytes))
}

/// Encodes pixels as a JPEG.
pub(crate) fn jpeg(rgb: &[u8], size: Size) -> Vec<u8> {
    let encoding = Encoding {
        quality: 90,
        tables: BaseTables::Standard,
        sampling: Sampling::Full,
        progressive: false,
        segments: &[],
    };
    tintype_jpeg::encode(Samples::Rgb(rgb), size.width, size.height, &encoding).unwrap()
}
