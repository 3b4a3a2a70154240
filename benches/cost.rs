//! Compares the cost model's prediction of a rendering with measurements: CPU milliseconds of each stage over the
//! corpus, and the error of the total.
//!
//! `cargo bench --profile dist --bench cost`, with `-- photos` for one folder. The constants of
//! `crates/tintype-imaging/src/cost.rs` come from here.

// A bench prints its results for the person who runs it.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tintype_imaging::cost::{self, ExpectedTimes, SourceImage};
use tintype_imaging::limits::Limits;
use tintype_imaging::spec::{Format, Resolved, Size};
use tintype_imaging::{probe, render};

const TIMES: usize = 3;
const FOLDERS: &[&str] = &["photos", "formats"];
const WIDTHS: &[u32] = &[100, 320, 1200, 2400];
const FORMATS: &[Format] = &[Format::Jpeg, Format::Png, Format::Webp, Format::Avif];

/// Smaller originals finish too fast to be measured.
const SMALLEST: u64 = 200_000;

fn main() {
    let only = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    println!("decode, resize, encode: expected / CPU ms, least of {TIMES}; ratio of the sums");
    let mut ratios = Vec::new();
    for folder in FOLDERS {
        if only.as_ref().is_some_and(|only| only != folder) {
            continue;
        }
        for path in files(folder) {
            ratios.extend(measure(&path));
        }
    }
    ratios.sort_by(f64::total_cmp);
    let at = |part: f64| ratios[((ratios.len() - 1) as f64 * part) as usize];
    println!(
        "measured / expected, of {}: least {:.2}, a tenth below {:.2}, median {:.2}, a tenth above {:.2}, most {:.2}",
        ratios.len(),
        at(0.0),
        at(0.1),
        at(0.5),
        at(0.9),
        at(1.0)
    );
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Each rendering's time as a multiple of the prediction.
fn measure(path: &Path) -> Vec<f64> {
    let bytes = std::fs::read(path).unwrap();
    let Ok(header) = probe::header(Cursor::new(&bytes), &Limits::default(), soon()) else {
        return Vec::new();
    };
    let upright = header.upright();
    if upright.pixels() < SMALLEST {
        return Vec::new();
    }
    let source = SourceImage::of(&header, bytes.len() as u64);
    let mut ratios = Vec::new();
    for &width in WIDTHS.iter().filter(|&&width| width <= upright.width) {
        for &format in FORMATS {
            let resolved = resolved(upright, width, format);
            let expected = cost::expect(&source, &resolved);
            let Some(took) = render(&bytes, &resolved) else {
                continue;
            };
            let ratio = took.total().as_secs_f64() / expected.total().as_secs_f64();
            ratios.push(ratio);
            let name = path.file_name().unwrap().to_string_lossy();
            let format = format.name();
            let kind = if header.interlaced { "progressive" } else { "" };
            println!(
                "{name:<46.46} {kind:<11} {width:>4} {format:<4} {} {ratio:>6.2}",
                stages(&expected, &took)
            );
        }
    }
    ratios
}

/// The minimum of each stage, because other work on the machine only ever adds.
fn render(bytes: &[u8], resolved: &Resolved) -> Option<ExpectedTimes> {
    let mut least: Option<ExpectedTimes> = None;
    for _ in 0..TIMES {
        let (began, cpu_began) = (Instant::now(), cpu());
        let timings = render::render(bytes, resolved, &Limits::default(), soon())
            .ok()?
            .timings;
        // The share of wall-clock time in which this thread ran.
        let share = (cpu() - cpu_began).as_secs_f64() / began.elapsed().as_secs_f64();
        let least = least.get_or_insert(ExpectedTimes {
            decode: Duration::MAX,
            resize: Duration::MAX,
            encode: Duration::MAX,
        });
        least.decode = least.decode.min(timings.decode.mul_f64(share));
        least.resize = least.resize.min(timings.resize.mul_f64(share));
        least.encode = least.encode.min(timings.encode.mul_f64(share));
    }
    least
}

fn stages(expected: &ExpectedTimes, took: &ExpectedTimes) -> String {
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    [
        (expected.decode, took.decode),
        (expected.resize, took.resize),
        (expected.encode, took.encode),
    ]
    .map(|(expected, took)| format!("{:>7.1} /{:>7.1}", ms(expected), ms(took)))
    .join(" ")
}

fn resolved(upright: Size, width: u32, format: Format) -> Resolved {
    let height = f64::from(upright.height) * f64::from(width) / f64::from(upright.width);
    let size = Size::new(width, (height.round() as u32).max(1));
    Resolved {
        quality: if format == Format::Avif { 60 } else { 80 },
        ..Resolved::whole(upright, size, format)
    }
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

fn files(folder: &str) -> Vec<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/corpus")
        .join(folder);
    let entries = std::fs::read_dir(path).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
