//! HEIF: HEIC and AVIF (ISO/IEC 23008-12, MIAF, AVIF 1.1). A file contains items, one of which is the primary image:
//! coded, or derived from others, such as a camera's tiles.
//!
//! Boxes define the orientation; as in libheif and browsers, EXIF orientation is not applied on top. Gain maps and
//! depth maps are auxiliary items, which are ignored here.

mod boxes;
mod meta;
mod property;
mod samples;
mod track;

use std::io::{BufRead, Seek};
use std::ops::Range;

pub(super) use self::boxes::boxes;
pub(crate) use self::boxes::{Fields, FourCc};
use self::meta::{ConstructionMethod, Item, MetaBox};
pub(crate) use self::property::{Hevc, Nclx, Property, SampleFormat};
pub(crate) use self::track::{ImageSequence, SampleTrack};
use super::metadata::MetadataBlocks;
use super::read::ContainerReader;
use super::{ColourSpace, Colouring, Header, SourceFormat};
use crate::Error;
use crate::limits::Limits;
use crate::render::Turn;
use crate::spec::{MAX_FRAMES, Rect, Size};

/// The maximum size of a metadata box; pixel data is not read here.
const MAX_BOX_BYTES: u64 = 8 * 1024 * 1024;

/// Nesting of derived items.
pub(crate) const MAX_DEPTH: u32 = 4;

/// With larger tiles, a row of them takes as much memory as a whole image.
pub(crate) const MAX_TILE: Size = Size::new(512, 512);

/// The parsed boxes of a file.
pub(crate) struct HeifFile {
    meta: MetaBox,
    pub(crate) primary: u32,
    frames: u32,
    /// The animation next to the primary image, or that it is the first frame of.
    pub(crate) sequence: Option<ImageSequence>,
    /// Data within the `meta` box.
    idat: Range<u64>,
    /// A box ends beyond the end of the file.
    is_cut: bool,
    has_c2pa: bool,
}

/// Of a `uuid` box that holds a C2PA manifest (C2PA, section A.3.5).
const C2PA: [u8; 16] = [
    0xd8, 0xfe, 0xc3, 0xd6, 0x1b, 0x0e, 0x48, 0x3c, 0x92, 0x97, 0x58, 0x28, 0x87, 0x7e, 0xc4, 0x81,
];

impl HeifFile {
    pub(crate) fn read<R: BufRead + Seek>(
        reader: &mut ContainerReader<R>,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let mut file = Self {
            meta: MetaBox::default(),
            primary: 0,
            frames: 1,
            sequence: None,
            idat: 0..0,
            is_cut: false,
            has_c2pa: false,
        };
        let mut moov = None;
        reader.seek(0)?;
        let mut parts = 0;
        while reader.left() >= 8 {
            parts += 1;
            let what = "number of boxes";
            Error::check(what, parts, u64::from(limits.max_metadata_parts))?;
            let (kind, length) = box_head(reader)?;
            let end = reader.position().saturating_add(length);
            match &kind {
                b"meta" => file.facts(reader, end, limits)?,
                b"moov" => moov = Some(part(reader, length)?),
                b"uuid" if length >= 16 && reader.left() >= 16 => {
                    file.has_c2pa |= reader.array::<16>()? == C2PA;
                }
                _ => {}
            }
            if end > reader.length() {
                file.is_cut = true;
                break;
            }
            reader.seek(end)?;
        }
        if let Some(moov) = moov {
            let moving = track::read(&moov, &mut file.meta, limits);
            // Next to a still image, a broken image sequence does not matter.
            match (moving, file.meta.primary) {
                (Ok(moving), _) => (file.frames, file.sequence) = (moving.frames, moving.sequence),
                (Err(_), Some(_)) => {}
                (Err(error), None) => return Err(error),
            }
        }
        let primary = file.meta.primary;
        file.primary = primary.ok_or_else(|| Error::malformed("no primary image"))?;
        if !file.is_moving(reader.length()) {
            (file.frames, file.sequence) = (1, None);
        }
        Ok(file)
    }

