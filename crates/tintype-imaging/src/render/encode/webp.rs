//! WebP by libwebp: photographs lossy, drawings lossless unless that is far larger or they are painted cut-outs. The
//! container around the coded image is our own, so that it can hold rights, a colour profile and the [`frames`] of an
//! animation.

mod frames;

use std::time::Instant;

use webp::{Encoder, WebPConfig, WebPMemory};

use super::{Pixels, palette, quality};
use crate::Error;
use crate::limits::check_deadline;
use crate::probe::EncodedRights;
use crate::spec::Size;
pub(in crate::render) use frames::Frames;

/// The format stores a side in 14 bits.
pub(super) const MAX_SIDE: u64 = 16_383;

/// libwebp's lossy effort, 0..=6. 4 makes files 6 % smaller at the same score for 2.1 times the CPU time (44 ms instead
/// of 21 at 640 pixels), which is more than AVIF by libaom costs.
const METHOD: i32 = 2;

/// A drawing whose quick lossless try takes fewer bits per pixel than this stays lossless without a lossy comparison:
/// clean screenshots and scans of the corpus take 0.1..1.6, and lossy at quality 80 takes more than the thorough
/// lossless try.
const FEW_BITS: usize = 2;

/// Lossless may cost half as many bytes again as lossy, for letters without a halo. A larger ratio means a screenshot
/// of a photograph, or a drawing reduced until little in it is flat.
const fn worth(lossy: usize) -> usize {
    lossy + lossy / 2
}

/// Estimates the thorough try: two thirds of the quick one, where there are many colours.
const fn thorough(quick: usize) -> usize {
    quick * 2 / 3
}

#[derive(Clone, Copy)]
enum Coding {
    Lossy {
        q: u8,
        /// Subsamples chroma with regard to luma edges, which takes as long as all the rest.
        sharp_chroma: bool,
    },
    /// 10..40 ms per megapixel.
    Quick,
    /// 40..500 ms per megapixel. libwebp's next level takes five times as long to save one percent.
    Thorough,
}

/// Encodes lossily, at this quality.
pub(super) fn lossy(
    pixels: &Pixels,
    q: u8,
    sharp_chroma: bool,
    rights: Option<&EncodedRights>,
) -> Result<Vec<u8>, Error> {
    let coding = Coding::Lossy { q, sharp_chroma };
    Ok(finish(&Samples::of(pixels).encode(coding)?, pixels, rights))
}

/// Encodes losslessly, or lossily at this quality if lossless is not worth its bytes.
pub(super) fn drawn(
    pixels: &Pixels,
    q: u8,
    rights: Option<&EncodedRights>,
    deadline: Instant,
) -> Result<Vec<u8>, Error> {
    let coded = drawn_alone(pixels, q, deadline)?;
    Ok(finish(&coded, pixels, rights))
}

fn drawn_alone(pixels: &Pixels, q: u8, deadline: Instant) -> Result<WebPMemory, Error> {
    let samples = Samples::of(pixels);
    let quick = samples.encode(Coding::Quick)?.len();
    check_deadline(deadline)?;
    if quick * 8 <= FEW_BITS * samples.size.pixels() as usize {
        return samples.encode(Coding::Thorough);
    }
    let lossy = samples.encode(Coding::Lossy {
        q,
        sharp_chroma: true,
    })?;
    check_deadline(deadline)?;
    // A painting rather than letters: alpha stays exact, and most of the file is alpha in both codings, so the thorough
    // try would take four times as long as lossy to gain little that can be seen.
    let is_painted = samples.has_alpha && palette::exact(pixels).is_none();
    if !is_painted && thorough(quick) <= worth(lossy.len()) {
        let lossless = samples.encode(Coding::Thorough)?;
        if lossless.len() <= worth(lossy.len()) {
            return Ok(lossless);
        }
    }
    Ok(lossy)
}

/// Samples in libwebp's layout.
struct Samples {
    size: Size,
    has_alpha: bool,
    bytes: Vec<u8>,
}

impl Samples {
    fn of(pixels: &Pixels) -> Self {
        let has_alpha = pixels.layout.has_alpha();
        Self {
            size: pixels.size,
            has_alpha,
            bytes: if has_alpha {
                pixels.to_rgba()
            } else {
                pixels.to_rgb()
            },
        }
    }

