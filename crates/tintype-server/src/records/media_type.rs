//! The media type of an original: by its content, and by its name where the content is ambiguous.

use std::fmt;

use serde::{Deserialize, Serialize};
use tintype_imaging::sniff::{ContentClass, Sniffed};
use tintype_store::Key;

/// As in `Content-Type`, in lower case; it may have a parameter, such as a character set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaType(String);

impl MediaType {
    /// Images and everything that a browser would execute are recognised by content; the extension only chooses
    /// among passive types, where the content shows no more than "text" or "zip".
    pub fn of(sniffed: Sniffed, key: &Key) -> Self {
        if let Some(refined) = refined(sniffed.media_type, key) {
            return Self(refined.to_owned());
        }
        let guess = match sniffed.kind {
            ContentClass::Picture | ContentClass::Active | ContentClass::Passive => None,
            ContentClass::Unknown => mime_guess::from_path(key.file_name()).first(),
        };
        let passive = guess.filter(|guess| {
            guess.type_() != mime_guess::mime::IMAGE && !is_active(guess.essence_str())
        });
        Self(match passive {
            Some(guess) => guess.essence_str().to_owned(),
            None => sniffed.media_type.to_owned(),
        })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without parameters.
    pub fn essence(&self) -> &str {
        essence(&self.0)
    }

    /// Whether a browser may run script in it. Such types are never served inline.
    pub fn is_active(&self) -> bool {
        is_active(&self.0)
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a file of this name would be opened as something that runs script.
pub fn is_active_name(name: &str) -> bool {
    mime_guess::from_path(name).iter_raw().any(is_active)
}

fn is_active(media_type: &str) -> bool {
    let essence = essence(media_type);
    essence.ends_with("+xml")
        || essence.contains("html")
        || essence.contains("javascript")
        || essence.contains("ecmascript")
        || matches!(
            essence,
            "text/xml" | "application/xml" | "application/x-shockwave-flash"
        )
}

fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// Types for which the name says more than the content, or better than the usual table of names, which lacks USDZ,
/// takes every `.ts` for a stream, even TypeScript, and gives streams a type that players do not know.
fn refined(media_type: &str, key: &Key) -> Option<&'static str> {
    let (_, extension) = key.file_name().rsplit_once('.')?;
    Some(match (media_type, &*extension.to_ascii_lowercase()) {
        ("application/zip", "usdz") => "model/vnd.usdz+zip",
        ("audio/ogg", "ogv") => "video/ogg",
        ("video/webm", "mkv" | "mk3d") => "video/x-matroska",
        ("video/webm", "weba") => "audio/webm",
        ("video/webm" | "video/x-matroska", "mka") => "audio/x-matroska",
        ("video/mp4", "m4a") => "audio/mp4",
        ("application/octet-stream", "ts" | "mts" | "m2ts") => "video/mp2t",
        ("text/plain", "ts" | "mts") => "text/plain",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    //! The content decides what a file is; if it only shows a container, the name says more.

    use tintype_imaging::sniff::sniff;

    use super::*;

    #[test]
    fn a_name_refines_the_type_of_a_container_and_of_nothing_else() {
        for (head, name, expected) in [
            (&b"\x1a\x45\xdf\xa3\0"[..], "a.mkv", "video/x-matroska"),
            (b"\x1a\x45\xdf\xa3\0", "a.webm", "video/webm"),
            (b"\x1a\x45\xdf\xa3\0", "a.MKA", "audio/x-matroska"),
            (b"OggS\0", "a.ogv", "video/ogg"),
            (b"OggS\0", "a.ogg", "audio/ogg"),
            (b"PK\x03\x04\0", "a.usdz", "model/vnd.usdz+zip"),
            (b"PK\x03\x04\0", "a.zip", "application/zip"),
            (b"\0\x01\x02", "a.ts", "video/mp2t"),
            (b"export const a: number = 1;", "a.ts", "text/plain"),
            (b"WEBVTT", "a.vtt", "text/vtt"),
            (b"%PDF-1.7", "a.ogv", "application/pdf"),
            (b"<html>", "a.mkv", "text/html"),
            (b"\xff\xd8\xff", "a.ts", "image/jpeg"),
        ] {
            let key = Key::parse(name).unwrap();
            let media_type = MediaType::of(sniff(head), &key);
            assert_eq!(media_type.as_str(), expected, "{name}");
        }
    }
}
