//! The first picture of an image sequence (ISO/IEC 14496-12, section 8.3 ff.): represents its tracks as items.

use super::boxes::{Fields, FourCc, boxes, find};
use super::meta::{ConstructionMethod, Item, ItemLocation, MetaBox};
use super::property::Property;
use crate::Error;
use crate::limits::Limits;
use crate::spec::Size;

/// Bytes of a visual sample entry before its boxes.
const ENTRY_BYTES: usize = 78;

/// Adds the picture tracks to the items; the first one becomes the primary item if there is none. Returns the number of
/// pictures in that track.
pub(super) fn read(moov: &[u8], meta: &mut MetaBox, limits: &Limits) -> Result<u32, Error> {
    let mut frames = 0;
    let is_alone = meta.primary.is_none();
    if is_alone {
        *meta = MetaBox::default();
    }
    for (count, part) in boxes(moov).enumerate() {
        Error::check("tracks", count as u64, 64)?;
        let (kind, content) = part?;
        if &kind != b"trak" {
            continue;
        }
        let Some(track) = Track::read(content) else {
            continue;
        };
        if track.handler == *b"pict" && frames == 0 {
            frames = track.samples;
        }
        if is_alone {
            track.add_to(meta, limits)?;
        }
    }
    Ok(frames)
}

struct Track<'a> {
    id: u32,
    /// The track that this alpha belongs to.
    alpha_of: Option<u32>,
    is_premultiplied: bool,
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
        tkhd.take(if version == 1 { 16 } else { 8 }).ok()?;
        let id = tkhd.be32().ok()?;
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
            id,
            alpha_of: tref(*b"auxl"),
            is_premultiplied: tref(*b"prem").is_some(),
            handler,
            codec,
            size,
            entry,
            samples,
            first,
        })
    }

    fn add_to(self, meta: &mut MetaBox, limits: &Limits) -> Result<(), Error> {
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
        for part in boxes(self.entry).take(32) {
            let (kind, content) = part?;
            say(Property::read(kind, content, limits)?);
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
        if self.is_premultiplied {
            let of = self.alpha_of.unwrap_or_default();
            meta.references.insert((*b"prem", self.id), vec![of]);
        }
        meta.items.insert(self.id, item);
        Ok(())
    }
}
