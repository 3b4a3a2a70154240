//! Image sequences (ISO/IEC 14496-12, section 8.3 ff.): where the frames of AV1 are, and the first picture of any other
//! coding. Where a file has no items, the tracks are represented as items.

use super::boxes::{Fields, FourCc, boxes, find};
use super::meta::{ConstructionMethod, Item, ItemLocation, MetaBox};
use super::property::{Nclx, Property, SampleFormat};
use super::{AV1, samples};
use crate::Error;
use crate::limits::Limits;
use crate::spec::{MAX_FRAMES, Size};

/// An animation.
pub(crate) struct ImageSequence {
    pub(crate) colour: SampleTrack,
    /// Of the same size, length and depth.
    pub(crate) alpha: Option<SampleTrack>,
    pub(crate) is_premultiplied: bool,
    /// How long each frame is shown.
    pub(crate) milliseconds: Vec<u32>,
    /// How often it plays; 0 means for ever.
    pub(crate) plays: u32,
}

/// Samples of AV1, each of which shows one picture.
pub(crate) struct SampleTrack {
    pub(crate) size: Size,
    pub(super) coding: SampleFormat,
    pub(crate) nclx: Option<Nclx>,
    /// Offset in the file and length; either may be beyond its end.
    pub(crate) samples: Vec<(u64, u64)>,
}

/// What the tracks contain.
pub(super) struct Moving {
    /// The number of pictures; 1 if they cannot be read as an animation.
    pub(super) frames: u32,
    /// `None` if there are too many frames, or of another coding than AV1.
    pub(super) sequence: Option<ImageSequence>,
}

/// Bytes of a visual sample entry before its boxes.
const ENTRY_BYTES: usize = 78;

/// Reads the picture tracks. If there are no items, adds them as items, of which the first one becomes the primary
/// item.
pub(super) fn read(moov: &[u8], meta: &mut MetaBox, limits: &Limits) -> Result<Moving, Error> {
    let is_alone = meta.primary.is_none();
    if is_alone {
        *meta = MetaBox::default();
    }
    let mut tracks = Vec::new();
    for (count, part) in boxes(moov).enumerate() {
        Error::check("tracks", count as u64, 64)?;
        let (kind, content) = part?;
        if &kind == b"trak" {
            tracks.extend(Track::read(content));
        }
    }
    if is_alone {
        for track in &tracks {
            track.add_to(meta, limits)?;
        }
    }
    let still = |frames: u32| Moving {
        frames: frames.max(1),
        sequence: None,
    };
    let Some(colour) = tracks.iter().find(|track| &track.handler == b"pict") else {
        return Ok(still(1));
    };
    if colour.codec != AV1 || colour.samples > MAX_FRAMES {
        return Ok(still(colour.samples));
    }
    // One that is broken, or not understood, is shown as a still image.
    Ok(match sequence(colour, &tracks, limits) {
        Ok(sequence) => Moving {
            frames: sequence.milliseconds.len() as u32,
            sequence: Some(sequence),
        },
        Err(_) => still(1),
    })
}

fn sequence(
    colour: &Track<'_>,
    tracks: &[Track<'_>],
    limits: &Limits,
) -> Result<ImageSequence, Error> {
    let samples = colour.sample_track(limits)?;
    let of = |track: &&Track<'_>| {
        let is_of = track.alpha_of.is_some_and(|of| of == colour.id || of == 0);
        is_of && &track.handler == b"auxv" && track.is_alpha(limits)
    };
    let alpha = tracks.iter().find(of);
    let is_premultiplied = alpha.is_some_and(|alpha| {
        colour.premultiplied == Some(alpha.id) || alpha.premultiplied == Some(colour.id)
    });
    let alpha = alpha.map(|alpha| alpha.sample_track(limits)).transpose()?;
    let differs = |alpha: &SampleTrack| {
        // AVIF demands it of their codings (section 4.1).
        let gray = SampleFormat {
            is_gray: true,
            ..samples.coding
        };
        alpha.samples.len() != samples.samples.len()
            || (alpha.size, alpha.coding) != (samples.size, gray)
    };
    if alpha.as_ref().is_some_and(differs) {
        return Err(Error::malformed("an alpha unlike its colours"));
    }
    let count = samples.samples.len();
    Ok(ImageSequence {
        milliseconds: samples::milliseconds(colour.stbl, colour.time_scale()?, count)?,
        plays: colour.plays()?,
        colour: samples,
        alpha,
        is_premultiplied,
    })
}

struct Track<'a> {
    trak: &'a [u8],
    mdia: &'a [u8],
    stbl: &'a [u8],
    id: u32,
    /// In units of the whole file; `None` if it has no end.
    duration: Option<u64>,
    /// The track that this alpha belongs to.
    alpha_of: Option<u32>,
    /// The other track of a pair of colours and the alpha that they are premultiplied with.
    premultiplied: Option<u32>,
    handler: FourCc,
    codec: FourCc,
    size: Size,
    /// The content of the sample entry.
    entry: &'a [u8],
    samples: u32,
    /// Offset and length of the first sample.
    first: (u64, u64),
}

