//! Finds items that contradict each other, as far as that is possible without the original.

use tintype_imaging::spec::{Background, Fit, Format, Gamut, Gravity, Request};

use super::{FormatItem, SpecError};

/// One kind of contradiction.
pub struct Contradiction {
    /// The item that the error names.
    pub item: &'static str,
    pub reason: &'static str,
    /// A short spec that breaks the rule.
    pub example: &'static str,
    is_broken: fn(&Request, FormatItem) -> bool,
}

/// The first rule that is broken is reported.
pub const RULES: [Contradiction; 8] = [
    Contradiction {
        item: "f",
        reason: "json and original do not change the image, so they allow no item that does",
        example: "w_640~f_original",
        is_broken: |request, format| !format.is_image() && *request != Request::default(),
    },
    Contradiction {
        item: "fit",
        reason: "other than contain needs both w and h",
        example: "w_640~fit_cover",
        is_broken: |request, _| {
            let has_both = request.width.is_some() && request.height.is_some();
            fit(request) != Fit::Contain && !has_both
        },
    },
    Contradiction {
        item: "g",
        reason: "needs fit_cover or fit_pad",
        example: "w_640~h_480~g_n",
        is_broken: |request, _| {
            request.gravity.is_some() && matches!(fit(request), Fit::Contain | Fit::Stretch)
        },
    },
    Contradiction {
        item: "g",
        reason: "with fit_pad must be one of c n ne e se s sw w nw",
        example: "w_640~h_480~fit_pad~g_0.3x0.6",
        is_broken: |request, _| {
            let is_compass = matches!(request.gravity, None | Some(Gravity::Compass(_)));
            fit(request) == Fit::Pad && !is_compass
        },
    },
    Contradiction {
        item: "bg",
        reason: "blur needs fit_pad",
        example: "w_640~bg_blur",
        is_broken: |request, _| {
            request.background == Some(Background::Blur) && fit(request) != Fit::Pad
        },
    },
    Contradiction {
        item: "up",
        reason: "needs w or h",
        example: "up_1",
        is_broken: |request, _| {
            let has_box = request.width.is_some() || request.height.is_some();
            request.enlarge == Some(true) && !has_box
        },
    },
    Contradiction {
        item: "anim",
        reason: "needs f_webp, f_gif or f_auto: jpeg, png and avif do not move",
        example: "f_jpeg~anim_1",
        is_broken: |request, format| {
            let moves = !matches!(format, FormatItem::Image(format) if !format.moves());
            request.animate == Some(true) && !moves
        },
    },
    Contradiction {
        item: "cs",
        reason: "p3 needs another format than gif, which is always in sRGB",
        example: "f_gif~cs_p3",
        is_broken: |request, format| {
            request.gamut == Some(Gamut::P3) && format == FormatItem::Image(Format::Gif)
        },
    },
];

pub(super) fn consistent(request: &Request, format: FormatItem) -> Result<(), SpecError> {
    match RULES.iter().find(|rule| (rule.is_broken)(request, format)) {
        Some(rule) => Err(SpecError::new(rule.item, rule.reason)),
        None => Ok(()),
    }
}

fn fit(request: &Request) -> Fit {
    request.fit.unwrap_or_default()
}
