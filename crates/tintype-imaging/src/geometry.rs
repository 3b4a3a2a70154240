//! Resolves a [`Request`] and the size of an original to whole pixels.
//!
//! The rules are public: a client that knows the size of an original can compute the size of every variant without a
//! request (cases: `tests/vectors/geometry.json`). All of it is integer arithmetic; "rounded" means to the nearest
//! integer, halves up.
//!
//! 1. *Crop* the upright original. A crop that reaches over the edge is cut to the edge; one that
//!    lies wholly outside is an error. Fractions give edges: each edge (`x`, `x + width`, …) is
//!    multiplied by the side and rounded, and at least one pixel remains, so crops that meet in
//!    fractions meet in pixels.
//! 2. *Turn*: rotate clockwise, then flip. Everything below speaks of the turned image, W by H.
//! 3. *Box*: `w` and `h` are each multiplied by `dpr` and rounded. Without both there is no box and
//!    the image keeps its size, whatever `dpr` says.
//! 4. *Fit*:
//!    - `contain`: the side that limits (found by cross multiplication) takes the box's length; the
//!      other is rounded, at least 1. Without `up` never larger than W by H.
//!    - `cover`, `stretch`: without `up` a box larger than the image is first scaled down by
//!      min(1, W/w, H/h), the limiting side exactly, the other rounded, at least 1. The result has
//!      the size of that box. `cover` then cuts the largest rectangle with the box's aspect ratio
//!      (one side whole, the other rounded, at least 1) and resizes only what is left.
//!    - `pad`: `contain`, on a canvas of exactly the box.
//! 5. *Gravity* places the cut of `cover`: centred on the point, rounded, then pushed inside. A
//!    point is in fractions of the upright original and is carried through crop and turn; one that
//!    was cropped away counts as the nearest edge. A compass name speaks of the turned image:
//!    `nw` is flush with the top left corner. The default is the original's focal point, else the
//!    centre. On a canvas only the compass places the image, by default in the centre.
//!    `smart` leaves the place of the crop to the image, unless the record has a focal point.
//! 6. `trim` comes between crop and turn, and leaves the size to the image: that of an even border is only known after
//!    looking at it. The same rules apply to what is left ([`Look`]).
//! 7. `blur` is multiplied by `dpr`, so that it looks the same on every screen.
//! 8. `anim` keeps the frames of an original that has several, within [`MAX_FRAMES`], [`MAX_FRAME_PIXELS_IN`] and
//!    [`MAX_FRAME_PIXELS_OUT`]; beyond them, the first is shown.
//!
//! Deliberately absent: pixels, and formats' own limits other than the longest side.

mod crop;
mod turn;

use crop::clip;
use turn::CropTurn;

use crate::probe::SetRights;
use crate::spec::{
    Background, Canvas, Compass, Decimal, Fit, Format, Framing, Gamut, Gravity, Look,
    MAX_FRAME_PIXELS_IN, MAX_FRAME_PIXELS_OUT, MAX_FRAMES, Rect, Request, Resolved, Size,
};

/// The longest side of a response: the most that a WebP file can hold.
pub const MAX_SIDE: u32 = 16_383;
/// The most pixels of a response. Only `up` and `pad` can make a response larger than its original, whose pixels the
/// probe has limited already.
pub const MAX_PIXELS: u64 = 100_000_000;

/// The tolerance of `trim_1`, in levels of 255: above the noise that JPEG adds to an even border.
const USUAL_TOLERANCE: u8 = 10;

const ONE: i64 = 1_000_000;

/// Values for what a request leaves open.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    pub format: Format,
    pub quality: u8,
    /// The focal point of the original, in fractions of its upright size.
    pub focal: Option<(Decimal, Decimal)>,
    /// Number of readable frames of the original; 1 if it is not animated.
    pub frames: u32,
}

/// Why a request cannot be met for this original.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GeometryError {
    #[error("image has no pixels")]
    Empty,
    #[error("crop lies outside the image of {}x{} pixels", .0.width, .0.height)]
    CropOutside(Size),
    #[error("fits other than contain need both w and h")]
    BoxIncomplete,
    #[error("a padded image is placed by a compass name, not by a point")]
    PointOnCanvas,
    #[error(
        "result is {}x{} pixels, limits are {MAX_SIDE} a side and {MAX_PIXELS} in all",
        .0.width, .0.height
    )]
    TooLarge(Size),
}