    /// Whether the sequence can be shown as an animation of the primary image, and its first frame is there.
    fn is_moving(&self, length: u64) -> bool {
        let coding = self.coding(self.primary).ok();
        let Some(sequence) = &self.sequence else {
            // Of other codings, and of too many frames, only the number is known.
            return !matches!(coding, Some((AV1, _))) || self.frames > MAX_FRAMES;
        };
        // There is one header, so frames must be like the primary image.
        let is_like = coding == Some((AV1, sequence.colour.coding))
            && self.size(self.primary).ok() == Some(sequence.colour.size);
        let is_there = |track: &SampleTrack| {
            let first = track.samples.first();
            first.is_some_and(|(offset, bytes)| offset.saturating_add(*bytes) <= length)
        };
        is_like && is_there(&sequence.colour) && sequence.alpha.as_ref().is_none_or(is_there)
    }

    fn facts<R: BufRead + Seek>(
        &mut self,
        reader: &mut ContainerReader<R>,
        end: u64,
        limits: &Limits,
    ) -> Result<(), Error> {
        reader.skip(4)?;
        while reader.position() + 8 <= end {
            let (kind, length) = box_head(reader)?;
            let start = reader.position();
            match &kind {
                b"idat" => self.idat = start..start.saturating_add(length),
                b"pitm" | b"iinf" | b"iloc" | b"iprp" | b"iref" => {
                    let content = part(reader, length)?;
                    self.meta.read(kind, &content, limits)?;
                }
                _ => {}
            }
            let next = start.saturating_add(length);
            if next > reader.length() {
                self.is_cut = true;
                break;
            }
            reader.seek(next)?;
        }
        Ok(())
    }

    fn item(&self, id: u32) -> Result<&Item, Error> {
        let item = self.meta.items.get(&id);
        item.ok_or_else(|| Error::malformed("an item is missing"))
    }

    pub(crate) fn kind(&self, id: u32) -> Result<FourCc, Error> {
        Ok(self.item(id)?.kind)
    }

    pub(crate) fn properties(&self, id: u32) -> impl Iterator<Item = &Property> {
        let item = self.meta.items.get(&id);
        let listed = item.map_or(&[][..], |item| &item.properties);
        listed.iter().filter_map(|(index, _)| {
            let index = usize::from(*index).checked_sub(1)?;
            self.meta.properties.get(index)
        })
    }

    /// Whether an item is a tone map, or an auxiliary image a gain map.
    fn has_gain_map(&self) -> bool {
        let mut items = self.meta.items.iter();
        items.any(|(id, item)| {
            item.kind == TONE_MAP || self.properties(*id).any(|p| *p == Property::GainMap)
        })
    }

    /// Returns the kind of an essential property that is not supported.
    fn unknown(&self, id: u32) -> Option<FourCc> {
        let item = self.meta.items.get(&id)?;
        item.properties.iter().find_map(|(index, is_essential)| {
            let index = usize::from(*index).checked_sub(1)?;
            match self.meta.properties.get(index)? {
                Property::Other(kind) if *is_essential => {
                    (!Property::Other(*kind).is_understood()).then_some(*kind)
                }
                _ => None,
            }
        })
    }

    /// The size as coded or composed, before cropping and rotation.
    pub(crate) fn size(&self, id: u32) -> Result<Size, Error> {
        let size = self.properties(id).find_map(|property| match property {
            Property::Size(size) => Some(*size),
            _ => None,
        });
        match size {
            Some(size) if size.width > 0 && size.height > 0 => Ok(size),
            _ => Err(Error::malformed("no width or no height")),
        }
    }

