//! The reference: `djpeg` of libjpeg-turbo, compared by its PNM output.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tintype_jpeg::{Colour, Limits, Picture, Scale, decode};

pub(crate) const LIMITS: Limits = Limits {
    max_pixels: 100_000_000,
    max_scans: 100,
};

/// Gray or RGB, interleaved.
#[derive(Clone)]
pub(crate) struct Pixels {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) channels: usize,
    pub(crate) samples: Vec<u8>,
}

pub(crate) fn corpus(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/corpus")
        .join(file)
}

pub(crate) fn read(file: &str) -> Vec<u8> {
    std::fs::read(corpus(file)).expect("the corpus lies beside the checkout")
}

/// Decodes with djpeg at `eighths`/8; `None` if it outputs nothing.
pub(crate) fn djpeg(bytes: &[u8], eighths: u32) -> Option<Pixels> {
    run("djpeg", &["-pnm", "-scale", &format!("{eighths}/8")], bytes).map(|pnm| parse(&pnm))
}

/// Runs a program of libjpeg-turbo; `None` if it outputs nothing.
pub(crate) fn run(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("apt-get install libjpeg-turbo-progs");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // The program need not read to the end.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    (!output.stdout.is_empty()).then_some(output.stdout)
}

fn parse(pnm: &[u8]) -> Pixels {
    let mut fields = pnm.splitn(4, |byte| byte.is_ascii_whitespace());
    let mut next = || fields.next().unwrap();
    let channels = if next() == b"P6" { 3 } else { 1 };
    let mut number = || std::str::from_utf8(next()).unwrap().parse().unwrap();
    let (width, height) = (number(), number());
    let samples = next().strip_prefix(b"255\n").unwrap().to_vec();
    assert_eq!(samples.len(), width * height * channels);
    Pixels {
        width,
        height,
        channels,
        samples,
    }
}

/// Decodes with this crate, with inks as djpeg writes them.
pub(crate) fn ours(bytes: &[u8], eighths: u32) -> Result<(Pixels, bool), tintype_jpeg::Error> {
    let picture = decode(bytes, Scale::eighths(eighths), &LIMITS, &|| true)?;
    Ok((pixels(&picture), picture.damaged))
}

fn pixels(picture: &Picture) -> Pixels {
    let (channels, samples) = match picture.colour {
        Colour::Gray => (1, picture.samples.clone()),
        Colour::Rgb => (3, picture.samples.clone()),
        Colour::Cmyk => (3, picture.samples.chunks_exact(4).flat_map(light).collect()),
    };
    Pixels {
        width: picture.width as usize,
        height: picture.height as usize,
        channels,
        samples,
    }
}

fn light(inks: &[u8]) -> [u8; 3] {
    let [c, m, y, k] = [0, 1, 2, 3].map(|ink| 255.0 - f64::from(inks[ink]));
    [c, m, y].map(|ink| (ink * k / 255.0 + 0.5) as u8)
}

/// Mean and maximum difference of two images of the same size.
pub(crate) fn difference(one: &Pixels, other: &Pixels) -> (f64, u8) {
    assert_eq!(
        (one.width, one.height, one.channels),
        (other.width, other.height, other.channels)
    );
    let steps = one.samples.iter().zip(&other.samples);
    let steps = steps.map(|(a, b)| a.abs_diff(*b));
    let largest = steps.clone().max().unwrap_or(0);
    let sum: f64 = steps.map(f64::from).sum();
    (sum / one.samples.len() as f64, largest)
}
