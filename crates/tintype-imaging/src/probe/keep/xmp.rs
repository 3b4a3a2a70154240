//! Copies allowed XMP properties: those of namespaces that describe the image, written with canonical prefixes.

use std::fmt::Write;

use quick_xml::NsReader;
use quick_xml::escape::{escape, unescape};
use quick_xml::events::BytesStart;

use super::MAX_BYTES;
use crate::probe::rights::{Rights, properties};
use crate::probe::xmp::{self, RDF, Visit, bound};

/// A namespace and its canonical prefix.
struct Space {
    prefix: &'static str,
    uri: &'static str,
    /// Names that are not copied.
    dropped: &'static [&'static str],
}

const fn space(prefix: &'static str, uri: &'static str, dropped: &'static [&'static str]) -> Space {
    Space {
        prefix,
        uri,
        dropped,
    }
}

const SPACES: [Space; 12] = [
    space("rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#", &[]),
    space("xml", "http://www.w3.org/XML/1998/namespace", &[]),
    space(
        "dc",
        "http://purl.org/dc/elements/1.1/",
        &["identifier", "format"],
    ),
    space(
        "xmp",
        "http://ns.adobe.com/xap/1.0/",
        &["Thumbnails", "Identifier"],
    ),
    space("xmpRights", "http://ns.adobe.com/xap/1.0/rights/", &[]),
    space(
        "photoshop",
        "http://ns.adobe.com/photoshop/1.0/",
        &[
            "City",
            "State",
            "Country",
            "ICCProfile",
            "ColorMode",
            "History",
            "DocumentAncestors",
            "TextLayers",
        ],
    ),
    space("plus", "http://ns.useplus.org/ldf/xmp/1.0/", &[]),
    space(
        "Iptc4xmpCore",
        "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
        &["Location", "CountryCode"],
    ),
    space(
        "Iptc4xmpExt",
        "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
        &[
            "LocationCreated",
            "LocationShown",
            "DigImageGUID",
            "ImageRegion",
            "MaxAvailWidth",
            "MaxAvailHeight",
        ],
    ),
    space(
        "tiff",
        "http://ns.adobe.com/tiff/1.0/",
        &[
            "Orientation",
            "ImageWidth",
            "ImageLength",
            "BitsPerSample",
            "Compression",
            "SamplesPerPixel",
            "PhotometricInterpretation",
            "PlanarConfiguration",
            "YCbCrSubSampling",
            "YCbCrPositioning",
            "NativeDigest",
        ],
    ),
    space(
        "exif",
        "http://ns.adobe.com/exif/1.0/",
        &[
            "PixelXDimension",
            "PixelYDimension",
            "ColorSpace",
            "ComponentsConfiguration",
            "CompressedBitsPerPixel",
            "MakerNote",
            "ImageUniqueID",
            "SubjectArea",
            "SubjectLocation",
            "NativeDigest",
        ],
    ),
    space(
        "aux",
        "http://ns.adobe.com/exif/1.0/aux/",
        &[
            "SerialNumber",
            "LensSerialNumber",
            "OwnerName",
            "ImageNumber",
            "LensID",
        ],
    ),
];

/// Returns the name with its canonical prefix; `None` if it is not copied.
fn kept_name(space: &[u8], name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let space = SPACES.iter().find(|known| known.uri.as_bytes() == space)?;
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    // All coordinates begin with GPS.
    let is_dropped = space.dropped.contains(&name) || name.starts_with("GPS");
    (is_plain && !is_dropped).then(|| format!("{}:{name}", space.prefix))
}

/// The role of an open element.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ElementRole {
    Outside,
    Rdf,
    /// A description of the image.
    Picture,
    /// A property, or an element within one, with its canonical name.
    Kept(String),
    Dropped,
}

#[derive(Default)]
struct Walk {
    open: Vec<ElementRole>,
    property: String,
    body: String,
    /// The body begins with rights, which replace those of the packet.
    has_other_rights: bool,
}

/// By which other programs may know the author or the terms, too.
const RIGHTS: [&str; 9] = [
    "dc:creator",
    "dc:rights",
    "photoshop:Credit",
    "photoshop:Source",
    "photoshop:AuthorsPosition",
    "Iptc4xmpExt:DigitalSourceType",
    "Iptc4xmpCore:CreatorContactInfo",
    "tiff:Artist",
    "tiff:Copyright",
];

fn is_rights(name: &str) -> bool {
    RIGHTS.contains(&name) || name.starts_with("xmpRights:") || name.starts_with("plus:")
}

