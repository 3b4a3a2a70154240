//! The `meta` box: items, their locations, references and properties (ISO/IEC 14496-12, section 8.11).

use std::collections::BTreeMap;

use super::boxes::{Fields, FourCc, boxes};
use super::property::Property;
use crate::Error;
use crate::limits::Limits;

#[derive(Debug, Default)]
pub(super) struct MetaBox {
    pub(super) primary: Option<u32>,
    pub(super) items: BTreeMap<u32, Item>,
    pub(super) properties: Vec<Property>,
    /// Keyed by kind and by the item that refers.
    pub(super) references: BTreeMap<(FourCc, u32), Vec<u32>>,
}

#[derive(Debug, Default)]
pub(super) struct Item {
    pub(super) kind: FourCc,
    pub(super) is_xmp: bool,
    pub(super) location: Option<ItemLocation>,
    /// Indices into the list of all properties, in order, each with its essential flag.
    pub(super) properties: Vec<(u16, bool)>,
}

/// The location of an item's data, as offsets and lengths; a length of zero means the rest.
#[derive(Debug, Default)]
pub(super) struct ItemLocation {
    pub(super) base: ConstructionMethod,
    pub(super) extents: Vec<(u64, u64)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ConstructionMethod {
    #[default]
    File,
    Idat,
    /// Within other items; no known writer does this.
    Items,
}

impl MetaBox {
    pub(super) fn read(
        &mut self,
        kind: FourCc,
        content: &[u8],
        limits: &Limits,
    ) -> Result<(), Error> {
        match &kind {
            b"pitm" => {
                let mut fields = Fields::new(content);
                let (version, _) = fields.version()?;
                self.primary = Some(fields.number(id_bytes(version, 1))? as u32);
            }
            b"iinf" => self.infos(content, limits)?,
            b"iloc" => self.locations(content, limits)?,
            b"iprp" => self.properties(content, limits)?,
            b"iref" => self.references(content, limits)?,
            _ => {}
        }
        Ok(())
    }

    fn item(&mut self, id: u32, limits: &Limits) -> Result<&mut Item, Error> {
        let count = self.items.len() as u64;
        check("HEIF items", count, limits)?;
        Ok(self.items.entry(id).or_default())
    }

    fn infos(&mut self, content: &[u8], limits: &Limits) -> Result<(), Error> {
        let mut fields = Fields::new(content);
        let (version, _) = fields.version()?;
        fields.number(id_bytes(version, 1))?;
        for entry in boxes(fields.rest()) {
            let (kind, content) = entry?;
            let mut fields = Fields::new(content);
            let (version, _) = fields.version()?;
            if &kind != b"infe" || version < 2 {
                continue;
            }
            let id = fields.number(id_bytes(version, 3))? as u32;
            fields.be16()?;
            let kind = fields.kind()?;
            fields.text()?;
            let item = self.item(id, limits)?;
            item.kind = kind;
            item.is_xmp =
                &kind == b"mime" && fields.text().is_ok_and(|of| of == b"application/rdf+xml");
        }
        Ok(())
    }

    fn locations(&mut self, content: &[u8], limits: &Limits) -> Result<(), Error> {
        let mut fields = Fields::new(content);
        let (version, _) = fields.version()?;
        let (of_offset, of_length) = nibbles(fields.byte()?);
        let (of_base, of_index) = nibbles(fields.byte()?);
        let mut extents = 0;
        for _ in 0..fields.number(id_bytes(version, 2))? {
            let id = fields.number(id_bytes(version, 2))? as u32;
            let base = match version {
                0 => 0,
                _ => fields.be16()? & 15,
            };
            fields.be16()?;
            let start = fields.number(of_base)?;
            let mut location = ItemLocation {
                base: match base {
                    0 => ConstructionMethod::File,
                    1 => ConstructionMethod::Idat,
                    _ => ConstructionMethod::Items,
                },
                extents: Vec::new(),
            };
            for _ in 0..fields.be16()? {
                if version > 0 {
                    fields.number(of_index)?;
                }
                let offset = fields.number(of_offset)?.saturating_add(start);
                location.extents.push((offset, fields.number(of_length)?));
                extents += 1;
                check("HEIF extents", extents, limits)?;
            }
            self.item(id, limits)?.location = Some(location);
        }
        Ok(())
    }

    fn properties(&mut self, content: &[u8], limits: &Limits) -> Result<(), Error> {
        for part in boxes(content) {
            let (kind, content) = part?;
            match &kind {
                b"ipco" => {
                    for property in boxes(content) {
                        let (kind, content) = property?;
                        self.properties.push(Property::read(kind, content, limits)?);
                        check("HEIF properties", self.properties.len() as u64, limits)?;
                    }
                }
                b"ipma" => self.associations(content, limits)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn associations(&mut self, content: &[u8], limits: &Limits) -> Result<(), Error> {
        let mut fields = Fields::new(content);
        let (version, flags) = fields.version()?;
        let is_wide = flags & 1 != 0;
        for _ in 0..fields.be32()? {
            let id = fields.number(id_bytes(version, 1))? as u32;
            let count = fields.byte()?;
            let item = self.item(id, limits)?;
            for _ in 0..count {
                let (index, is_essential) = match is_wide {
                    true => {
                        let index = fields.be16()?;
                        (index & 0x7fff, index & 0x8000 != 0)
                    }
                    false => {
                        let index = fields.byte()?;
                        (u16::from(index & 0x7f), index & 0x80 != 0)
                    }
                };
                item.properties.push((index, is_essential));
            }
            check(
                "HEIF properties of an item",
                item.properties.len() as u64,
                limits,
            )?;
        }
        Ok(())
    }

    fn references(&mut self, content: &[u8], limits: &Limits) -> Result<(), Error> {
        let mut fields = Fields::new(content);
        let (version, _) = fields.version()?;
        let mut count = 0;
        for reference in boxes(fields.rest()) {
            let (kind, content) = reference?;
            let mut fields = Fields::new(content);
            let from = fields.number(id_bytes(version, 1))? as u32;
            let to = self.references.entry((kind, from)).or_default();
            for _ in 0..fields.be16()? {
                to.push(fields.number(id_bytes(version, 1))? as u32);
                count += 1;
                check("HEIF references", count, limits)?;
            }
        }
        Ok(())
    }
}

fn check(what: &'static str, count: u64, limits: &Limits) -> Result<(), Error> {
    Error::check(what, count, u64::from(limits.max_items))
}

/// Item numbers have two bytes; from version `wide_from` of a box on, four.
fn id_bytes(version: u8, wide_from: u8) -> usize {
    if version < wide_from { 2 } else { 4 }
}

fn nibbles(byte: u8) -> (usize, usize) {
    // No number has more than eight bytes; the surplus makes the box end early.
    (usize::from(byte >> 4).min(8), usize::from(byte & 15).min(8))
}