    /// The visible part, and the rotation that makes it upright.
    pub(crate) fn shown(&self, id: u32) -> Result<(Rect, Turn), Error> {
        let size = self.size(id)?;
        let whole = Rect {
            x: 0,
            y: 0,
            width: size.width,
            height: size.height,
        };
        let (mut part, mut turn) = (whole, Turn::default());
        for property in self.properties(id) {
            match property {
                Property::Aperture(aperture) => {
                    let turned = if turn.transposes() {
                        Size::new(part.height, part.width)
                    } else {
                        Size::new(part.width, part.height)
                    };
                    // Skip a crop that leaves nothing.
                    let Some(shown) = aperture.within(turned) else {
                        continue;
                    };
                    let shown = turn.undo(shown, turned);
                    part = Rect {
                        x: part.x + shown.x,
                        y: part.y + shown.y,
                        ..shown
                    };
                }
                Property::Turn(quarters) => {
                    // Counterclockwise, like EXIF orientations 8, 3 and 6.
                    let exif = [1, 8, 3, 6][usize::from(*quarters)];
                    turn = turn.then(Turn::of_orientation(exif));
                }
                Property::Mirror { is_vertical } => {
                    let exif = if *is_vertical { 4 } else { 2 };
                    turn = turn.then(Turn::of_orientation(exif));
                }
                _ => {}
            }
        }
        Ok((part, turn))
    }

    pub(crate) fn nclx(&self, id: u32) -> Option<Nclx> {
        self.properties(id).find_map(|property| match property {
            Property::Nclx(nclx) => Some(*nclx),
            _ => None,
        })
    }

    /// The items that it is derived from.
    pub(crate) fn inputs(&self, id: u32) -> &[u32] {
        self.references(*b"dimg", id)
    }

    fn references(&self, kind: FourCc, from: u32) -> &[u32] {
        let to = self.meta.references.get(&(kind, from));
        to.map_or(&[], Vec::as_slice)
    }

    /// The item's alpha item, and whether its colours are premultiplied.
    pub(crate) fn alpha(&self, id: u32) -> Option<(u32, bool)> {
        let mut auxiliary = self.meta.references.iter();
        let alpha = auxiliary.find_map(|((kind, from), to)| {
            let is_alpha = || self.properties(*from).any(|p| *p == Property::Alpha);
            // Some writers of sequences leave out which item the alpha belongs to.
            let is_of = || to.contains(&id) || to[..] == [0] && id == self.primary;
            (kind == b"auxl" && is_of() && is_alpha()).then_some(*from)
        })?;
        let is_premultiplied = self.references(*b"prem", id).contains(&alpha)
            || self.references(*b"prem", alpha).contains(&id);
        Some((alpha, is_premultiplied))
    }

    /// The coding of an image; for a derived one, of its first input.
    fn coding(&self, id: u32) -> Result<(FourCc, SampleFormat), Error> {
        let mut at = id;
        for _ in 0..=MAX_DEPTH {
            let coding = self.properties(at).find_map(|property| match property {
                Property::Av1(coding) => Some(*coding),
                Property::Hevc(hevc) => Some(hevc.coding),
                _ => None,
            });
            match (self.kind(at)?, coding) {
                (kind @ (AV1 | HVC1 | HEV1), Some(coding)) => return Ok((kind, coding)),
                (AV1 | HVC1 | HEV1, None) => return Err(Error::malformed("no configuration")),
                (GRID | OVERLAY | IDENTITY | TONE_MAP, _) => {
                    let first = self.inputs(at).first();
                    at =
                        *first.ok_or_else(|| Error::malformed("a derived image without inputs"))?;
                }
                (kind, _) => return Err(Error::unsupported(format!("HEIF of {}", name(kind)))),
            }
        }
        Err(Error::malformed("items are nested too deeply"))
    }