impl<'a> Track<'a> {
    /// Reads a track; `None` if it contains no pictures.
    fn read(trak: &'a [u8]) -> Option<Self> {
        let mut tkhd = Fields::new(find(trak, *b"tkhd")?);
        let (version, _) = tkhd.version().ok()?;
        let bytes = bytes_of(version);
        tkhd.take(2 * bytes).ok()?;
        let id = tkhd.be32().ok()?;
        tkhd.take(4).ok()?;
        let duration = tkhd.number(bytes).ok()?;
        let endless = u64::MAX >> (64 - 8 * bytes);
        let mdia = find(trak, *b"mdia")?;
        let mut hdlr = Fields::new(find(mdia, *b"hdlr")?);
        hdlr.take(8).ok()?;
        let handler = hdlr.kind().ok()?;
        if !matches!(&handler, b"pict" | b"auxv" | b"vide") {
            return None;
        }
        let stbl = find(find(mdia, *b"minf")?, *b"stbl")?;
        let mut stsd = Fields::new(find(stbl, *b"stsd")?);
        stsd.take(8).ok()?;
        let (codec, entry) = boxes(stsd.rest()).next()?.ok()?;
        let (head, entry) = entry.split_at_checked(ENTRY_BYTES)?;
        let mut sides = Fields::new(&head[24..28]);
        let side = |fields: &mut Fields<'_>| Some(u32::from(fields.be16().ok()?));
        let size = Size::new(side(&mut sides)?, side(&mut sides)?);
        let mut stsz = Fields::new(find(stbl, *b"stsz")?);
        stsz.version().ok()?;
        let (all, samples) = (stsz.be32().ok()?, stsz.be32().ok()?);
        let length = match all {
            0 => stsz.be32().ok()?,
            same => same,
        };
        let (mut chunks, bytes) = match find(stbl, *b"stco") {
            Some(stco) => (Fields::new(stco), 4),
            None => (Fields::new(find(stbl, *b"co64")?), 8),
        };
        chunks.take(8).ok()?;
        let first = (chunks.number(bytes).ok()?, u64::from(length));
        let tref = |kind| {
            let to = find(find(trak, *b"tref")?, kind)?;
            Fields::new(to).be32().ok()
        };
        Some(Self {
            trak,
            mdia,
            stbl,
            id,
            duration: (duration != endless).then_some(duration),
            alpha_of: tref(*b"auxl"),
            premultiplied: tref(*b"prem"),
            handler,
            codec,
            size,
            entry,
            samples,
            first,
        })
    }

    /// The properties that the sample entry contains.
    fn properties(&self, limits: &Limits) -> impl Iterator<Item = Result<Property, Error>> {
        boxes(self.entry).take(32).map(|part| {
            let (kind, content) = part?;
            Property::read(kind, content, limits)
        })
    }

    /// Whether its auxiliary type says so; some writers leave it out.
    fn is_alpha(&self, limits: &Limits) -> bool {
        let mut properties = self.properties(limits).filter_map(Result::ok);
        properties.all(|property| {
            !matches!(
                &property,
                Property::GainMap | Property::Other([b'a', b'u', b'x', _])
            )
        })
    }

    fn sample_track(&self, limits: &Limits) -> Result<SampleTrack, Error> {
        let (mut coding, mut nclx) = (None, None);
        for property in self.properties(limits) {
            match property? {
                Property::Av1(of) => coding = Some(of),
                Property::Nclx(of) => nclx = Some(of),
                _ => {}
            }
        }
        Ok(SampleTrack {
            size: self.size,
            coding: coding.ok_or_else(|| Error::malformed("no configuration"))?,
            nclx,
            samples: samples::places(self.stbl)?,
        })
    }

    /// Units per second of its durations.
    fn time_scale(&self) -> Result<u32, Error> {
        let mdhd = find(self.mdia, *b"mdhd");
        let mut mdhd = Fields::new(mdhd.ok_or_else(|| Error::malformed("no time scale"))?);
        let (version, _) = mdhd.version()?;
        mdhd.take(2 * bytes_of(version))?;
        mdhd.be32()
    }

    /// How often it plays (ISO/IEC 23008-12, section 9.6.1): as often as its edit list fits into its duration. As in
    /// browsers, one without an edit list plays for ever.
    fn plays(&self) -> Result<u32, Error> {
        let Some(elst) = find(self.trak, *b"edts").and_then(|edts| find(edts, *b"elst")) else {
            return Ok(0);
        };
        let mut elst = Fields::new(elst);
        let (version, flags) = elst.version()?;
        if flags & 1 == 0 {
            return Ok(1);
        }
        if elst.be32()? != 1 {
            return Err(Error::unsupported("a track that repeats several parts"));
        }
        let once = elst.number(bytes_of(version))?;
        Ok(match self.duration {
            Some(all) if once > 0 => u32::try_from(all.div_ceil(once)).unwrap_or(0).max(1),
            Some(_) => return Err(Error::malformed("a track that repeats nothing")),
            None => 0,
        })
    }

    fn add_to(&self, meta: &mut MetaBox, limits: &Limits) -> Result<(), Error> {
        let mut item = Item {
            kind: self.codec,
            location: Some(ItemLocation {
                base: ConstructionMethod::File,
                extents: vec![self.first],
            }),
            ..Item::default()
        };
        let size = Property::Size(self.size);
        let mut say = |property| {
            meta.properties.push(property);
            item.properties.push((meta.properties.len() as u16, false));
        };
        say(size);
        for property in self.properties(limits) {
            say(property?);
        }
        match self.alpha_of {
            Some(of) => {
                // A track is an alpha track if it refers to another one as such.
                say(Property::Alpha);
                meta.references.insert((*b"auxl", self.id), vec![of]);
            }
            None if meta.primary.is_none() && self.handler != *b"auxv" => {
                meta.primary = Some(self.id);
            }
            None => {}
        }
        if let Some(of) = self.premultiplied {
            meta.references.insert((*b"prem", self.id), vec![of]);
        }
        meta.items.insert(self.id, item);
        Ok(())
    }
}

/// Times have four bytes; in version 1 of a box, eight.
fn bytes_of(version: u8) -> usize {
    if version == 1 { 8 } else { 4 }
}
