//! Scans of baseline and extended sequential frames (T.81 F.2): blocks become pixels as they are
//! read.

use crate::Error;
use crate::bits::Bits;
use crate::frame::{Frame, Plane, Scan, Tables};
use crate::huffman::{AcSkip, Table};
use crate::idct::{self, ZIGZAG};

struct Part<'a> {
    component: usize,
    dc: &'a Table,
    ac: &'a Table,
    skip: &'a AcSkip,
    factors: [f32; 64],
    predicted: i32,
}

/// Reads one scan from `at`. Gives whether it was whole, and where to read on.
pub(crate) fn scan(
    bytes: &[u8],
    at: usize,
    frame: &Frame,
    scan: &Scan,
    tables: &Tables,
    planes: &mut [Plane],
    go_on: &dyn Fn() -> bool,
) -> Result<(bool, usize), Error> {
    let missing = Error::Malformed("missing Huffman table");
    let mut parts = Vec::with_capacity(scan.parts.len());
    for part in &scan.parts {
        parts.push(Part {
            component: part.component,
            dc: tables.dc[part.dc].as_ref().ok_or(missing.clone())?,
            ac: tables.ac[part.ac].as_ref().ok_or(missing.clone())?,
            skip: tables.skip[part.ac].as_ref().ok_or(missing.clone())?,
            factors: planes[part.component].factors.ok_or(missing.clone())?,
            predicted: 0,
        });
    }
    let alone = parts.len() == 1;
    let (columns, rows) = match parts.as_slice() {
        [only] => {
            let component = &frame.components[only.component];
            (component.blocks_x, component.blocks_y)
        }
        _ => frame.mcus(),
    };

    let mut bits = Bits::new(bytes, at);
    let mut whole = true;
    let mut until_restart = tables.restart;
    'rows: for row in 0..rows {
        if !go_on() {
            return Err(Error::Stopped);
        }
        for column in 0..columns {
            if tables.restart != 0 {
                if until_restart == 0 {
                    if !bits.restart() {
                        whole = false;
                        break 'rows;
                    }
                    parts.iter_mut().for_each(|part| part.predicted = 0);
                    until_restart = tables.restart;
                }
                until_restart -= 1;
            }
            for part in &mut parts {
                let component = &frame.components[part.component];
                let (h, v) = if alone {
                    (1, 1)
                } else {
                    (component.h, component.v)
                };
                let plane = &mut planes[part.component];
                for y in 0..v {
                    for x in 0..h {
                        let (block_x, block_y) = (column * h + x, row * v + y);
                        let start = (block_y * plane.stride + block_x) * plane.side;
                        let read = match plane.side {
                            1 => block::<1>(&mut bits, part, plane, start),
                            2 => block::<2>(&mut bits, part, plane, start),
                            4 => block::<4>(&mut bits, part, plane, start),
                            _ => block::<8>(&mut bits, part, plane, start),
                        };
                        // Rubbish is left behind at the next restart marker, if there is one.
                        if read.is_err() || bits.overrun() {
                            whole = false;
                            if tables.restart == 0 {
                                break 'rows;
                            }
                        }
                    }
                }
            }
        }
    }
    Ok((whole, bits.position()))
}

#[inline(always)]
fn block<const SIDE: usize>(
    bits: &mut Bits,
    part: &mut Part,
    plane: &mut Plane,
    at: usize,
) -> Result<(), Error> {
    bits.refill();
    let size = part.dc.symbol(bits)?;
    if size > 15 {
        return Err(Error::Malformed("DC coefficient"));
    }
    part.predicted = part.predicted.wrapping_add(bits.extend(u32::from(size)));
    let dc = part.predicted as f32 * part.factors[0];

    let last = const { idct::last_needed(SIDE) };
    if last == 0 {
        part.skip.rest(part.ac, bits, 1)?;
        plane.pixels[at] = idct::one(dc);
        return Ok(());
    }
    let mut coefficients = [0.0f32; 64];
    coefficients[0] = dc;
    let mut only_dc = true;
    let mut index = 1;
    while index <= last {
        bits.refill();
        let symbol = part.ac.symbol(bits)?;
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        if size == 0 {
            if run < 15 {
                index = 64;
                break;
            }
            index += 16;
            continue;
        }
        index += run;
        let value = bits.extend(size);
        if index > last {
            index += 1;
            break;
        }
        coefficients[ZIGZAG[index]] = value as f32 * part.factors[index];
        only_dc = false;
        index += 1;
    }
    if last < 63 {
        part.skip.rest(part.ac, bits, index)?;
    }
    if only_dc {
        idct::fill(dc, SIDE, &mut plane.pixels, at, plane.stride);
    } else {
        idct::transform(&coefficients, SIDE, &mut plane.pixels, at, plane.stride);
    }
    Ok(())
}