/// Turns a request into pixels of this original, `source` being its upright size.
pub fn resolve(
    source: Size,
    request: &Request,
    defaults: &Defaults,
) -> Result<Resolved, GeometryError> {
    if source.width == 0 || source.height == 0 {
        return Err(GeometryError::Empty);
    }
    let crop = match request.crop {
        None => whole(source),
        Some(crop) => clip(source, crop).ok_or(GeometryError::CropOutside(source))?,
    };
    let turn = CropTurn::new(
        request.rotate.unwrap_or_default(),
        request.flip.unwrap_or_default(),
        crop,
    );
    let dpr = request.dpr.unwrap_or(Decimal::ONE);
    let framing = framing(request, dpr, defaults);
    let Framed { cut, size, canvas } = frame(source, &turn, &framing)?;
    let trim = request.trim.and_then(levels);
    let is_looked_at = trim.is_some() || framing.is_smart();

    let format = defaults.format;
    let is_animated = request.animate == Some(true) && format.moves() && defaults.frames > 1;
    let mut resolved = Resolved {
        crop: turn.undo(cut),
        rotate: turn.rotate,
        flip: turn.flip,
        size,
        canvas,
        look: is_looked_at.then_some(Look {
            within: crop,
            trim,
            framing,
        }),
        blur: request.blur.map(|sigma| times_decimal(sigma, dpr)),
        sharpen: request.sharpen.filter(|amount| *amount != Decimal::ZERO),
        gray: request.gray.unwrap_or(false),
        gamut: match request.gamut {
            Some(Gamut::P3) if format.holds_p3() && !is_animated => Gamut::P3,
            _ => Gamut::Srgb,
        },
        linear: false,
        // A blurred background is invisible without padding.
        background: request.background.filter(|background| {
            *background != Background::Blur || canvas.is_some() || is_looked_at
        }),
        format,
        quality: match format {
            // Lossless: quality makes no difference.
            Format::Png | Format::Gif => 100,
            Format::Jpeg | Format::Webp | Format::Avif => {
                request.quality.unwrap_or(defaults.quality)
            }
        },
        metadata: request.metadata.unwrap_or_default(),
        max_bytes: request.max_bytes,
        progressive: false,
        animated: false,
        own_coding: false,
        rights: SetRights::default(),
    };
    check_output(resolved.output())?;
    resolved.animated = is_animated && is_bounded(defaults.frames, source, most(&resolved));
    Ok(resolved)
}

/// Resolves again once the image has been analysed: `kept` is what trimming left of the upright original, and `point`,
/// if any, replaces the gravity.
pub(crate) fn seen(
    source: Size,
    resolved: &Resolved,
    framing: &Framing,
    kept: Rect,
    point: Option<Gravity>,
) -> Result<Resolved, GeometryError> {
    let turn = CropTurn::new(resolved.rotate, resolved.flip, kept);
    let framing = Framing {
        gravity: point.or(framing.gravity),
        ..*framing
    };
    let Framed { cut, size, canvas } = frame(source, &turn, &framing)?;
    let resolved = Resolved {
        crop: turn.undo(cut),
        size,
        canvas,
        look: None,
        ..resolved.clone()
    };
    check_output(resolved.output())?;
    Ok(resolved)
}

/// Returns the size that `cover` leaves of `kept`, in the orientation of `kept`.
pub(crate) fn window(resolved: &Resolved, framing: &Framing, kept: Rect) -> Size {
    let turn = CropTurn::new(resolved.rotate, resolved.flip, kept);
    let picture = turn.size();
    let (Some(width), Some(height)) = (framing.width, framing.height) else {
        return Size::new(kept.width, kept.height);
    };
    let window = largest_inside(picture, Size::new(width, height));
    if picture == Size::new(kept.width, kept.height) {
        window
    } else {
        window.transposed()
    }
}

/// Returns the largest possible response, if its size is only known once the image has been analysed.
pub fn most(resolved: &Resolved) -> Size {
    let output = resolved.output();
    let Some(Look {
        within,
        trim: Some(_),
        framing,
    }) = &resolved.look
    else {
        return output;
    };
    let turned = CropTurn::new(resolved.rotate, resolved.flip, *within).size();
    let Framing {
        width,
        height,
        fit,
        enlarge,
        ..
    } = *framing;
    let side = |asked: Option<u32>, other: Option<u32>, picture: u32| match (asked, other) {
        (Some(asked), _) if enlarge || fit == Fit::Pad => asked,
        (Some(asked), _) => asked.min(picture),
        (None, Some(_)) if enlarge => MAX_SIDE,
        (None, _) => picture,
    };
    Size::new(
        side(width, height, turned.width).max(output.width),
        side(height, width, turned.height).max(output.height),
    )
}

