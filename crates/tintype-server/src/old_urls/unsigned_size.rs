//! Boxes that need no signature: `300x200`, `640x`, `x480`.

use tintype_imaging::spec::{Background, Gravity, Request, Rgba};

use crate::url::SpecUrl;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsignedSize {
    width: Option<u32>,
    height: Option<u32>,
}

impl UnsignedSize {
    /// 0 means no side.
    pub fn parse(text: &str) -> Option<Self> {
        const LARGEST: u32 = 8_192;
        let side = |text: &str| match text {
            "" => Some(None),
            _ if !text.bytes().all(|b| b.is_ascii_digit()) => None,
            _ => {
                let side = text.parse().ok().filter(|side| *side <= LARGEST)?;
                Some((side > 0).then_some(side))
            }
        };
        let (width, height) = text.split_once('x')?;
        let listed = Self {
            width: side(width)?,
            height: side(height)?,
        };
        (listed.width.is_some() || listed.height.is_some()).then_some(listed)
    }

    /// Besides the box only items with few values are allowed, so that nobody can request endless variants.
    pub(super) fn allows(self, spec: &SpecUrl) -> bool {
        let asked = &spec.request;
        let few = Request {
            width: self.width,
            height: self.height,
            fit: asked.fit,
            gravity: asked
                .gravity
                .filter(|gravity| !matches!(gravity, Gravity::Point { .. })),
            enlarge: asked.enlarge,
            quality: asked.quality,
            background: asked.background.filter(is_plain),
            rotate: asked.rotate,
            flip: asked.flip,
            gray: asked.gray,
            ..Request::default()
        };
        *asked == few
            && spec.format.unwrap_or_default().is_image()
            && spec.preset.is_none()
            && spec.expires.is_none()
            && spec.download.is_none()
    }
}

/// The usual fill colours of old URLs; any colour would allow 16 million variants.
fn is_plain(background: &Background) -> bool {
    match *background {
        Background::Colour(Rgba { r, g, b, .. }) => [[0; 3], [255; 3]].contains(&[r, g, b]),
        Background::Blur => true,
    }
}
