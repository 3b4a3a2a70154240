//! Pixels between the steps: 8 bits, interleaved, rows without padding, straight alpha.

use crate::spec::Size;

#[derive(Clone, Debug)]
pub(crate) struct Pixels {
    pub(crate) size: Size,
    pub(crate) layout: Layout,
    pub(crate) samples: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
}

impl Layout {
    pub(crate) const fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }

    pub(crate) const fn is_gray(self) -> bool {
        matches!(self, Self::Gray | Self::GrayAlpha)
    }

    pub(crate) const fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::Rgba)
    }
}

impl Pixels {
    pub(crate) fn to_rgba(&self) -> Vec<u8> {
        self.map(|[r, g, b, a]| [r, g, b, a])
    }

    pub(crate) fn to_rgb(&self) -> Vec<u8> {
        self.map(|[r, g, b, _]| [r, g, b])
    }

    /// Maps each pixel, as RGBA, through `f`.
    pub(crate) fn map<const N: usize>(&self, f: impl Fn([u8; 4]) -> [u8; N]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size.pixels() as usize * N);
        for pixel in self.samples.chunks_exact(self.layout.channels()) {
            out.extend(f(match *pixel {
                [gray] => [gray, gray, gray, 255],
                [gray, alpha] => [gray, gray, gray, alpha],
                [r, g, b] => [r, g, b, 255],
                _ => [pixel[0], pixel[1], pixel[2], pixel[3]],
            }));
        }
        out
    }

    /// Reduces gray that is stored in three equal channels to one. In a photograph, the first pixels decide.
    pub(crate) fn without_idle_colour(self) -> Self {
        let channels = self.layout.channels();
        let layout = match self.layout {
            Layout::Rgb => Layout::Gray,
            Layout::Rgba => Layout::GrayAlpha,
            Layout::Gray | Layout::GrayAlpha => return self,
        };
        let is_gray = |pixel: &[u8]| pixel[0] == pixel[1] && pixel[1] == pixel[2];
        if !self.samples.chunks_exact(channels).all(is_gray) {
            return self;
        }
        let gray = self
            .samples
            .chunks_exact(channels)
            .flat_map(|pixel| &pixel[2..]);
        Self {
            size: self.size,
            layout,
            samples: gray.copied().collect(),
        }
    }

    /// Drops an alpha channel that is opaque everywhere.
    pub(crate) fn without_idle_alpha(self) -> Self {
        let channels = self.layout.channels();
        let layout = match self.layout {
            Layout::GrayAlpha => Layout::Gray,
            Layout::Rgba => Layout::Rgb,
            Layout::Gray | Layout::Rgb => return self,
        };
        if self
            .samples
            .iter()
            .skip(channels - 1)
            .step_by(channels)
            .any(|&alpha| alpha != 255)
        {
            return self;
        }
        let opaque = self
            .samples
            .chunks_exact(channels)
            .flat_map(|pixel| &pixel[..channels - 1]);
        Self {
            size: self.size,
            layout,
            samples: opaque.copied().collect(),
        }
    }
}