    /// Reads the data of an item as far as it is there; also returns whether it is complete.
    pub(crate) fn data<R: BufRead + Seek>(
        &self,
        reader: &mut ContainerReader<R>,
        id: u32,
    ) -> Result<(Vec<u8>, bool), Error> {
        let location = self.item(id)?.location.as_ref();
        let location = location.ok_or_else(|| Error::malformed("an item without data"))?;
        let whole = match location.base {
            ConstructionMethod::File => 0..reader.length(),
            ConstructionMethod::Idat => self.idat.clone(),
            ConstructionMethod::Items => {
                return Err(Error::unsupported("HEIF with items stored in other items"));
            }
        };
        let (mut data, mut is_whole) = (Vec::new(), true);
        for (offset, length) in &location.extents {
            let start = whole.start.saturating_add(*offset);
            let end = match length {
                0 => whole.end,
                length => start.saturating_add(*length),
            };
            let there = end.min(whole.end).min(reader.length());
            is_whole &= there == end;
            reader.seek(start.min(there))?;
            let more = reader.vec(there.saturating_sub(start))?;
            data.extend(more);
            // Overlapping extents can repeat the same bytes without end.
            let what = "bytes of an item";
            Error::check(what, data.len() as u64, reader.length())?;
        }
        let is_whole = is_whole && !data.is_empty();
        Ok((data, is_whole))
    }

    /// The first item that matches, preferably one that describes the image.
    fn about(&self, is_wanted: impl Fn(&Item) -> bool) -> Option<u32> {
        let wanted = |id: &u32| self.meta.items.get(id).is_some_and(&is_wanted);
        let describing = self.meta.references.iter().find_map(|((kind, from), to)| {
            let describes = kind == b"cdsc" && to.contains(&self.primary) && wanted(from);
            describes.then_some(*from)
        });
        describing.or_else(|| self.meta.items.keys().copied().find(wanted))
    }

    fn blocks<R: BufRead + Seek>(
        &self,
        reader: &mut ContainerReader<R>,
        limits: &Limits,
    ) -> Result<MetadataBlocks, Error> {
        let mut block = |id: Option<u32>, what, limit| match id.map(|id| self.data(reader, id)) {
            Some(Ok((data, true))) => {
                Error::check(what, data.len() as u64, limit)?;
                Ok(Some(data))
            }
            Some(Err(error @ Error::DeadlineExceeded)) => Err(error),
            _ => Ok(None),
        };
        let exif = self.about(|item| &item.kind == b"Exif");
        let exif = block(exif, "bytes of EXIF", limits.max_exif_bytes)?;
        let xmp = block(
            self.about(|item| item.is_xmp),
            "bytes of XMP",
            limits.max_xmp_bytes,
        )?;
        Ok(MetadataBlocks {
            icc: self.icc(self.primary).cloned(),
            exif: exif.as_deref().and_then(tiff_of).map(<[u8]>::to_vec),
            xmp,
            photoshop: None,
            iptc: None,
        })
    }

    fn icc(&self, id: u32) -> Option<&Vec<u8>> {
        let of = |id| {
            self.properties(id).find_map(|property| match property {
                Property::Icc(icc) => Some(icc),
                _ => None,
            })
        };
        of(id).or_else(|| of(*self.inputs(id).first()?))
    }

    /// Returns whether it is a grid whose tiles need only one row of them in memory.
    fn is_in_rows(&self, id: u32) -> bool {
        let Some(tile) = self.inputs(id).first() else {
            return false;
        };
        let is_coded = matches!(self.kind(*tile), Ok(AV1 | HVC1 | HEV1));
        let is_small = |size: Size| size.width <= MAX_TILE.width && size.height <= MAX_TILE.height;
        matches!(self.kind(id), Ok(GRID)) && is_coded && self.size(*tile).is_ok_and(is_small)
    }
}

pub(crate) const AV1: FourCc = *b"av01";
pub(crate) const HVC1: FourCc = *b"hvc1";
pub(crate) const HEV1: FourCc = *b"hev1";
pub(crate) const GRID: FourCc = *b"grid";
pub(crate) const OVERLAY: FourCc = *b"iovl";
pub(crate) const IDENTITY: FourCc = *b"iden";
/// An image with a gain map: the first input is the image without the map.
pub(crate) const TONE_MAP: FourCc = *b"tmap";

