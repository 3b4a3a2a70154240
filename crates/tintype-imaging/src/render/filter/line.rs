//! Gaussian blur along one line of samples, in integer arithmetic.
//!
//! A wide Gaussian is evaluated only at every `step`th sample. Each of these points is first averaged with its
//! neighbours by a triangle filter, which prevents aliasing; the values in between are interpolated (Catmull-Rom).
//! The result is within 0.15 of a level of the exact Gaussian, even for stripes and noise of full contrast, and the
//! time does not grow with sigma.

/// The Gaussian is cut off at this many sigmas.
const REACH: f64 = 3.5;

/// Minimum sigma, in steps, if the step is more than one sample.
const NARROWEST_SIGMA: f64 = 5.0;

/// The sum of all weights.
const ONE: u64 = 65_536;

pub(super) struct Bell {
    step: usize,
    /// The centre weight, then those to one side.
    weights: Vec<u64>,
    /// For each sample within a step, the weights of the four nearest points.
    between: Vec<[i64; 4]>,
}

impl Bell {
    /// Takes sigma in samples.
    pub(super) fn new(sigma: f64) -> Self {
        let step = (sigma / NARROWEST_SIGMA).floor().max(1.0);
        // The triangle filter contributes to the variance.
        let variance = sigma * sigma - (step * step - 1.0) / 6.0;
        let phase = |at: usize| catmull_rom(at as f64 / step);
        Self {
            weights: weights(variance.sqrt() / step),
            between: (0..step as usize).map(phase).collect(),
            step: step as usize,
        }
    }

    fn reach(&self) -> usize {
        self.weights.len() - 1
    }
}

/// Reusable buffers.
#[derive(Default)]
pub(super) struct Line {
    given: Vec<u16>,
    /// The points, extended beyond both ends as far as the Gaussian reaches; edge samples repeat.
    padded: Vec<u64>,
    blurred: Vec<u64>,
}

impl Line {
    /// Blurs `samples`; [`Self::at`] returns the result.
    pub(super) fn blur(&mut self, bell: &Bell, samples: impl Iterator<Item = u16>) {
        self.given.clear();
        self.given.extend(samples);
        let (step, reach) = (bell.step as isize, bell.reach() as isize);
        let length = self.given.len() as isize;
        // Interpolation needs one more point at the start and two at the end.
        let places = match step {
            1 => -reach..length + reach,
            _ => -1 - reach..length / step + 3 + reach,
        };
        let at = |at: isize| u64::from(self.given[at.clamp(0, length - 1) as usize]);
        let place = |place: isize| -> u64 {
            let around = (1..step).map(|off| {
                let both = at(place * step - off) + at(place * step + off);
                (step - off) as u64 * both
            });
            step as u64 * at(place * step) + around.sum::<u64>()
        };
        self.padded.clear();
        self.padded.extend(places.map(place));
        self.blurred.clear();
        let windows = self.padded.windows(2 * bell.reach() + 1);
        self.blurred.extend(windows.map(|window| bell.of(window)));
    }

    pub(super) fn at(&self, bell: &Bell, at: usize) -> u16 {
        if bell.step == 1 {
            return rounded(self.blurred[at], ONE);
        }
        let first = at / bell.step;
        let places = &self.blurred[first..first + 4];
        let weights = &bell.between[at % bell.step];
        let parts = places.iter().zip(weights);
        let sum: i64 = parts
            .map(|(value, weight)| (value >> 16) as i64 * weight)
            .sum();
        rounded(sum.max(0) as u64, ONE * (bell.step * bell.step) as u64)
    }
}

impl Bell {
    fn of(&self, window: &[u64]) -> u64 {
        let reach = self.reach();
        let (before, after) = window.split_at(reach);
        let middle = self.weights[0] * after[0];
        let sides = self.weights[1..].iter();
        let pairs = before.iter().rev().zip(&after[1..]);
        let sides = sides.zip(pairs).map(|(weight, (a, b))| weight * (a + b));
        middle + sides.sum::<u64>()
    }
}

fn rounded(sum: u64, whole: u64) -> u16 {
    ((sum + whole / 2) / whole).min(255 * 255) as u16
}

/// Returns the centre weight, then those to one side. The whole kernel sums to [`ONE`].
fn weights(sigma: f64) -> Vec<u64> {
    let radius = (REACH * sigma).ceil() as u32;
    let bell: Vec<f64> = (0..=radius)
        .map(|x| (-f64::from(x * x) / (2.0 * sigma * sigma)).exp())
        .collect();
    let total = 2.0 * bell.iter().sum::<f64>() - bell[0];
    let mut weights: Vec<u64> = bell
        .iter()
        .map(|weight| (weight / total * ONE as f64).round() as u64)
        .collect();
    let sides: u64 = 2 * weights[1..].iter().sum::<u64>();
    weights[0] = ONE - sides;
    weights
}

/// Returns the weights for a position between the second and third of four points. They sum to [`ONE`].
fn catmull_rom(t: f64) -> [i64; 4] {
    let curve = [
        ((2.0 - t) * t - 1.0) * t,
        (3.0 * t - 5.0) * t * t + 2.0,
        ((4.0 - 3.0 * t) * t + 1.0) * t,
        (t - 1.0) * t * t,
    ];
    let mut weights = curve.map(|weight| (weight / 2.0 * ONE as f64).round() as i64);
    weights[1] += ONE as i64 - weights.iter().sum::<i64>();
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Gaussian evaluated at every sample, in floating point.
    fn exact(samples: &[u16], sigma: f64) -> Vec<f64> {
        let reach = (6.0 * sigma).ceil() as isize;
        let weight = |off: isize| (-(off * off) as f64 / (2.0 * sigma * sigma)).exp();
        let total: f64 = (-reach..=reach).map(weight).sum();
        let last = samples.len() as isize - 1;
        let value = |at: isize| f64::from(samples[at.clamp(0, last) as usize]);
        let blurred = |at: isize| {
            let sum: f64 = (-reach..=reach)
                .map(|off| weight(off) * value(at + off))
                .sum();
            sum / total
        };
        (0..=last).map(blurred).collect()
    }

    #[test]
    fn a_line_is_blurred_as_by_the_bell_itself() {
        let mut seed = 7_u32;
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            u16::from(seed >> 31 == 1) * 65_025
        };
        let (mut line, mut worst) = (Line::default(), 0.0_f64);
        for sigma in [0.3, 0.8, 3.0, 9.9, 10.0, 14.9, 15.0, 33.0, 60.0, 100.0] {
            let bell = Bell::new(sigma);
            for length in [1, 3, 40, 317] {
                let lines = [
                    (0..length).map(|_| noise()).collect::<Vec<u16>>(),
                    (0..length)
                        .map(|at| u16::from(at > length / 3) * 65_025)
                        .collect(),
                    (0..length)
                        .map(|at| u16::from(at + 3 > length) * 65_025)
                        .collect(),
                    (0..length)
                        .map(|at| u16::from(at / 7 % 2 == 0) * 65_025)
                        .collect(),
                ];
                for samples in lines {
                    line.blur(&bell, samples.iter().copied());
                    for (at, exact) in exact(&samples, sigma).into_iter().enumerate() {
                        let levels = (f64::from(line.at(&bell, at)) - exact).abs() / 255.0;
                        assert!(levels <= 0.3, "{sigma}, {length}: {levels} at {at}");
                        worst = worst.max(levels);
                    }
                }
            }
        }
        assert!(worst > 0.0);
    }
}
