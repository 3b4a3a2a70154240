//! SVG: drawn at the target size. If only a part is shown, all of it is drawn at up to twice that scale, at a
//! whole-number fraction of its declared size, and resized.

use std::time::Instant;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::filter::{Kind, Turbulence};
use resvg::usvg::{Group, Node, Path, Tree};

use super::{Band, BandSink, Layout, Samples};
use crate::Error;
use crate::limits::check_deadline;
use crate::probe::{Header, parse_svg};
use crate::spec::Size;

/// In CPU nanoseconds, by the rough model below: drawing cannot be interrupted.
const MAX_WORK: f64 = 2e9;
/// Paths and groups, counted once per use.
const MAX_STEPS: u32 = 200_000;
/// Total pixels of nested canvases; beyond this, the image is drawn at a lower resolution.
pub(crate) const LAYER_PIXELS: u64 = 1_500_000;

pub(super) fn decode(
    bytes: &[u8],
    header: &Header,
    (part, target): (Size, Size),
    deadline: Instant,
    take: &mut BandSink<'_>,
) -> Result<(), Error> {
    let tree = parse_svg(bytes)?;
    check_deadline(deadline)?;
    let layers = layers(tree.root(), 0)?;
    let whole = header.size;
    let fits = target.width <= whole.width && target.height <= whole.height;
    let is_exact = part == whole && fits && layers * target.pixels() <= LAYER_PIXELS;
    let (size, reach) = if is_exact {
        let across = f64::from(whole.width) / f64::from(target.width);
        let down = f64::from(whole.height) / f64::from(target.height);
        (target, (across, down))
    } else {
        let mut divisor = divisor(part, target);
        while layers * drawn(whole, divisor).pixels() > LAYER_PIXELS && divisor < 64 {
            divisor += 1;
        }
        let both = f64::from(divisor);
        (drawn(whole, divisor), (both, both))
    };
    let work = Work::of(&tree, size)?;
    Error::check("work of an SVG", work as u64, MAX_WORK as u64)?;
    let mut pixmap = Pixmap::new(size.width, size.height)
        .ok_or_else(|| Error::internal("an SVG without pixels"))?;
    // The last column and row may be covered in part.
    let scale = |whole: u32, reach: f64, length: f32| (f64::from(whole) / reach) as f32 / length;
    let across = scale(whole.width, reach.0, tree.size().width());
    let down = scale(whole.height, reach.1, tree.size().height());
    resvg::render(
        &tree,
        Transform::from_scale(across, down),
        &mut pixmap.as_mut(),
    );
    check_deadline(deadline)?;
    take(Band {
        size,
        reach,
        plane: None,
        layout: Layout::Rgba,
        samples: Samples::Eight(pixmap.take_demultiplied().into()),
    })
}

/// Returns the largest divisor that still covers the target.
pub(crate) fn divisor(part: Size, target: Size) -> u32 {
    let of = |part: u32, target: u32| part / target.max(1);
    of(part.width, target.width)
        .min(of(part.height, target.height))
        .max(1)
}

pub(crate) fn drawn(whole: Size, divisor: u32) -> Size {
    Size::new(
        whole.width.div_ceil(divisor),
        whole.height.div_ceil(divisor),
    )
}

/// The maximum number of canvases in use at once, besides the first.
fn layers(group: &Group, above: u64) -> Result<u64, Error> {
    // A filter keeps its source and two intermediate results.
    let own = u64::from(group.should_isolate()) + 3 * u64::from(!group.filters().is_empty());
    Error::check("layers of an SVG", above + own, 64)?;
    let mut most = own;
    let mut failed = None;
    for child in group.children() {
        let mut look = |inner: &Group| match layers(inner, above + own) {
            // Clip paths, masks and patterns have a canvas too.
            Ok(inner) => most = most.max(own + inner + 1),
            Err(error) => failed = Some(error),
        };
        child.subroots(&mut look);
        if let Node::Group(inner) = child {
            most = most.max(own + layers(inner, above + own)?);
        }
    }
    failed.map_or(Ok(most), Err)
}