pub(super) fn walk<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    limits: &Limits,
    header: &mut Header,
) -> Result<(MetadataBlocks, Colouring), Error> {
    let file = HeifFile::read(reader, limits)?;
    let id = file.primary;
    let (part, turn) = file.shown(id)?;
    header.size = Size::new(part.width, part.height);
    header.orientation = turn.to_orientation();
    header.frames = file.frames;
    Error::check(
        "number of frames",
        u64::from(file.frames),
        u64::from(limits.max_frames),
    )?;
    let (kind, coding) = file.coding(id)?;
    header.format = match kind {
        AV1 => SourceFormat::Avif,
        _ => SourceFormat::Heic,
    };
    if let Some(kind) = file.unknown(id) {
        return Err(Error::unsupported(format!("HEIF with {}", name(kind))));
    }
    header.bits = coding.bits;
    let tile = file.inputs(id).first().copied();
    let is_laid_over = file.kind(id)? == OVERLAY;
    let has_alpha = |id: Option<u32>| id.is_some_and(|id| file.alpha(id).is_some());
    let has_clear_frames = file.sequence.as_ref().is_some_and(|of| of.alpha.is_some());
    header.has_alpha = is_laid_over || has_alpha(Some(id)) || has_alpha(tile) || has_clear_frames;
    if coding.is_gray && !is_laid_over {
        header.colour_space = ColourSpace::Gray;
    }
    header.interlaced = !file.is_in_rows(id);
    header.truncated = file.is_cut;
    header.has_gain_map = file.has_gain_map();
    header.has_c2pa = file.has_c2pa;
    let blocks = file.blocks(reader, limits)?;
    let nclx = file.nclx(id).or_else(|| file.nclx(tile?));
    let colouring = match (&blocks.icc, nclx) {
        (None, Some(nclx)) => colouring(nclx),
        _ => Colouring::Profile,
    };
    Ok((blocks, colouring))
}

/// As everywhere else, video transfer curves are treated as sRGB's.
fn colouring(nclx: Nclx) -> Colouring {
    let transfer = match nclx.transfer {
        0..=3 | 6 | 14 | 15 => 13,
        other => other,
    };
    let primaries = match nclx.primaries {
        0 | 2 | 3 => 1,
        other => other,
    };
    Colouring::Cicp {
        primaries,
        transfer,
    }
}

/// Strips the offset in front of EXIF data, and JPEG's prefix if there is one.
pub(super) fn tiff_of(data: &[u8]) -> Option<&[u8]> {
    let mut fields = Fields::new(data);
    let offset = fields.be32().ok()? as usize;
    let begins = |at: &[u8]| at.starts_with(b"II*\0") || at.starts_with(b"MM\0*");
    let told = fields.rest().get(offset..).filter(|exif| begins(exif));
    told.or_else(|| {
        let near = &data[..data.len().min(64)];
        let at = (0..near.len()).find(|at| begins(&data[*at..]))?;
        data.get(at..)
    })
}

/// Reads a box header: kind and length of the content.
pub(super) fn box_head<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
) -> Result<(FourCc, u64), Error> {
    let (short, kind) = (reader.be32()?, reader.array()?);
    let length = match short {
        0 => reader.left(),
        1 => u64::from_be_bytes(reader.array()?)
            .checked_sub(16)
            .ok_or_else(|| Error::malformed("a box is shorter than its header"))?,
        2..8 => return Err(Error::malformed("a box is shorter than its header")),
        length => u64::from(length) - 8,
    };
    Ok((kind, length))
}

fn part<R: BufRead + Seek>(reader: &mut ContainerReader<R>, length: u64) -> Result<Vec<u8>, Error> {
    Error::check("bytes of a box", length, MAX_BOX_BYTES)?;
    reader.vec(length)
}

fn name(kind: FourCc) -> String {
    String::from_utf8_lossy(&kind).escape_default().to_string()
}
