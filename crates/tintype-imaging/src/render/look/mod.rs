//! Analyses the image for items that depend on its content: finds its border ([`trim`]) and its most salient part
//! ([`smart`]).
//!
//! For this it is decoded once more at a small size. Results are in pixels of the upright original, as crops are.

mod smart;
mod trim;

pub(crate) use smart::SIDE;
pub(crate) use trim::size as trim_size;

use std::time::Instant;

use super::shrink::Shrink;
use super::{Pixels, Turn, Wanted, open, shape};
use crate::Error;
use crate::geometry::{self, GeometryError};
use crate::limits::Limits;
use crate::probe::Container;
use crate::spec::{Gamut, Look, Rect, Resolved, Size};

/// Resolves what depends on the content of the image. `of` is the size of the upright original.
pub(super) fn plan(
    bytes: &[u8],
    container: &Container,
    of: Size,
    (resolved, look): (&Resolved, &Look),
    limits: &Limits,
    deadline: Instant,
) -> Result<Resolved, Error> {
    let see = |crop: Rect, size: Size| {
        let turn = Turn::of_orientation(container.header.orientation);
        let wanted = Wanted {
            crop,
            of,
            turn,
            size,
        };
        let stored = wanted.stored(&container.header)?;
        let shrink = Shrink::new(container, &stored, deadline);
        let shrunk = open(bytes, container, &stored, limits, deadline, shrink)?;
        Ok::<Pixels, Error>(shape(shrunk, container, turn, Gamut::Srgb).0)
    };
    let mut kept = look.within;
    if let Some(tolerance) = look.trim {
        let pixels = see(kept, trim::size(kept))?;
        kept = trim::content(&pixels, tolerance)
            .map_or(kept, |part| trim::enlarged(part, pixels.size, kept));
    }
    let point = if look.framing.is_smart() {
        let window = geometry::window(resolved, &look.framing, kept);
        let pixels = see(kept, smart::size(kept))?;
        Some(smart::point(&pixels, window, kept, of))
    } else {
        None
    };
    geometry::seen(of, resolved, &look.framing, kept, point).map_err(|error| match error {
        GeometryError::TooLarge(size) if size.pixels() > geometry::MAX_PIXELS => {
            Error::TooManyPixels {
                is: size.pixels(),
                limit: geometry::MAX_PIXELS,
            }
        }
        GeometryError::TooLarge(size) => Error::OverLimit {
            what: "longer side of the response in pixels",
            is: u64::from(size.width.max(size.height)),
            limit: u64::from(geometry::MAX_SIDE),
        },
        other => Error::internal(other.to_string()),
    })
}