/// Returns a packet, or `None` if nothing is left. Everything after a syntax error is dropped. `instead` replaces all
/// rights.
pub(super) fn kept(packet: &[u8], instead: Option<&Rights>) -> Option<Vec<u8>> {
    let mut walk = Walk {
        has_other_rights: instead.is_some(),
        ..Walk::default()
    };
    if let Some(rights) = instead {
        walk.body = properties(rights).concat();
    }
    xmp::walk(packet, &mut walk);
    (!walk.body.is_empty()).then(|| walk.packet().into_bytes())
}

impl Visit for Walk {
    fn start(&mut self, reader: &NsReader<&[u8]>, element: &BytesStart<'_>) {
        let (space, name) = reader.resolver().resolve_element(element.name());
        let (space, name) = (bound(&space), name.into_inner());
        let place = match self.open.last() {
            _ if (space, name) == (RDF, b"RDF") => ElementRole::Rdf,
            None | Some(ElementRole::Outside) => ElementRole::Outside,
            Some(ElementRole::Rdf) => ElementRole::Picture,
            Some(ElementRole::Picture | ElementRole::Kept(_)) => {
                kept_name(space, name).map_or(ElementRole::Dropped, ElementRole::Kept)
            }
            Some(ElementRole::Dropped) => ElementRole::Dropped,
        };
        match &place {
            ElementRole::Picture => self.simple(reader, element),
            ElementRole::Kept(name) => {
                let attributes = attributes(reader, element);
                let attributes = attributes.map(|(name, value)| format!(" {name}=\"{value}\""));
                let attributes: String = attributes.collect();
                let _ = write!(self.property, "<{name}{attributes}>");
            }
            _ => {}
        }
        self.open.push(place);
    }

    fn push(&mut self, text: &str) {
        let is_kept = matches!(self.open.last(), Some(ElementRole::Kept(_)));
        if is_kept && self.property.len() < MAX_BYTES {
            self.property.push_str(&escape(text));
        }
    }

    fn end(&mut self) {
        let Some(ElementRole::Kept(name)) = self.open.pop() else {
            return;
        };
        let _ = write!(self.property, "</{name}>");
        if self.open.last() == Some(&ElementRole::Picture) {
            let property = std::mem::take(&mut self.property);
            self.add(&name, &property);
        }
    }
}

impl Walk {
    /// Adds properties that are written as attributes.
    fn simple(&mut self, reader: &NsReader<&[u8]>, element: &BytesStart<'_>) {
        for (name, value) in attributes(reader, element) {
            if !name.starts_with("rdf:") && !name.starts_with("xml:") {
                self.add(&name, &format!("<{name}>{value}</{name}>"));
            }
        }
    }

    fn add(&mut self, name: &str, property: &str) {
        let is_replaced = self.has_other_rights && is_rights(name);
        if !is_replaced && self.body.len() + property.len() <= MAX_BYTES - FRAME_BYTES {
            self.body.push_str(property);
        }
    }

    fn packet(&self) -> String {
        let used = |space: &&Space| {
            space.prefix != "xml" && self.body.contains(&format!("{}:", space.prefix))
        };
        let names = SPACES
            .iter()
            .filter(|space| space.prefix == "rdf" || used(space));
        let names = names.map(|Space { prefix, uri, .. }| format!(" xmlns:{prefix}=\"{uri}\""));
        let names: String = names.collect();
        let body = &self.body;
        format!(
            "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF{names}><rdf:Description rdf:about=\"\">{body}\
             </rdf:Description></rdf:RDF></x:xmpmeta>"
        )
    }
}

/// Limit on everything around the properties.
const FRAME_BYTES: usize = 1_500;

/// Returns the attributes that are copied, with canonical names and escaped values.
fn attributes(
    reader: &NsReader<&[u8]>,
    element: &BytesStart<'_>,
) -> impl Iterator<Item = (String, String)> {
    let mut found = Vec::new();
    for attribute in element.attributes().with_checks(false).flatten() {
        let (space, name) = reader.resolver().resolve_attribute(attribute.key);
        let value = String::from_utf8_lossy(&attribute.value);
        let (Some(name), Ok(value)) = (
            kept_name(bound(&space), name.into_inner()),
            unescape(&value),
        ) else {
            continue;
        };
        if found.iter().all(|(other, _)| *other != name) {
            found.push((name, escape(&*value).into_owned()));
        }
    }
    found.into_iter()
}
