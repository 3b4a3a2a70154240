//! The cost of a first view: CPU milliseconds (user and system) from the bytes of the original to the bytes of the
//! variant, compared with libvips in the same run.
//!
//! `cargo bench --profile dist --bench render`. Rounds alternate between the two, and medians are compared, so that a
//! busy machine slows both. Without pyvips (see benches/vips_render.py) only our own figures are shown.

// A bench prints its results for the person who runs it.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tintype_imaging::limits::Limits;
use tintype_imaging::spec::{Format, Resolved, Size};
use tintype_imaging::{probe, render};

const ROUNDS: usize = 3;
const TIMES_A_ROUND: usize = 3;

/// Typical of a picture desk: cards, columns, full-bleed images; cut-outs with transparency.
const JOBS: &[(&str, u32, Format, u8)] = &[
    ("photos/made-24mp-444-base-q82.jpg", 300, Format::Jpeg, 80),
    ("photos/made-24mp-444-base-q82.jpg", 1200, Format::Jpeg, 80),
    ("photos/made-24mp-444-base-q82.jpg", 1200, Format::Webp, 80),
    ("photos/made-50mp-420-base-q72.jpg", 300, Format::Jpeg, 80),
    ("photos/phone12mp_baseline.jpg", 300, Format::Jpeg, 80),
    ("photos/phone12mp_baseline.jpg", 1200, Format::Jpeg, 80),
    (
        "photos/dog_exif_extended_xmp_icc.jpg",
        640,
        Format::Webp,
        80,
    ),
    ("photos/Blinds.jpg", 1200, Format::Jpeg, 80),
    (
        "formats/alpha-premultiply-1024x768-paper.png",
        640,
        Format::Webp,
        80,
    ),
    ("formats/kodim23.png", 300, Format::Png, 80),
    ("formats/4.webp", 300, Format::Webp, 80),
];

/// Not compared with libvips, whose wheel has another AV1 encoder.
const OURS_ALONE: &[(&str, u32, Format, u8)] = &[
    ("photos/Blinds.jpg", 640, Format::Avif, 80),
    ("photos/Blinds.jpg", 1200, Format::Avif, 80),
];

fn main() {
    let mut vips = Vips::start();
    let peer = vips
        .as_ref()
        .map_or("libvips is not there", |vips| vips.version.as_str());
    println!(
        "CPU ms, median of {}; libvips: {peer}",
        ROUNDS * TIMES_A_ROUND
    );
    println!(
        "{:<48} {:>5} {:<5} {:>8} {:>8} {:>6} {:>9}",
        "source", "width", "as", "tintype", "libvips", "ratio", "bytes"
    );
    for &job in JOBS {
        measure(job, vips.as_mut());
    }
    for &job in OURS_ALONE {
        measure(job, None);
    }
}

fn measure((file, width, format, quality): (&str, u32, Format, u8), mut vips: Option<&mut Vips>) {
    let path = corpus().join(file);
    let source = std::fs::read(&path).unwrap();
    let resolved = resolved(&source, width, format, quality);
    let (mut ours, mut theirs, mut bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        for _ in 0..TIMES_A_ROUND {
            let start = cpu();
            let rendered = render::render(&source, &resolved, &Limits::default(), soon()).unwrap();
            ours.push((cpu() - start).as_secs_f64() * 1000.0);
            bytes = rendered.bytes.len();
        }
        if let Some(vips) = &mut vips {
            theirs.extend(vips.run(&path, width, format, quality));
        }
    }
    let ours = median(ours);
    let (theirs, ratio) = if theirs.is_empty() {
        ("-".to_owned(), "-".to_owned())
    } else {
        let theirs = median(theirs);
        (format!("{theirs:.1}"), format!("{:.2}", ours / theirs))
    };
    let suffix = suffix(format);
    println!("{file:<48} {width:>5} {suffix:<5} {ours:>8.1} {theirs:>8} {ratio:>6} {bytes:>9}");
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn resolved(source: &[u8], width: u32, format: Format, quality: u8) -> Resolved {
    let upright = probe::header(std::io::Cursor::new(source), &Limits::default(), soon())
        .unwrap()
        .upright();
    let height = f64::from(upright.height) * f64::from(width) / f64::from(upright.width);
    let size = Size::new(width, height.round() as u32);
    Resolved {
        quality,
        ..Resolved::whole(upright, size, format)
    }
}

struct Vips {
    version: String,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Vips {
    fn start() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let venv = root.join("target/vips/bin/python");
        let python = if venv.exists() {
            venv
        } else {
            PathBuf::from("python3")
        };
        let mut child = Command::new(python)
            .arg(root.join("benches/vips_render.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let (input, mut output) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        let mut version = String::new();
        output
            .read_line(&mut version)
            .ok()
            .filter(|&read| read > 0)?;
        Some(Self {
            version: version.trim().to_owned(),
            input,
            output,
        })
    }

    fn run(&mut self, path: &Path, width: u32, format: Format, quality: u8) -> Vec<f64> {
        let (path, suffix) = (path.display(), suffix(format));
        writeln!(
            self.input,
            "{path}\t{width}\t.{suffix}\t{quality}\t{TIMES_A_ROUND}"
        )
        .unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.split_whitespace()
            .map(|ms| ms.parse().unwrap())
            .collect()
    }
}

const fn suffix(format: Format) -> &'static str {
    match format {
        Format::Jpeg => "jpg",
        Format::Png => "png",
        Format::Webp => "webp",
        Format::Avif => "avif",
        Format::Gif => "gif",
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// User and system time of the process; a rendering uses one thread.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus")
}
