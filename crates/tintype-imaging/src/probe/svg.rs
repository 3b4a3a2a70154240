//! SVG is drawn by `resvg` on request. What a file could expand to is counted first: entities, elements that reference
//! others, and references to references. It reads no other file, runs no script, and draws no text (which would need
//! fonts) and no embedded images.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{BufRead, Read, Seek};

use flate2::bufread::MultiGzDecoder;
use resvg::usvg::roxmltree::{Document, Node, NodeId, ParsingOptions};
use resvg::usvg::{ImageHrefResolver, Options, Tree};

use super::read::ContainerReader;
use super::{Colouring, Header, MetadataBlocks};
use crate::Error;
use crate::spec::Size;

/// SVG has no pixels of its own; this is as large as any request.
const SIDE: f32 = 4096.0;

const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// Maximum ratio of unpacked to packed size of a gzipped file (`.svgz`).
pub(crate) const MAX_TIMES: u64 = 20;
/// Limit on the text that entities expand to.
const MAX_EXPANDED: usize = 16 * 1024 * 1024;
/// Elements, counted once per reference.
const MAX_ELEMENTS: u64 = 100_000;
const MAX_DEPTH: u32 = 64;
/// Bytes of style sheets times elements.
const MAX_STYLING: u64 = 200_000_000;
/// Marker shapes, one per point of a path.
const MAX_MARKERS: u64 = 200_000;

pub(super) fn walk<R: BufRead + Seek>(
    reader: &mut ContainerReader<R>,
    header: &mut Header,
) -> Result<(MetadataBlocks, Colouring), Error> {
    let length = reader.length();
    Error::check("bytes of an SVG", length, MAX_BYTES)?;
    reader.seek(0)?;
    let bytes = reader.vec(length)?;
    let size = parse(&bytes)?.size();
    let scale = SIDE / size.width().max(size.height());
    let side = |length: f32| ((length * scale).round() as u32).max(1);
    header.size = Size::new(side(size.width()), side(size.height()));
    header.has_alpha = true;
    header.interlaced = !is_packed(&bytes);
    Ok((MetadataBlocks::default(), Colouring::Srgb))
}

/// Attributes that contain lengths.
const GEOMETRY: [&str; 19] = [
    "d",
    "points",
    "x",
    "y",
    "width",
    "height",
    "cx",
    "cy",
    "r",
    "rx",
    "ry",
    "x1",
    "y1",
    "x2",
    "y2",
    "stroke-width",
    "stroke-dasharray",
    "transform",
    "viewBox",
];
/// Limit on the digits of a length: below ten million.
const MAX_DIGITS: u64 = 7;

pub(crate) fn parse(bytes: &[u8]) -> Result<Tree, Error> {
    let failed = |why: String| Error::malformed(format!("SVG: {why}"));
    let bytes = unpacked(bytes)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| failed(error.to_string()))?;
    let text = text.trim_start_matches('\u{feff}');
    check_entities(text)?;
    let options = ParsingOptions {
        allow_dtd: true,
        nodes_limit: 4 * MAX_ELEMENTS as u32,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options);
    let document = document.map_err(|error| failed(error.to_string()))?;
    Weights::of(&document).check()?;
    check_lengths(&document)?;
    let options = Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    Tree::from_xmltree(&document, &options).map_err(|error| failed(error.to_string()))
}

fn is_packed(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x1f\x8b")
}

fn unpacked(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    if !is_packed(bytes) {
        return Ok(bytes.into());
    }
    let most = MAX_BYTES.min(MAX_TIMES * bytes.len() as u64);
    let mut unpacked = Vec::new();
    let read = MultiGzDecoder::new(bytes)
        .take(most + 1)
        .read_to_end(&mut unpacked);
    read.map_err(|error| Error::malformed(format!("SVG: {error}")))?;
    Error::check("bytes of an unpacked SVG", unpacked.len() as u64, most)?;
    Ok(unpacked.into())
}

/// Limits what entities can expand to, at worst: all of them at every reference, and those nested in others as often as
/// the parser allows.
fn check_entities(text: &str) -> Result<(), Error> {
    let mut declared = 0;
    let mut is_nested = false;
    for entity in text.split("<!ENTITY").skip(1) {
        let entity = entity.split('>').next().unwrap_or_default();
        declared += entity.len();
        is_nested |= entity.contains('&');
    }
    let times = if is_nested { 256 } else { 1 };
    let places = text.bytes().filter(|byte| *byte == b'&').count();
    let expanded = declared.saturating_mul(times).saturating_mul(places);
    let what = "bytes of SVG entities";
    Error::check(what, expanded as u64, MAX_EXPANDED as u64)
}

/// Strokes are drawn as pieces in proportion to their length.
fn check_lengths(document: &Document<'_>) -> Result<(), Error> {
    let attributes = document
        .descendants()
        .flat_map(|node| node.attributes())
        .filter(|attribute| GEOMETRY.contains(&attribute.name()));
    for attribute in attributes {
        let digits = digits(attribute.value());
        Error::check("digits of a length in an SVG", digits, MAX_DIGITS)?;
    }
    Ok(())
}

