//! Rebuilds a PNG from the chunks that decoding needs.

use std::io::{Read, Write};

use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

use super::super::Extras;
use crate::decode;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

struct Chunk<'a> {
    kind: [u8; 4],
    content: &'a [u8],
}

/// Returns `None` if the file is structured unusually.
pub(super) fn cleaned(original: &[u8], extras: &Extras<'_>) -> Option<Vec<u8>> {
    let mut rest = original.strip_prefix(SIGNATURE)?;
    let mut bytes = Vec::with_capacity(original.len());
    bytes.extend(SIGNATURE);
    let mut has_pixels = false;
    let (mut bits, mut colour, mut colours) = (0, 0, 0);
    loop {
        let chunk = next(&mut rest)?;
        match &chunk.kind {
            b"IEND" => break,
            b"IHDR" if bytes.len() == SIGNATURE.len() => {
                push(&mut bytes, &chunk.kind, chunk.content);
                (bits, colour) = (*chunk.content.get(8)?, *chunk.content.get(9)?);
                if let Some(icc) = extras.icc {
                    push(&mut bytes, b"iCCP", &profile(icc)?);
                }
            }
            b"IDAT" => {
                if let Some(rights) = extras.rights.filter(|_| !has_pixels) {
                    if let Some(exif) = &rights.exif {
                        push(&mut bytes, b"eXIf", exif);
                    }
                    // Neither packed nor in a language.
                    if !rights.xmp.is_empty() {
                        let front = b"XML:com.adobe.xmp\0\0\0\0\0";
                        push(
                            &mut bytes,
                            b"iTXt",
                            &[front, rights.xmp.as_slice()].concat(),
                        );
                    }
                }
                has_pixels = true;
                push(&mut bytes, &chunk.kind, chunk.content);
            }
            b"PLTE" if !has_pixels => {
                colours = chunk.content.len() / 3;
                push(&mut bytes, &chunk.kind, chunk.content);
            }
            // Not every reader copes with surplus bits.
            b"tRNS" if !has_pixels => {
                if let Some(clear) = decode::transparency(chunk.content, bits, colour, colours) {
                    push(&mut bytes, &chunk.kind, &clear);
                }
            }
            // Lower case: ancillary, so a reader may ignore it.
            [first, ..] if first.is_ascii_lowercase() => {}
            _ => return None,
        }
    }
    push(&mut bytes, b"IEND", &[]);
    has_pixels.then_some(bytes)
}

/// Checks that the coded data contains all rows and nothing else, by its own checksum.
pub(super) fn is_whole(cleaned: &[u8]) -> bool {
    let read = || {
        let mut rest = cleaned.strip_prefix(SIGNATURE)?;
        let (mut passes, mut coded) = (Vec::new(), Vec::new());
        while !rest.is_empty() {
            let chunk = next(&mut rest)?;
            match &chunk.kind {
                b"IHDR" => passes = rows(chunk.content)?,
                b"IDAT" => coded.extend(chunk.content),
                _ => {}
            }
        }
        let mut stream = ZlibDecoder::new(coded.as_slice());
        for (count, length) in passes {
            let mut row = vec![0; length];
            for _ in 0..count {
                stream.read_exact(&mut row).ok()?;
                // There are five filters.
                (row[0] <= 4).then_some(())?;
            }
        }
        // Reading to the end verifies the checksum.
        let more = stream.read(&mut [0]).ok()?;
        Some(more == 0 && stream.total_in() == coded.len() as u64)
    };
    read().unwrap_or(false)
}

/// For each pass: the number of rows, and the bytes per row including the filter byte.
fn rows(head: &[u8]) -> Option<Vec<(u32, usize)>> {
    let [
        w0,
        w1,
        w2,
        w3,
        h0,
        h1,
        h2,
        h3,
        bits,
        colour,
        _,
        _,
        interlace,
    ] = *head
    else {
        return None;
    };
    let width = u32::from_be_bytes([w0, w1, w2, w3]);
    let height = u32::from_be_bytes([h0, h1, h2, h3]);
    let samples: u64 = match colour {
        0 | 3 => 1,
        4 => 2,
        2 => 3,
        6 => 4,
        _ => return None,
    };
    let pass = |(x, y, across, down): (u32, u32, u32, u32)| {
        let width = width.saturating_sub(x).div_ceil(across);
        let height = height.saturating_sub(y).div_ceil(down);
        let bytes = (u64::from(width) * samples * u64::from(bits)).div_ceil(8);
        (width > 0).then_some((height, 1 + bytes as usize))
    };
    // Adam7: where each pass begins, and its steps.
    const ADAM7: [(u32, u32, u32, u32); 7] = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ];
    Some(match interlace {
        0 => pass((0, 0, 1, 1)).into_iter().collect(),
        _ => ADAM7.into_iter().filter_map(pass).collect(),
    })
}

/// Returns `None` at the end, and for a wrong checksum.
fn next<'a>(rest: &mut &'a [u8]) -> Option<Chunk<'a>> {
    let (length, after) = rest.split_first_chunk()?;
    let (kind, after) = after.split_first_chunk::<4>()?;
    let (content, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let (checksum, after) = after.split_first_chunk()?;
    *rest = after;
    let kind = *kind;
    (sum(&kind, content) == u32::from_be_bytes(*checksum)).then_some(Chunk { kind, content })
}

/// Name, NUL, method 0, zlib stream.
fn profile(icc: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(b"ICC\0\0".to_vec(), Compression::default());
    encoder.write_all(icc).ok()?;
    encoder.finish().ok()
}

fn push(to: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    to.extend((content.len() as u32).to_be_bytes());
    to.extend(kind);
    to.extend(content);
    to.extend(sum(kind, content).to_be_bytes());
}

fn sum(kind: &[u8; 4], content: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(kind);
    crc.update(content);
    crc.sum()
}