    fn encode(&self, coding: Coding) -> Result<WebPMemory, Error> {
        let failed = |what: &str| Error::internal(format!("WebP encoding failed: {what}"));
        let Size { width, height } = self.size;
        let encoder = match self.has_alpha {
            true => Encoder::from_rgba(&self.bytes, width, height),
            false => Encoder::from_rgb(&self.bytes, width, height),
        };
        let mut config = WebPConfig::new().map_err(|()| failed("no configuration"))?;
        config.alpha_quality = 100;
        // For lossless, libwebp's "quality" is effort as well.
        (config.lossless, config.method, config.quality) = match coding {
            Coding::Lossy { q, .. } => (0, METHOD, quality::webp(q, self.size)),
            Coding::Quick => (1, 0, 0.0),
            Coding::Thorough => (1, 4, 75.0),
        };
        if let Coding::Lossy { sharp_chroma, .. } = coding {
            // Sharp chroma does not regard alpha: the black of invisible pixels would stain the edges.
            config.use_sharp_yuv = i32::from(sharp_chroma && !self.has_alpha);
        }
        encoder
            .encode_advanced(&config)
            .map_err(|error| failed(&format!("{error:?}")))
    }
}

fn finish(coded: &[u8], pixels: &Pixels, rights: Option<&EncodedRights>) -> Vec<u8> {
    let has_alpha = pixels.layout.has_alpha();
    contain(&coded[RIFF_HEADER..], pixels.size, has_alpha, None, rights)
}

const RIFF_HEADER: usize = 12;

/// RFC 9649: a VP8X chunk, then the profile, the image, EXIF, XMP; or the image alone if there is nothing else.
/// `chunks` are those of the image, with or without their own VP8X.
pub(in crate::render) fn contain(
    chunks: &[u8],
    size: Size,
    has_alpha: bool,
    icc: Option<&[u8]>,
    rights: Option<&EncodedRights>,
) -> Vec<u8> {
    const ICC: u8 = 0x20;
    const ALPHA: u8 = 0x10;
    const EXIF: u8 = 0x08;
    const XMP: u8 = 0x04;
    const ANIMATION: u8 = 0x02;
    let exif = rights.and_then(|rights| rights.exif.as_ref());
    let xmp = rights.map(|rights| &rights.xmp);
    let xmp = xmp.filter(|xmp| !xmp.is_empty());
    let flag = |has: bool, flag: u8| if has { flag } else { 0 };
    let mut head = vec![0; 10];
    head[0] = flag(icc.is_some(), ICC) | flag(has_alpha, ALPHA);
    head[0] |= flag(exif.is_some(), EXIF) | flag(xmp.is_some(), XMP);
    head[0] |= flag(chunks.starts_with(b"ANIM"), ANIMATION);
    head[4..7].copy_from_slice(&(size.width - 1).to_le_bytes()[..3]);
    head[7..10].copy_from_slice(&(size.height - 1).to_le_bytes()[..3]);

    let picture = picture(chunks);
    let has_more = picture.starts_with(b"ALPH") || picture.starts_with(b"ANIM");
    let mut body = b"WEBP".to_vec();
    if icc.is_some() || exif.is_some() || xmp.is_some() || has_more {
        push(&mut body, b"VP8X", &head);
    }
    if let Some(icc) = icc {
        push(&mut body, b"ICCP", icc);
    }
    body.extend(picture);
    if let Some(exif) = exif {
        push(&mut body, b"EXIF", exif);
    }
    if let Some(xmp) = xmp {
        push(&mut body, b"XMP ", xmp);
    }
    let mut file = Vec::with_capacity(8 + body.len());
    push(&mut file, b"RIFF", &body);
    file
}

/// Skips a leading VP8X chunk.
fn picture(chunks: &[u8]) -> &[u8] {
    match chunks.starts_with(b"VP8X") {
        true => &chunks[18..],
        false => chunks,
    }
}

pub(in crate::render) fn push(to: &mut Vec<u8>, kind: &[u8; 4], bytes: &[u8]) {
    to.extend(kind);
    to.extend((bytes.len() as u32).to_le_bytes());
    to.extend(bytes);
    to.resize(to.len().next_multiple_of(2), 0);
}
