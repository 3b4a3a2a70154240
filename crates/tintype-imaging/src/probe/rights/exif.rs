//! Artist and copyright in EXIF.

use std::io::Cursor;

use super::{Rights, text};
use crate::limits::Limits;
use crate::probe::ifd::Tiff;

pub(crate) const ARTIST: u16 = 0x013b;
pub(crate) const COPYRIGHT: u16 = 0x8298;

pub(super) fn read(exif: Option<&[u8]>, limits: &Limits) -> Rights {
    let read = || {
        let mut tiff = Tiff::open(Cursor::new(exif?)).ok()?;
        let directory = tiff.exif(limits.max_directory_entries)?;
        let mut value = |tag| {
            let bytes = tiff.bytes(&directory, tag, limits.max_exif_bytes)?;
            first(&bytes)
        };
        Some(Rights {
            creators: value(ARTIST).into_iter().collect(),
            notice: value(COPYRIGHT),
            ..Rights::NONE
        })
    };
    read().unwrap_or_default()
}

/// Text up to NUL: EXIF puts the photographer's copyright before it, and the editor's after.
fn first(bytes: &[u8]) -> Option<String> {
    let mut parts = bytes.split(|&byte| byte == 0);
    text(parts.find(|part| !part.trim_ascii().is_empty())?)
}

/// Returns tags and their texts, which end with NUL. Multiple creators are joined as EXIF requires.
pub(in crate::probe) fn texts(creators: &[String], notice: Option<&str>) -> Vec<(u16, Vec<u8>)> {
    let artist = (!creators.is_empty()).then(|| creators.join("; "));
    let texts = [(ARTIST, artist.as_deref()), (COPYRIGHT, notice)];
    let texts = texts.into_iter().filter_map(|(tag, text)| {
        let text = text?.as_bytes();
        Some((tag, [text, b"\0"].concat()))
    });
    texts.collect()
}

/// Writes the smallest block with these fields and no others.
pub(super) fn write(creators: &[String], notice: Option<&str>) -> Vec<u8> {
    let texts = texts(creators, notice);
    let mut exif = b"II*\0\x08\0\0\0".to_vec();
    exif.extend((texts.len() as u16).to_le_bytes());
    let mut offset = exif.len() + 12 * texts.len() + 4;
    let mut values = Vec::new();
    for (tag, mut value) in texts {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let exif = write(&["Jo".into(), "Ann".into()], Some("\u{a9} Example"));
        let rights = read(Some(&exif), &Limits::default());
        assert_eq!(rights.creators, ["Jo; Ann"]);
        assert_eq!(rights.notice.as_deref(), Some("\u{a9} Example"));
    }

    #[test]
    fn texts_end_at_nul_and_may_be_latin_1() {
        assert_eq!(first(b"Ann\0Editor").as_deref(), Some("Ann"));
        assert_eq!(first(b" \0Editor\0").as_deref(), Some("Editor"));
        assert_eq!(first(b"Andr\xe9").as_deref(), Some("Andr\u{e9}"));
        assert_eq!(first(b"\0\0"), None);
    }
}
