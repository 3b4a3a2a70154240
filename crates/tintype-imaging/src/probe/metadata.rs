//! What travels beside the pixels: the colour profile, and who made the picture and who owns it.
//!
//! Places, serial numbers and owners' names are never read, so they cannot be passed on.

use std::io::Cursor;

use super::ifd::Tiff;
use crate::limits::Limits;

const ORIENTATION: u16 = 0x0112;
pub(super) const ARTIST: u16 = 0x013b;
pub(super) const COPYRIGHT: u16 = 0x8298;

/// Longer than any credit line that people write; the rest is cut.
const MAX_CREDIT_BYTES: usize = 2_000;

/// Raw blocks as the container had them, each already within its limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocks {
    pub(crate) icc: Option<Vec<u8>>,
    /// From the TIFF byte order on.
    pub(crate) exif: Option<Vec<u8>>,
    pub(crate) xmp: Option<Vec<u8>>,
    /// Photoshop image resources, of which IPTC is one.
    pub(crate) photoshop: Option<Vec<u8>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    pub(crate) artist: Option<String>,
    pub(crate) copyright: Option<String>,
}

impl Rights {
    pub(crate) fn is_empty(&self) -> bool {
        self.artist.is_none() && self.copyright.is_none()
    }

    /// The smallest EXIF block that says this and nothing else.
    pub(crate) fn to_exif(&self) -> Vec<u8> {
        let texts = [(ARTIST, &self.artist), (COPYRIGHT, &self.copyright)];
        let texts: Vec<_> = texts
            .iter()
            .filter_map(|(tag, text)| Some((*tag, text.as_ref()?)))
            .collect();
        let mut exif = b"II*\0\x08\0\0\0".to_vec();
        exif.extend((texts.len() as u16).to_le_bytes());
        let mut offset = exif.len() + 12 * texts.len() + 4;
        let mut values = Vec::new();
        for (tag, text) in texts {
            let mut value = [text.as_bytes(), b"\0"].concat();
            exif.extend(tag.to_le_bytes());
            exif.extend(2_u16.to_le_bytes());
            exif.extend((value.len() as u32).to_le_bytes());
            if value.len() <= 4 {
                value.resize(4, 0);
                exif.extend(value);
                continue;
            }
            exif.extend((offset as u32).to_le_bytes());
            // Values begin at even offsets.
            value.resize(value.len().next_multiple_of(2), 0);
            offset += value.len();
            values.extend(value);
        }
        exif.extend(0_u32.to_le_bytes());
        exif.extend(values);
        exif
    }
}

impl Blocks {
    /// 1..=8; 1 when the block is absent, broken or says something else.
    pub(crate) fn orientation(&self, limits: &Limits) -> u8 {
        let read = || {
            let mut tiff = Tiff::open(Cursor::new(self.exif.as_deref()?)).ok()?;
            let directory = tiff.exif(limits.max_directory_entries)?;
            tiff.number(&directory, ORIENTATION)
        };
        upright_or(read())
    }

    /// Author and copyright, from the first block that has them: EXIF, IPTC, XMP.
    pub(crate) fn rights(&self, limits: &Limits) -> Rights {
        let (exif, iptc) = (self.exif_rights(limits), self.iptc_rights());
        let xmp = || {
            self.xmp
                .as_deref()
                .and_then(|xmp| std::str::from_utf8(xmp).ok())
        };
        let from_xmp = |tag| xmp().and_then(|xmp| xmp_first(xmp, tag));
        Rights {
            artist: exif
                .artist
                .or(iptc.artist)
                .or_else(|| from_xmp("dc:creator")),
            copyright: exif
                .copyright
                .or(iptc.copyright)
                .or_else(|| from_xmp("dc:rights")),
        }
    }

    fn exif_rights(&self, limits: &Limits) -> Rights {
        let read = || {
            let mut tiff = Tiff::open(Cursor::new(self.exif.as_deref()?)).ok()?;
            let directory = tiff.exif(limits.max_directory_entries)?;
            let mut text = |tag| {
                tiff.bytes(&directory, tag, limits.max_exif_bytes)
                    .and_then(|bytes| credit(&bytes))
            };
            Some(Rights {
                artist: text(ARTIST),
                copyright: text(COPYRIGHT),
            })
        };
        read().unwrap_or_default()
    }

