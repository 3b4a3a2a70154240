//! XMP (ISO 16684-1), by namespace rather than prefix: properties as elements and as attributes, lists, language
//! alternatives, URLs as resources. Properties of the image's ingredients, which may be in the same packet, are
//! ignored.

use quick_xml::NsReader;
use quick_xml::escape::unescape;
use quick_xml::events::BytesStart;

use super::{MAX_CREATORS, MAX_TEXT_BYTES, Rights, clean};
use crate::probe::xmp::{self, RDF, Visit, bound};

const XML: &[u8] = b"http://www.w3.org/XML/1998/namespace";
const DC: &[u8] = b"http://purl.org/dc/elements/1.1/";
const XMP_RIGHTS: &[u8] = b"http://ns.adobe.com/xap/1.0/rights/";
const PHOTOSHOP: &[u8] = b"http://ns.adobe.com/photoshop/1.0/";
const PLUS: &[u8] = b"http://ns.useplus.org/ldf/xmp/1.0/";
const IPTC_EXTENSION: &[u8] = b"http://iptc.org/std/Iptc4xmpExt/2008-02-29/";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Creator,
    Notice,
    Credit,
    Source,
    Marked,
    Owner,
    Terms,
    WebStatement,
    Licensor,
    LicensorUrl,
    DigitalSourceType,
}

impl Field {
    /// The field of the image or, with `of_licensor`, of its licensor.
    fn of(space: &[u8], name: &[u8], of_licensor: bool) -> Option<Self> {
        Some(match (space, name) {
            (PLUS, b"LicensorName") if of_licensor => Self::Licensor,
            (PLUS, b"LicensorURL") if of_licensor => Self::LicensorUrl,
            _ if of_licensor => return None,
            (DC, b"creator") => Self::Creator,
            (DC, b"rights") => Self::Notice,
            (PHOTOSHOP, b"Credit") => Self::Credit,
            (PHOTOSHOP, b"Source") => Self::Source,
            (XMP_RIGHTS, b"Marked") => Self::Marked,
            (XMP_RIGHTS, b"Owner") => Self::Owner,
            (XMP_RIGHTS, b"UsageTerms") => Self::Terms,
            (XMP_RIGHTS, b"WebStatement") => Self::WebStatement,
            (IPTC_EXTENSION, b"DigitalSourceType") => Self::DigitalSourceType,
            // Some writers put these next to the list of licensors.
            (PLUS, b"LicensorURL") => Self::LicensorUrl,
            (PLUS, b"LicensorName") => Self::Licensor,
            _ => return None,
        })
    }
}

/// The role of an open element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ElementRole {
    Other,
    Rdf,
    /// A description of the image.
    Picture,
    Licensors,
    Value(Field),
    /// An entry of a list or of language alternatives; `true` for the default language.
    Item(Field, bool),
}

#[derive(Default)]
struct Walk {
    open: Vec<ElementRole>,
    /// The text so far of the open value or item.
    text: String,
    found: Vec<(Field, bool, String)>,
}

/// Reads up to the first error.
pub(super) fn read(packet: &[u8]) -> Rights {
    let mut walk = Walk::default();
    xmp::walk(packet, &mut walk);
    walk.rights()
}

impl Visit for Walk {
    fn start(&mut self, reader: &NsReader<&[u8]>, element: &BytesStart<'_>) {
        let (space, name) = reader.resolver().resolve_element(element.name());
        let space = bound(&space);
        let name = name.into_inner();
        let parent = self.open.last().copied().unwrap_or(ElementRole::Other);
        let within_licensor = self.open.contains(&ElementRole::Licensors);
        let place = match parent {
            _ if (space, name) == (RDF, b"RDF") => ElementRole::Rdf,
            ElementRole::Rdf => ElementRole::Picture,
            ElementRole::Picture if (space, name) == (PLUS, b"Licensor") => ElementRole::Licensors,
            ElementRole::Picture => {
                Field::of(space, name, false).map_or(ElementRole::Other, ElementRole::Value)
            }
            ElementRole::Value(field) | ElementRole::Item(field, _)
                if (space, name) == (RDF, b"li") =>
            {
                ElementRole::Item(field, self.is_default(reader, element))
            }
            // List elements are transparent.
            ElementRole::Value(field) if space == RDF => ElementRole::Value(field),
            ElementRole::Licensors | ElementRole::Other if within_licensor => {
                Field::of(space, name, true).map_or(ElementRole::Other, ElementRole::Value)
            }
            _ => ElementRole::Other,
        };
        if matches!(place, ElementRole::Value(_) | ElementRole::Item(..)) {
            self.text.clear();
        }
        self.attributes(reader, element, place, within_licensor);
        self.open.push(place);
    }

