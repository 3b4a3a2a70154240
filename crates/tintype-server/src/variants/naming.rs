//! The name of a variant in the store, and as a file.

use sha2::{Digest, Sha256};
use tintype_imaging::spec::{Format, Resolved};
use tintype_imaging::{EPOCH, render, sniff};
use tintype_store::{HexId, Key, KeyHash, VariantId};

use crate::records::record::Record;

/// The original's key hash and the variant's own id.
pub(crate) type VariantName = (KeyHash, VariantId);

/// Names a variant by everything that determines its bytes: the content, the spec, our renderer's epoch and, where
/// it depends on the build, the encoder.
pub(crate) fn name(key: &Key, record: &Record, resolved: &Resolved) -> VariantName {
    // An adopted original that is not hashed yet is identified by its store's ETag.
    let content = match record.sha256 {
        Some(sha256) => sha256.to_string(),
        None => record.etag.to_string(),
    };
    let mut text = format!("tintype variant {EPOCH}\n{content}\n{resolved}");
    if resolved.format == Format::Avif {
        text.push_str(&format!("\n{}", render::AVIF_ENCODER));
    }
    if let Some(purged) = record.purged {
        text.push_str(&format!("\n{purged}"));
    }
    let id = HexId::<32>(Sha256::digest(text.as_bytes()).into());
    (key.hash(), id.first())
}

/// The format of stored bytes; `None` if no renderer produces it.
pub(super) fn format_of(bytes: &[u8]) -> Option<Format> {
    let media_type_of_bytes = sniff::sniff(bytes).media_type;
    Format::ALL
        .into_iter()
        .find(|format| format.media_type() == media_type_of_bytes)
}

/// The key's last segment with the extension of the format: `lion.jpg` as WebP is `lion.webp`.
pub(crate) fn file_name(name: &str, format: Format) -> String {
    let extensions = format.extensions();
    let extension = extensions[0];
    match name.rsplit_once('.') {
        Some((_, had)) if extensions.contains(&had.to_ascii_lowercase().as_str()) => {
            name.to_owned()
        }
        Some((stem, _)) if !stem.is_empty() => format!("{stem}.{extension}"),
        _ => format!("{name}.{extension}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_after_its_key_and_format() {
        for (name, format, expected) in [
            ("lion.jpg", Format::Webp, "lion.webp"),
            ("lion.JPEG", Format::Jpeg, "lion.JPEG"),
            ("lion", Format::Png, "lion.png"),
            (".hidden", Format::Png, ".hidden.png"),
            ("a.tar.gz", Format::Avif, "a.tar.avif"),
        ] {
            assert_eq!(file_name(name, format), expected);
        }
    }
}
