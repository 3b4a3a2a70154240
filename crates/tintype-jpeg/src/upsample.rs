//! Upsamples subsampled components: with a triangle filter where the factor is two, as libjpeg does by default
//! (`jdsample.c`, "fancy upsampling"), otherwise by repetition.

/// All samples of a component.
pub(crate) struct ComponentSamples {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) samples: Vec<u8>,
    /// Image pixels per sample, as fractions, across and down.
    pub(crate) across: (usize, usize),
    pub(crate) down: (usize, usize),
    /// Blocks are more than one sample wide, so interpolation is worthwhile.
    pub(crate) is_smooth: bool,
}

impl ComponentSamples {
    fn line(&self, y: usize) -> &[u8] {
        let y = y.min(self.height - 1);
        &self.samples[y * self.width..(y + 1) * self.width]
    }

    /// Writes line `y` of the image.
    pub(crate) fn write(&self, y: usize, line: &mut [u8]) {
        let (is_wide, is_high) = (
            self.across.0 == 2 * self.across.1,
            self.down.0 == 2 * self.down.1,
        );
        let (same_across, same_down) = (self.across.0 == self.across.1, self.down.0 == self.down.1);
        let near = y * self.down.1 / self.down.0;
        let has_middle = self.width > 2;
        match (self.is_smooth, is_wide, is_high) {
            (true, true, false) if same_down && has_middle => twice_across(self.line(near), line),
            (true, true, true) if has_middle => {
                twice_both(self.line(near), self.line(far(y)), line);
            }
            (true, false, true) if same_across => {
                // Alternates between rounding down and up.
                let bias = 1 + (y as u16 & 1);
                let pairs = self.line(near).iter().zip(self.line(far(y)));
                for (out, (&near, &far)) in line.iter_mut().zip(pairs) {
                    *out = ((3 * u16::from(near) + u16::from(far) + bias) >> 2) as u8;
                }
            }
            _ => repeat(self.line(near), line, self.across),
        }
    }
}

/// The line on the other side of the near line; beyond an edge, the edge line itself.
fn far(y: usize) -> usize {
    if y.is_multiple_of(2) {
        (y / 2).saturating_sub(1)
    } else {
        y / 2 + 1
    }
}

fn repeat(source: &[u8], line: &mut [u8], (over, under): (usize, usize)) {
    for (x, out) in line.iter_mut().enumerate() {
        *out = source[(x * under / over).min(source.len() - 1)];
    }
}

fn twice_across(source: &[u8], line: &mut [u8]) {
    twice(line, source.len(), |near, far, is_left| {
        let (near, far) = (u16::from(source[near]), u16::from(source[far]));
        ((3 * near + far + if is_left { 1 } else { 2 }) >> 2) as u8
    });
}

fn twice_both(near_line: &[u8], far_line: &[u8], line: &mut [u8]) {
    let sum = |x: usize| 3 * u16::from(near_line[x]) + u16::from(far_line[x]);
    twice(line, near_line.len(), |near, far, is_left| {
        ((3 * sum(near) + sum(far) + if is_left { 8 } else { 7 }) >> 4) as u8
    });
}

/// Doubles a line: each sample becomes two, mixed with its neighbours; at an edge it has no second neighbour.
#[inline(always)]
fn twice(line: &mut [u8], length: usize, of: impl Fn(usize, usize, bool) -> u8) {
    for (x, out) in line.iter_mut().enumerate() {
        let near = (x / 2).min(length - 1);
        *out = if x % 2 == 0 {
            of(near, near.saturating_sub(1), true)
        } else {
            of(near, (near + 1).min(length - 1), false)
        };
    }
}
