//! Walks the elements of an XMP packet (ISO 16684-1): bounded, up to the first syntax error, with entities decoded.

use quick_xml::NsReader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

pub(super) const RDF: &[u8] = b"http://www.w3.org/1999/02/22-rdf-syntax-ns#";

/// No packet has as many.
const MAX_EVENTS: usize = 100_000;
const MAX_DEPTH: usize = 64;

/// Receives what a packet consists of, in order.
pub(super) trait Visit {
    fn start(&mut self, reader: &NsReader<&[u8]>, element: &BytesStart<'_>);
    /// Part of a text.
    fn push(&mut self, text: &str);
    fn end(&mut self);
}

pub(super) fn walk(packet: &[u8], visit: &mut impl Visit) {
    let text = as_text(packet);
    // Some writers end it by NUL.
    let mut reader = NsReader::from_str(text.trim_matches('\0'));
    let mut depth = 0;
    for _ in 0..MAX_EVENTS {
        let Ok(event) = reader.read_event() else {
            return;
        };
        match event {
            Event::Start(element) => {
                if depth == MAX_DEPTH {
                    return;
                }
                depth += 1;
                visit.start(&reader, &element);
            }
            Event::Empty(element) => {
                visit.start(&reader, &element);
                visit.end();
            }
            Event::End(_) => {
                // The reader refuses an end without a start.
                depth = depth.saturating_sub(1);
                visit.end();
            }
            Event::Text(part) => visit.push(&String::from_utf8_lossy(&part)),
            Event::CData(part) => visit.push(&String::from_utf8_lossy(&part)),
            Event::GeneralRef(name) => {
                let entity = format!("&{};", String::from_utf8_lossy(&name));
                if let Ok(text) = unescape(&entity) {
                    visit.push(&text);
                }
            }
            Event::Eof => return,
            _ => {}
        }
    }
}

fn as_text(packet: &[u8]) -> String {
    match packet {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => String::from_utf8_lossy(packet).into_owned(),
    }
}

fn wide(bytes: &[u8], of: fn([u8; 2]) -> u16) -> String {
    let units = bytes.as_chunks().0.iter().map(|pair| of(*pair));
    let chars = char::decode_utf16(units);
    chars
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// The namespace of a name; empty if it has none.
pub(super) fn bound<'n>(space: &ResolveResult<'n>) -> &'n [u8] {
    match space {
        ResolveResult::Bound(space) => space.into_inner(),
        _ => b"",
    }
}