    fn push(&mut self, text: &str) {
        let is_wanted = matches!(
            self.open.last(),
            Some(ElementRole::Value(_) | ElementRole::Item(..))
        );
        if is_wanted && self.text.len() < MAX_TEXT_BYTES {
            self.text.push_str(text);
        }
    }

    fn end(&mut self) {
        let text = match self.open.pop() {
            Some(ElementRole::Value(field)) => (field, false),
            Some(ElementRole::Item(field, is_default)) => (field, is_default),
            _ => return,
        };
        let value = std::mem::take(&mut self.text);
        self.add(text.0, text.1, &value);
    }
}

impl Walk {
    fn attributes(
        &mut self,
        reader: &NsReader<&[u8]>,
        element: &BytesStart<'_>,
        place: ElementRole,
        within_licensor: bool,
    ) {
        for attribute in element.attributes().with_checks(false).flatten() {
            let (space, name) = reader.resolver().resolve_attribute(attribute.key);
            let (space, name) = (bound(&space), name.into_inner());
            let field = match place {
                ElementRole::Picture => Field::of(space, name, false),
                ElementRole::Value(field) if (space, name) == (RDF, b"resource") => Some(field),
                _ if within_licensor => Field::of(space, name, true),
                _ => None,
            };
            let value = String::from_utf8_lossy(&attribute.value);
            if let (Some(field), Ok(value)) = (field, unescape(&value)) {
                self.add(field, false, &value);
            }
        }
    }

    fn is_default(&self, reader: &NsReader<&[u8]>, element: &BytesStart<'_>) -> bool {
        let mut attributes = element.attributes();
        attributes.with_checks(false).flatten().any(|attribute| {
            let (space, name) = reader.resolver().resolve_attribute(attribute.key);
            (bound(&space), name.into_inner()) == (XML, b"lang")
                && attribute.value.eq_ignore_ascii_case(b"x-default")
        })
    }

    fn add(&mut self, field: Field, is_default: bool, value: &str) {
        if let Some(value) = clean(value)
            && self.found.len() < 16 * MAX_CREATORS
        {
            self.found.push((field, is_default, value));
        }
    }

    fn rights(self) -> Rights {
        let all = |wanted: Field| {
            let of = self
                .found
                .iter()
                .filter(move |(field, ..)| *field == wanted);
            of.map(|(_, is_default, value)| (*is_default, value.clone()))
        };
        let one = |field| {
            let default = all(field).find(|(is_default, _)| *is_default);
            default
                .or_else(|| all(field).next())
                .map(|(_, value)| value)
        };
        let some = |field| {
            all(field)
                .map(|(_, value)| value)
                .take(MAX_CREATORS)
                .collect()
        };
        Rights {
            creators: some(Field::Creator),
            notice: one(Field::Notice),
            credit: one(Field::Credit),
            source: one(Field::Source),
            marked: one(Field::Marked).and_then(|marked| match marked.as_str() {
                "True" | "true" | "1" => Some(true),
                "False" | "false" | "0" => Some(false),
                _ => None,
            }),
            owners: some(Field::Owner),
            terms: one(Field::Terms),
            web_statement: one(Field::WebStatement),
            licensor: one(Field::Licensor),
            licensor_url: one(Field::LicensorUrl),
            digital_source_type: one(Field::DigitalSourceType),
        }
    }
}