/// A rough estimate of the drawing time.
struct Work {
    canvas: f64,
    /// The longer side of the drawing, in user units.
    side: f64,
    /// Canvas pixels per user unit.
    scale: f64,
    steps: u32,
    sum: f64,
}

impl Work {
    fn of(tree: &Tree, size: Size) -> Result<f64, Error> {
        let mut work = Self {
            canvas: size.pixels() as f64,
            side: f64::from(tree.size().width().max(tree.size().height())),
            scale: f64::from(size.width) / f64::from(tree.size().width()),
            steps: 0,
            sum: 0.0,
        };
        work.group(tree.root())?;
        Ok(work.sum)
    }

    fn group(&mut self, group: &Group) -> Result<(), Error> {
        if group.should_isolate() {
            self.sum += 10.0 * self.canvas;
        }
        for primitive in group
            .filters()
            .iter()
            .flat_map(|filter| filter.primitives())
        {
            if let Kind::Turbulence(noise) = primitive.kind() {
                self.check_noise(noise)?;
            }
            // A filter region may be larger than the visible area.
            self.sum += 9.0 * self.canvas * self.of_filter(primitive.kind());
        }
        for child in group.children() {
            self.steps += 1;
            Error::check(
                "steps of an SVG",
                u64::from(self.steps),
                u64::from(MAX_STEPS),
            )?;
            match child {
                Node::Group(inner) => self.group(inner)?,
                Node::Path(path) => self.path(path),
                Node::Image(_) | Node::Text(_) => {}
            }
            let mut result = Ok(());
            child.subroots(|inner| {
                self.sum += 4.0 * self.canvas;
                if result.is_ok() {
                    result = self.group(inner);
                }
            });
            result?;
        }
        Ok(())
    }

    fn path(&mut self, path: &Path) {
        let bounds = path.abs_stroke_bounding_box();
        let area = f64::from(bounds.width()) * f64::from(bounds.height()) * self.scale.powi(2);
        let points = path.data().points();
        self.sum += 1_000.0 + 2.0 * area.min(self.canvas) + 400.0 * points.len() as f64;
        let Some(dashes) = path.stroke().and_then(|stroke| stroke.dasharray()) else {
            return;
        };
        let steps = points
            .windows(2)
            .map(|pair| f64::from(pair[0].distance(pair[1])));
        let length: f64 = steps.sum();
        let period: f64 = dashes.iter().map(|dash| f64::from(*dash)).sum();
        let count = length / period.max(1e-6) * dashes.len() as f64;
        self.sum += 1_000.0 * count.min(1e6);
    }

    /// The lattice of the last octave uses 32-bit numbers; noise near that limit is finer than any pixel.
    fn check_noise(&self, noise: &Turbulence) -> Result<(), Error> {
        let x = f64::from(noise.base_frequency_x().get());
        let frequency = x.max(f64::from(noise.base_frequency_y().get()));
        // The furthest extent of a filter region.
        let lattice = 16.0 * self.side * frequency * 2f64.powi(noise.num_octaves().min(64) as i32);
        let limit = 1u64 << 30;
        Error::check("lattice of noise in an SVG", lattice as u64, limit)
    }

    /// Cost per pixel.
    fn of_filter(&self, kind: &Kind) -> f64 {
        match kind {
            Kind::GaussianBlur(_) | Kind::DropShadow(_) => 60.0,
            Kind::Turbulence(noise) => 150.0 * f64::from(noise.num_octaves().min(64)),
            Kind::DiffuseLighting(_) | Kind::SpecularLighting(_) => 100.0,
            Kind::ConvolveMatrix(convolve) => {
                let matrix = convolve.matrix();
                4.0 * f64::from(matrix.columns()) * f64::from(matrix.rows())
            }
            Kind::Morphology(morphology) => {
                let side = |radius: f32| 1.0 + 2.0 * f64::from(radius) * self.scale;
                let (across, down) = (morphology.radius_x().get(), morphology.radius_y().get());
                4.0 * side(across) * side(down)
            }
            _ => 20.0,
        }
    }
}
