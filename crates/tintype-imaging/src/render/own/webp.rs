//! Rebuilds a WebP from the chunks that decoding needs.

use super::super::Extras;
use crate::probe::Header;
use crate::render::encode::webp::{contain, push};

/// Returns `None` if the file is structured unusually.
pub(super) fn cleaned(original: &[u8], header: &Header, extras: &Extras<'_>) -> Option<Vec<u8>> {
    let (riff, rest) = original.split_at_checked(12)?;
    let length = u32::from_le_bytes(*riff.get(4..)?.first_chunk()?) as usize;
    let mut rest = rest.get(..length.checked_sub(4)?)?;
    let mut picture = Vec::with_capacity(rest.len());
    let mut has_pixels = false;
    while !rest.is_empty() {
        let (kind, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk()?;
        let length = u32::from_le_bytes(*length) as usize;
        let content = after.get(..length)?;
        // Some writers omit the padding at the very end.
        rest = after.get(length.next_multiple_of(2)..).unwrap_or_default();
        match kind {
            b"ALPH" if !has_pixels => push(&mut picture, kind, content),
            b"VP8 " | b"VP8L" if !has_pixels => {
                has_pixels = true;
                push(&mut picture, kind, content);
            }
            b"VP8 " | b"VP8L" | b"ANIM" | b"ANMF" => return None,
            _ => {}
        }
    }
    has_pixels.then(|| contain(&picture, header.size, header.has_alpha, extras))
}
