//! Items that contradict each other. Only what can be told without the original.

use tintype_imaging::spec::{Fit, Gravity, Request};

use super::{FormatItem, SpecError};

pub(super) fn consistent(request: &Request, format: FormatItem) -> Result<(), SpecError> {
    if !format.is_image() && *request != Request::default() {
        let reason = "json and original leave the picture as it is, so no other item may change it";
        return Err(SpecError::new("f", reason));
    }
    let has_box = request.width.is_some() || request.height.is_some();
    let has_both = request.width.is_some() && request.height.is_some();
    let fit = request.fit.unwrap_or_default();
    if fit != Fit::Contain && !has_both {
        return Err(SpecError::new(
            "fit",
            "other than contain needs both w and h",
        ));
    }
    match (request.gravity, fit) {
        (Some(_), Fit::Contain | Fit::Stretch) => {
            Err(SpecError::new("g", "needs fit_cover or fit_pad"))
        }
        (Some(Gravity::Point { .. } | Gravity::Smart), Fit::Pad) => Err(SpecError::new(
            "g",
            "with fit_pad must be one of c n ne e se s sw w nw",
        )),
        _ if request.enlarge == Some(true) && !has_box => Err(SpecError::new("up", "needs w or h")),
        _ => Ok(()),
    }
}
