//! What the mezzanine costs in quality and saves in CPU time: variants of large photographs made from the original, and
//! from the downscale that the service keeps. Reports SSIMULACRA2 against a lossless image of the same size made from
//! all pixels, and CPU milliseconds of one thread.
//!
//! `cargo bench --profile dist --bench mezzanine`. Fails if any photograph loses more than [`MOST`] points.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench talks to the one who runs it"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tintype_imaging::limits::Limits;
use tintype_imaging::probe;
use tintype_imaging::render;
use tintype_imaging::spec::{Format, Metadata, Resolved, Size};
use tintype_score::Picture;

/// Photographs of the corpus that are large enough to have a mezzanine.
const PHOTOGRAPHS: [&str; 7] = [
    "Bridge_by_Sander_Klootwijk.jpg",
    "Dragonfly_by_Bolly.jpg",
    "dog_exif_extended_xmp_icc.jpg",
    "made-24mp-444-base-q82.jpg",
    "made-50mp-420-base-q72.jpg",
    "phone12mp_baseline.jpg",
    "seeding_by_Clements_Engelhardt.jpg",
];

const SIDE: f64 = 2048.0;
const WIDTHS: [u32; 5] = [160, 320, 640, 1024, 1360];

/// In points of SSIMULACRA2.
const MOST: f64 = 0.5;

fn main() -> ExitCode {
    println!("width  original  mezzanine  lost   CPU ms: original  mezzanine   of");
    let mut is_good = true;
    for name in PHOTOGRAPHS {
        let bytes = std::fs::read(corpus().join(name)).unwrap();
        let upright = probe::header(std::io::Cursor::new(&bytes), &Limits::default(), far())
            .unwrap()
            .upright();
        let scale = SIDE / f64::from(upright.width.max(upright.height));
        let small = Size::new(scaled(upright.width, scale), scaled(upright.height, scale));
        let mezzanine = Resolved {
            quality: 95,
            ..Resolved::whole(upright, small, Format::Jpeg)
        };
        let (mezzanine, made) = timed(&bytes, &mezzanine);
        println!(
            "{name}: {upright:?}, mezzanine {} KB in {:.0} ms",
            mezzanine.len() / 1024,
            ms(made)
        );
        // From all pixels, so that the reference favours neither way.
        let (whole, _) = timed(&bytes, &Resolved::whole(upright, upright, Format::Png));
        for width in WIDTHS {
            let size = Size::new(
                width,
                scaled(upright.height, f64::from(width) / f64::from(upright.width)),
            );
            let of = |upright, format| Resolved {
                metadata: Metadata::None,
                ..Resolved::whole(upright, size, format)
            };
            let lossless = Picture::decode(&timed(&whole, &of(upright, Format::Png)).0).unwrap();
            let score = |bytes: &[u8]| lossless.score(&Picture::decode(bytes).unwrap());
            let (direct, one) = timed(&bytes, &of(upright, Format::Jpeg));
            let (through, two) = timed(&mezzanine, &of(small, Format::Jpeg));
            let (direct, through) = (score(&direct), score(&through));
            let lost = direct - through;
            println!(
                "{width:5}  {direct:8.2}  {through:9.2}  {lost:4.2}  {:16.1}  {:9.1}  {:.2}",
                ms(one),
                ms(two),
                ms(two) / ms(one)
            );
            is_good &= lost <= MOST;
        }
    }
    if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn scaled(pixels: u32, scale: f64) -> u32 {
    (f64::from(pixels) * scale).round() as u32
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn timed(bytes: &[u8], resolved: &Resolved) -> (Vec<u8>, Duration) {
    let before = cpu();
    let rendered = render::render(bytes, resolved, &Limits::default(), far()).unwrap();
    (rendered.bytes, cpu() - before)
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.cast_unsigned(), now.tv_nsec as u32)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/photos")
}
