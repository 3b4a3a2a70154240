//! Image overlays (ISO/IEC 23008-12, section 6.6.2.4).

use super::canvas::{Sample, WholeImage};
use super::{Items, Nclx, within};
use crate::Error;
use crate::probe::heif::Fields;
use crate::render::Turn;
use crate::spec::Size;

impl Items<'_> {
    pub(super) fn overlay<S: Sample>(
        &mut self,
        id: u32,
        depth: u32,
        outer: Option<Nclx>,
    ) -> Result<WholeImage<S>, Error> {
        let data = self.data(id)?;
        let mut fields = Fields::new(&data);
        fields.byte()?;
        let side = if fields.byte()? & 1 == 0 { 2 } else { 4 };
        let mut fill = [S::default(); 4];
        for sample in &mut fill {
            let of_sixteen = i32::from(fields.be16()?);
            let of_one = 65_535 / S::MAX;
            *sample = S::of((of_sixteen + of_one / 2) / of_one);
        }
        let size = Size::new(fields.number(side)? as u32, fields.number(side)? as u32);
        if size != self.file.size(id)? {
            return Err(Error::malformed("its sizes disagree"));
        }
        let inputs = self.file.inputs(id).to_vec();
        self.charge(size)?;
        let mut canvas = WholeImage::new(size, self.channels);
        for pixel in canvas.samples.chunks_exact_mut(self.channels) {
            // Opaque if the caller needs no alpha.
            pixel.copy_from_slice(&fill[..self.channels]);
        }
        for input in inputs {
            let mut offset = || Ok::<_, Error>(signed(fields.number(side)?, side));
            let (left, top) = (offset()?, offset()?);
            let (shown, turn) = self.file.shown(input)?;
            if turn != Turn::default() {
                let above = self.canvas::<S>(input, depth + 1, outer)?;
                let rows = (&above.samples[..], above.size.width);
                lay(rows, (left, top), &mut canvas);
                continue;
            }
            let (width, channels) = (self.file.size(input)?.width, self.channels);
            self.rows::<S>(input, depth + 1, outer, &mut |row, rows| {
                let part = within(shown, (row, width), rows, channels);
                let row = i64::from(row.saturating_sub(shown.y));
                lay((&part, shown.width), (left, top + row), &mut canvas);
                Ok(())
            })?;
        }
        Ok(canvas)
    }
}

fn signed(number: u64, bytes: usize) -> i64 {
    match bytes {
        2 => i64::from((number as u16).cast_signed()),
        _ => i64::from((number as u32).cast_signed()),
    }
}

/// Draws the part of the rows that lies on the canvas.
fn lay<S: Sample>((rows, width): (&[S], u32), (left, top): (i64, i64), canvas: &mut WholeImage<S>) {
    let (channels, size) = (canvas.channels, canvas.size);
    let first = left.max(0);
    let end = (left + i64::from(width)).min(i64::from(size.width));
    if first >= end {
        return;
    }
    let stride = width as usize * channels;
    for (y, row) in (top..).zip(rows.chunks_exact(stride)) {
        if !(0..i64::from(size.height)).contains(&y) {
            continue;
        }
        let row = &row[(first - left) as usize * channels..(end - left) as usize * channels];
        let start = (y as usize * size.width as usize + first as usize) * channels;
        let line = &mut canvas.samples[start..start + row.len()];
        let pixels = row.chunks_exact(channels);
        for (above, below) in pixels.zip(line.chunks_exact_mut(channels)) {
            over(above, below);
        }
    }
}

/// Porter-Duff "over" with straight alpha, which is the last channel if there is one.
fn over<S: Sample>(above: &[S], below: &mut [S]) {
    let most = i64::from(S::MAX);
    let (Some(upper), Some(lower)) = (above.last(), below.last()) else {
        return;
    };
    if !above.len().is_multiple_of(2) || i64::from(upper.value()) == most {
        below.copy_from_slice(above);
        return;
    }
    let upper = i64::from(upper.value());
    let under = i64::from(lower.value()) * (most - upper);
    let alpha = most * upper + under;
    if alpha == 0 {
        return;
    }
    let last = above.len() - 1;
    for (above, below) in above[..last].iter().zip(&mut below[..last]) {
        let mixed = i64::from(above.value()) * most * upper + i64::from(below.value()) * under;
        *below = S::of(((mixed + alpha / 2) / alpha) as i32);
    }
    below[last] = S::of(((alpha + most / 2) / most) as i32);
}