fn framing(request: &Request, dpr: Decimal, defaults: &Defaults) -> Framing {
    let fit = request.fit.unwrap_or_default();
    let focal = defaults.focal.map(|(x, y)| Gravity::Point { x, y });
    Framing {
        width: request.width.map(|width| times(width, dpr)),
        height: request.height.map(|height| times(height, dpr)),
        fit,
        gravity: match (fit, request.gravity) {
            (Fit::Contain | Fit::Stretch, _) => None,
            (Fit::Pad, gravity) => gravity,
            // A focal point set by a person takes precedence over a measured one.
            (Fit::Cover, None | Some(Gravity::Smart)) => focal.or(request.gravity),
            (Fit::Cover, gravity) => gravity,
        },
        enlarge: request.enlarge.unwrap_or(false),
    }
}

/// Returns the tolerance in levels of 255; `None` is off.
fn levels(tolerance: Decimal) -> Option<u8> {
    match tolerance {
        Decimal::ZERO => None,
        Decimal::ONE => Some(USUAL_TOLERANCE),
        some => Some((some.to_f64() * 255.0).round() as u8),
    }
}

struct Framed {
    /// The part of the turned image to keep.
    cut: Rect,
    /// The size that the cut is resized to.
    size: Size,
    canvas: Option<Canvas>,
}

/// Steps 3 to 5.
fn frame(source: Size, turn: &CropTurn, framing: &Framing) -> Result<Framed, GeometryError> {
    let Framing {
        width,
        height,
        fit,
        gravity,
        enlarge,
    } = *framing;
    let picture = turn.size();
    let mut cut = whole(picture);
    let mut canvas = None;
    let size = match (fit, width, height) {
        (Fit::Contain, width, height) => contain(picture, width, height, enlarge),
        (fit, Some(width), Some(height)) => {
            let asked = Size::new(width, height);
            match fit {
                Fit::Contain | Fit::Pad => {
                    let inner = contain(picture, Some(width), Some(height), enlarge);
                    canvas = place(inner, asked, gravity)?;
                    inner
                }
                Fit::Stretch => shrink_box(picture, asked, enlarge),
                Fit::Cover => {
                    let kept = largest_inside(picture, asked);
                    cut = cut_towards(gravity, kept, source, turn);
                    shrink_box(picture, asked, enlarge)
                }
            }
        }
        _ => return Err(GeometryError::BoxIncomplete),
    };
    Ok(Framed { cut, size, canvas })
}

fn check_output(output: Size) -> Result<(), GeometryError> {
    if output.width.max(output.height) > MAX_SIDE || output.pixels() > MAX_PIXELS {
        return Err(GeometryError::TooLarge(output));
    }
    Ok(())
}

/// Returns whether all frames are rendered; beyond these limits, only the first is.
fn is_bounded(frames: u32, source: Size, output: Size) -> bool {
    let all = |size: Size| size.pixels().saturating_mul(frames.into());
    frames <= MAX_FRAMES
        && all(source) <= MAX_FRAME_PIXELS_IN
        && all(output) <= MAX_FRAME_PIXELS_OUT
}

fn whole(size: Size) -> Rect {
    Rect {
        x: 0,
        y: 0,
        width: size.width,
        height: size.height,
    }
}

fn times(side: u32, dpr: Decimal) -> u32 {
    let product = round_div(i64::from(side) * i64::from(dpr.millionths()), ONE);
    u32::try_from(product.max(1)).unwrap_or(u32::MAX)
}

fn times_decimal(value: Decimal, dpr: Decimal) -> Decimal {
    let product = round_div(
        i64::from(value.millionths()) * i64::from(dpr.millionths()),
        ONE,
    );
    Decimal::from_millionths(u32::try_from(product).unwrap_or(u32::MAX))
}

/// Returns the other side of a rectangle: `side * to / from`, rounded, at least 1.
fn scale(side: u32, to: u32, from: u32) -> u32 {
    let (side, to, from) = (u64::from(side), u64::from(to), u64::from(from));
    let scaled = (u128::from(side * to) * 2 + u128::from(from)) / (u128::from(from) * 2);
    u32::try_from(scaled.max(1)).unwrap_or(u32::MAX)
}

/// Rounds to nearest, halves up, also below zero. `by` is positive.
fn round_div(value: i64, by: i64) -> i64 {
    (2 * value + by).div_euclid(2 * by)
}