/// The maximum number of digits before a decimal point, including exponents.
fn digits(text: &str) -> u64 {
    let (mut most, mut digits, mut is_fraction) = (0_u64, 0_u64, false);
    let mut rest = text.bytes().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b'0' if digits == 0 => {}
            b'0'..=b'9' if !is_fraction => digits += 1,
            b'0'..=b'9' => {}
            b'.' => {
                digits = if is_fraction { 0 } else { digits };
                is_fraction = true;
            }
            b'e' | b'E' => {
                rest.next_if_eq(&b'+');
                let mut exponent = 0_u64;
                while let Some(digit) = rest.next_if(u8::is_ascii_digit) {
                    exponent = exponent.saturating_mul(10) + u64::from(digit - b'0');
                }
                digits = digits.max(1).saturating_add(exponent);
            }
            _ => (digits, is_fraction) = (0, false),
        }
        most = most.max(digits);
    }
    most
}

/// Counts elements including everything they reference.
struct Weights<'a, 'input> {
    document: &'a Document<'input>,
    ids: HashMap<&'a str, Node<'a, 'input>>,
    /// Elements and depth; `None` while being counted.
    known: HashMap<NodeId, Option<(u64, u32)>>,
}

impl<'a, 'input> Weights<'a, 'input> {
    fn of(document: &'a Document<'input>) -> Self {
        let elements = document.descendants().filter(Node::is_element);
        let ids = elements.filter_map(|node| Some((node.attribute("id")?, node)));
        Self {
            document,
            ids: ids.collect(),
            known: HashMap::new(),
        }
    }

    fn check(mut self) -> Result<(), Error> {
        let document = self.document;
        let elements = || document.descendants().filter(Node::is_element);
        // Comes first, because everything below recurses as deep.
        for node in document.descendants() {
            let is_too_deep =
                node.ancestors().take(MAX_DEPTH as usize + 2).count() > MAX_DEPTH as usize + 1;
            if is_too_deep {
                return Err(too_deep());
            }
        }
        let (weight, _) = self.weight(document.root_element(), 0)?;
        let style =
            elements().filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "style")));
        let (mut bytes, mut referred) = (0, 0);
        for text in style.filter_map(|style| style.text()) {
            bytes += text.len() as u64;
            for id in references(text) {
                if let Some(node) = self.ids.get(id).copied() {
                    referred += self.weight(node, 0)?.0;
                }
            }
        }
        let count = elements().count() as u64;
        // A style sheet may apply its references to any element.
        let weight = weight.saturating_add(count.saturating_mul(referred));
        Error::check("elements of an SVG", weight, MAX_ELEMENTS)?;
        Error::check("styles of an SVG", bytes * count, MAX_STYLING)?;
        let mut markers = 0;
        let is_marker = |node: &Node<'_, '_>| node.tag_name().name() == "marker";
        for marker in elements().filter(is_marker) {
            markers += self.weight(marker, 0)?.0;
        }
        let data =
            ["d", "points"].map(|name| elements().filter_map(move |node| node.attribute(name)));
        let points: u64 = data
            .into_iter()
            .flatten()
            .map(|data| data.len() as u64 / 4 + 1)
            .sum();
        Error::check(
            "markers of an SVG",
            points.saturating_mul(markers),
            MAX_MARKERS,
        )
    }

    fn weight(&mut self, node: Node<'a, 'input>, depth: u32) -> Result<(u64, u32), Error> {
        match self.known.get(&node.id()) {
            Some(Some((weight, below))) if depth + below <= MAX_DEPTH => {
                return Ok((*weight, *below));
            }
            Some(Some(_)) => return Err(too_deep()),
            Some(None) => return Err(Error::unsupported("an SVG that references itself")),
            None if depth > MAX_DEPTH => return Err(too_deep()),
            None => {}
        }
        self.known.insert(node.id(), None);
        let mut parts: Vec<Node<'a, 'input>> = node.children().filter(Node::is_element).collect();
        for attribute in node.attributes() {
            let value = attribute.value();
            // Gradients and filters reference others of their kind; shapes reference paint, clips and masks.
            let of_href = (attribute.name() == "href").then(|| value.trim().strip_prefix('#'));
            let ids = references(value).chain(of_href.flatten());
            parts.extend(ids.filter_map(|id| self.ids.get(id).copied()));
        }
        let (mut weight, mut below) = (1_u64, 0);
        for part in parts {
            let (more, deep) = self.weight(part, depth + 1)?;
            weight = weight.saturating_add(more);
            below = below.max(deep + 1);
        }
        self.known.insert(node.id(), Some((weight, below)));
        Ok((weight, below))
    }
}

fn too_deep() -> Error {
    Error::OverLimit {
        what: "depth of an SVG",
        is: u64::from(MAX_DEPTH) + 1,
        limit: u64::from(MAX_DEPTH),
    }
}

/// The names in `url(#name)`.
fn references(value: &str) -> impl Iterator<Item = &str> {
    value.split("url(").skip(1).filter_map(|rest| {
        let rest = rest
            .trim_start_matches([' ', '"', '\''])
            .strip_prefix('#')?;
        rest.split([')', '"', '\'', ' ']).next()
    })
}
