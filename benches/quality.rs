//! Whether the formats look alike at their defaults, and what each costs: SSIMULACRA2, bytes, and CPU milliseconds of
//! encoding, over photographs at the widths of thumbnails, columns and full pages.
//!
//! `cargo bench --profile dist --bench quality --features tintype-avif/aom`. Without the feature there is no row for
//! AVIF, because that build cannot decode it.
//!
//! Fails if a format's mean is further than [`NEAR`] from JPEG's, or its worst photograph is worse by as much. A better
//! worst photograph is no fault: it may be another photograph.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a bench talks to the one who runs it, and shares its helpers"
)]

use std::io::Cursor;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tintype_imaging::geometry::{self, Defaults};
use tintype_imaging::limits::Limits;
use tintype_imaging::probe;
use tintype_imaging::render::{self, AVIF_ENCODER};
use tintype_imaging::spec::{Format, Metadata, Request};
use tintype_score::Picture;
use tintype_server::config::{Config, Dev, Quality};

#[allow(dead_code, reason = "each bench uses its part")]
mod support;

/// All colour photographs of the corpus, each scene once.
const PHOTOGRAPHS: [&str; 25] = [
    "colour/gain-map.jpg",
    "formats/1.webp",
    "formats/4.webp",
    "formats/kodim23.png",
    "formats/mjpeg.jpg",
    "formats/rgb.jpg",
    "metadata/CA.jpg",
    "metadata/DSCN0010.jpg",
    "metadata/DSCN0021.jpg",
    "metadata/Landscape_9.jpg",
    "metadata/canon-ixus.jpg",
    "photos/2569067123_aca715a2ee_o.jpg",
    "photos/Blinds.jpg",
    "photos/Bridge_by_Sander_Klootwijk.jpg",
    "photos/DarkestHour.jpg",
    "photos/Dragonfly_by_Bolly.jpg",
    "photos/EveningGlow.jpg",
    "photos/Wood.jpg",
    "photos/dog_exif_extended_xmp_icc.jpg",
    "photos/jolla.jpg",
    "photos/phone12mp_baseline.jpg",
    "photos/picosdeeuropa_by_Aitzol_Berasategi.jpg",
    "photos/seeding_by_Clements_Engelhardt.jpg",
    "photos/summer_1am.jpg",
    "photos/tower.jpg",
];

/// A narrower photograph keeps its width.
const WIDTHS: [u32; 3] = [320, 640, 1200];

/// JPEG first: the others are compared with it.
const FORMATS: [Format; 3] = [Format::Jpeg, Format::Webp, Format::Avif];

/// In points of SSIMULACRA2. A difference of one point is invisible.
const NEAR: f64 = 2.0;

fn main() -> ExitCode {
    let quality = defaults();
    println!(
        "AVIF by {AVIF_ENCODER}; CPU is that of encoding, and bytes those of all {} photographs",
        PHOTOGRAPHS.len()
    );
    println!("width as     mean  worst      bytes  CPU ms  worst photograph");
    let mut alike = true;
    for width in WIDTHS {
        let originals = PHOTOGRAPHS.map(|file| Original::read(file, width));
        let measure = |&format| Row::measure(&originals, format, quality.of(format));
        let rows: Vec<Row> = FORMATS.iter().filter_map(measure).collect();
        for row in &rows {
            row.print(width);
            alike &= row.is_near(&rows[0]);
        }
    }
    if !alike {
        println!(
            "not alike: the mean of a format is more than {NEAR} from JPEG's, or its worst below by that"
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The service's defaults.
fn defaults() -> Quality {
    let dev = Dev {
        root: None,
        anywhere: Some(String::new()),
    };
    let loaded = Config::load([], Path::new("no file"), Some(&dev));
    loaded
        .expect("the defaults are valid")
        .config
        .pictures
        .quality
}

/// A photograph at a width: the encoder's input, in a form that is cheap to read.
struct Original {
    file: &'static str,
    png: Vec<u8>,
    picture: Picture,
}

impl Original {
    fn read(file: &'static str, width: u32) -> Self {
        let png = rendered(&support::corpus(file), Some(width), Format::Png, 100);
        let picture = Picture::decode(&png).unwrap();
        Self { file, png, picture }
    }
}

struct Row {
    format: Format,
    mean: f64,
    worst: f64,
    worst_file: &'static str,
    bytes: usize,
    cpu: Duration,
}

impl Row {
    /// Returns `None` if this build cannot decode the format.
    fn measure(originals: &[Original], format: Format, quality: u8) -> Option<Self> {
        let mut row = Self {
            format,
            mean: 0.0,
            worst: f64::INFINITY,
            worst_file: "",
            bytes: 0,
            cpu: Duration::ZERO,
        };
        for Original { file, png, picture } in originals {
            let start = cpu();
            let answer = rendered(png, None, format, quality);
            row.cpu += cpu() - start;
            row.bytes += answer.len();
            let score = picture.score(&Picture::decode(&answer)?);
            row.mean += score / originals.len() as f64;
            if score < row.worst {
                (row.worst, row.worst_file) = (score, file);
            }
        }
        Some(row)
    }

    fn print(&self, width: u32) {
        let Self {
            mean,
            worst,
            worst_file,
            bytes,
            ..
        } = self;
        let cpu = self.cpu.as_secs_f64() * 1e3 / PHOTOGRAPHS.len() as f64;
        let format = self.format.name();
        println!(
            "{width:>5} {format:<5} {mean:>6.1} {worst:>6.1} {bytes:>10} {cpu:>7.1}  {worst_file}"
        );
    }

    fn is_near(&self, jpeg: &Self) -> bool {
        (self.mean - jpeg.mean).abs() <= NEAR && self.worst >= jpeg.worst - NEAR
    }
}

/// Without metadata, which affects neither quality nor cost.
fn rendered(bytes: &[u8], width: Option<u32>, format: Format, quality: u8) -> Vec<u8> {
    let limits = Limits::default();
    let deadline = Instant::now() + Duration::from_secs(60);
    let upright = probe::header(Cursor::new(bytes), &limits, deadline)
        .unwrap()
        .upright();
    let request = Request {
        width,
        metadata: Some(Metadata::None),
        ..Request::default()
    };
    let defaults = Defaults {
        format,
        quality,
        focal: None,
        frames: 1,
    };
    let resolved = geometry::resolve(upright, &request, &defaults).unwrap();
    render::render(bytes, &resolved, &limits, deadline)
        .unwrap()
        .bytes
}

/// User and system time of the process; a rendering uses one thread.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}