fn product(a: u32, b: u32) -> u64 {
    u64::from(a) * u64::from(b)
}

fn contain(picture: Size, width: Option<u32>, height: Option<u32>, enlarge: bool) -> Size {
    let wide = |width: u32| Size::new(width, scale(picture.height, width, picture.width));
    let tall = |height: u32| Size::new(scale(picture.width, height, picture.height), height);
    let (inside, grows) = match (width, height) {
        (None, None) => return picture,
        (Some(width), None) => (wide(width), width > picture.width),
        (None, Some(height)) => (tall(height), height > picture.height),
        (Some(width), Some(height)) => {
            if product(picture.width, height) >= product(picture.height, width) {
                (wide(width), width > picture.width)
            } else {
                (tall(height), height > picture.height)
            }
        }
    };
    if grows && !enlarge { picture } else { inside }
}

/// Returns the box, or the largest with its aspect ratio that the image can fill without being enlarged.
fn shrink_box(picture: Size, asked: Size, enlarge: bool) -> Size {
    let fits = asked.width <= picture.width && asked.height <= picture.height;
    if enlarge || fits {
        asked
    } else {
        largest_inside(picture, asked)
    }
}

/// Returns the largest rectangle inside `picture` with the aspect ratio of `shape`.
pub(crate) fn largest_inside(picture: Size, shape: Size) -> Size {
    if product(picture.width, shape.height) <= product(picture.height, shape.width) {
        Size::new(
            picture.width,
            scale(picture.width, shape.height, shape.width),
        )
    } else {
        Size::new(
            scale(picture.height, shape.width, shape.height),
            picture.height,
        )
    }
}

/// Places the image on the canvas; returns `None` if it fills the canvas.
fn place(
    picture: Size,
    canvas: Size,
    gravity: Option<Gravity>,
) -> Result<Option<Canvas>, GeometryError> {
    let compass = match gravity {
        None => Compass::Center,
        Some(Gravity::Compass(compass)) => compass,
        Some(Gravity::Point { .. } | Gravity::Smart) => return Err(GeometryError::PointOnCanvas),
    };
    if picture == canvas {
        return Ok(None);
    }
    let (across, down) = pulls(compass);
    let x = across.of(canvas.width - picture.width);
    let y = down.of(canvas.height - picture.height);
    Ok(Some(Canvas { size: canvas, x, y }))
}

/// Returns the cut of size `kept` in the turned image that the gravity requests.
fn cut_towards(gravity: Option<Gravity>, kept: Size, source: Size, turn: &CropTurn) -> Rect {
    let picture = turn.size();
    let (x, y) = match gravity {
        Some(Gravity::Point { x, y }) => {
            let (x, y) = turn.point(source, x, y);
            (
                centred(x, kept.width, picture.width),
                centred(y, kept.height, picture.height),
            )
        }
        Some(Gravity::Compass(compass)) => towards(compass, kept, picture),
        None | Some(Gravity::Smart) => towards(Compass::Center, kept, picture),
    };
    Rect {
        x,
        y,
        width: kept.width,
        height: kept.height,
    }
}

fn towards(compass: Compass, kept: Size, picture: Size) -> (u32, u32) {
    let (across, down) = pulls(compass);
    (
        across.of(picture.width - kept.width),
        down.of(picture.height - kept.height),
    )
}

/// `at` is in millionths of a pixel.
fn centred(at: i64, kept: u32, side: u32) -> u32 {
    let start = round_div(2 * at - i64::from(kept) * ONE, 2 * ONE);
    start.clamp(0, i64::from(side - kept)) as u32
}

#[derive(Clone, Copy)]
enum Pull {
    Start,
    Middle,
    End,
}

impl Pull {
    /// The part of the free length that lies before the image or the cut.
    fn of(self, free: u32) -> u32 {
        match self {
            Self::Start => 0,
            // Halves up, as for a point in the middle.
            Self::Middle => free.div_ceil(2),
            Self::End => free,
        }
    }
}

fn pulls(compass: Compass) -> (Pull, Pull) {
    use Pull::{End, Middle, Start};
    match compass {
        Compass::Center => (Middle, Middle),
        Compass::North => (Middle, Start),
        Compass::NorthEast => (End, Start),
        Compass::East => (End, Middle),
        Compass::SouthEast => (End, End),
        Compass::South => (Middle, End),
        Compass::SouthWest => (Start, End),
        Compass::West => (Start, Middle),
        Compass::NorthWest => (Start, Start),
    }
}

#[cfg(test)]
mod tests;