    fn iptc_rights(&self) -> Rights {
        let mut rights = Rights::default();
        let Some(mut rest) = self.photoshop.as_deref().and_then(iptc_resource) else {
            return rights;
        };
        // IIM: 0x1c, record, data set, length, bytes.
        while let [0x1c, record, set, high, low, tail @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let Some((value, after)) = tail.split_at_checked(length) else {
                break;
            };
            match (record, set) {
                (2, 80) if rights.artist.is_none() => rights.artist = credit(value),
                (2, 116) if rights.copyright.is_none() => rights.copyright = credit(value),
                _ => {}
            }
            rest = after;
        }
        rights
    }
}

pub(crate) fn upright_or(orientation: Option<u64>) -> u8 {
    orientation
        .and_then(|value| u8::try_from(value).ok())
        .filter(|value| (1..=8).contains(value))
        .unwrap_or(1)
}

/// UTF-8 or, as older software writes, Latin-1; NUL ends it (EXIF separates photographer and editor
/// so, and the photographer comes first).
pub(super) fn credit(bytes: &[u8]) -> Option<String> {
    let bytes = bytes
        .split(|&byte| byte == 0)
        .find(|part| !part.trim_ascii().is_empty())?;
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    };
    clean(&text)
}

fn clean(text: &str) -> Option<String> {
    let mut text: String = text.chars().filter(|c| !c.is_control()).collect();
    text.truncate(text.floor_char_boundary(MAX_CREDIT_BYTES));
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The bytes of resource 0x0404 among Photoshop's image resources.
fn iptc_resource(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let body = rest.strip_prefix(b"8BIM")?;
        let (id, body) = body.split_at_checked(2)?;
        // A Pascal string, padded to an even length.
        let name = usize::from(*body.first()?) + 1;
        let body = body.get(name.next_multiple_of(2)..)?;
        let (length, body) = body.split_at_checked(4)?;
        let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
        let value = body.get(..length)?;
        if id == [0x04, 0x04] {
            return Some(value);
        }
        rest = body.get(length.checked_next_multiple_of(2)?..)?;
    }
}

/// The first list item (or the text) of an XMP property. A search rather than an XML parser: the
/// form is fixed by the XMP specification, and nothing but text comes out.
fn xmp_first(xmp: &str, tag: &str) -> Option<String> {
    let start = xmp.find(&format!("<{tag}"))?;
    let inner = &xmp[start..];
    let inner = &inner[inner.find('>')? + 1..];
    let inner = &inner[..inner.find(&format!("</{tag}>"))?];
    let text = match inner.find("<rdf:li") {
        Some(at) => {
            let item = &inner[at..];
            let item = &item[item.find('>')? + 1..];
            &item[..item.find('<')?]
        }
        None => inner,
    };
    if text.contains('<') {
        return None;
    }
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&");
    clean(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xmp_lists_and_plain_text_are_read() {
        let xmp = r#"<dc:creator><rdf:Seq><rdf:li>Jo &amp; Co</rdf:li></rdf:Seq></dc:creator>
            <dc:rights><rdf:Alt><rdf:li xml:lang="x-default">All kept</rdf:li></rdf:Alt></dc:rights>"#;
        assert_eq!(xmp_first(xmp, "dc:creator").as_deref(), Some("Jo & Co"));
        assert_eq!(xmp_first(xmp, "dc:rights").as_deref(), Some("All kept"));
        assert_eq!(xmp_first("<dc:rights>", "dc:rights"), None);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let rights = Rights {
            artist: Some("Jo".into()),
            copyright: Some("\u{a9} Example".into()),
        };
        let blocks = Blocks {
            exif: Some(rights.to_exif()),
            ..Blocks::default()
        };
        assert_eq!(blocks.rights(&Limits::default()), rights);
    }

    #[test]
    fn credits_end_at_nul_and_may_be_latin_1() {
        assert_eq!(credit(b"Ann\0Editor").as_deref(), Some("Ann"));
        assert_eq!(credit(b" \0Editor\0").as_deref(), Some("Editor"));
        assert_eq!(credit(b"Andr\xe9").as_deref(), Some("Andr\u{e9}"));
        assert_eq!(credit(b"\0\0"), None);
    }
}
