//! CPU time of decoding, compared with libjpeg-turbo's `djpeg` (which also starts a process and writes its output):
//!
//!     cargo bench -p tintype-jpeg --bench decode -- FILE...
//!
//! Reports milliseconds of user plus system time: the minimum of several interleaved rounds.
#![allow(
    clippy::unwrap_used,
    reason = "a measurement that cannot go on has failed"
)]
#![allow(clippy::print_stdout, reason = "this is what it is for")]

use std::process::{Command, Stdio};

use tintype_jpeg::{Chroma, Decoder, Limits, Scale};

const ROUNDS: usize = 5;

const LIMITS: Limits = Limits {
    max_pixels: 200_000_000,
    max_scans: 100,
};

fn main() {
    println!("file, eighths, ours as stored, ours matched, djpeg");
    for file in std::env::args()
        .skip(1)
        .filter(|file| !file.starts_with("--"))
    {
        let bytes = std::fs::read(&file).unwrap();
        for eighths in [1, 2, 4, 5, 8] {
            let scale = Scale::eighths(eighths);
            let mut least = [f64::MAX; 3];
            for _ in 0..ROUNDS {
                let took = [
                    of_us(&bytes, scale, Chroma::Scaled),
                    of_us(&bytes, scale, Chroma::Matched),
                    of_djpeg(&file, eighths),
                ];
                for (least, took) in least.iter_mut().zip(took) {
                    *least = least.min(took);
                }
            }
            println!(
                "{file}, {eighths}, {:.1}, {:.1}, {:.1}",
                least[0], least[1], least[2]
            );
        }
    }
}

fn of_us(bytes: &[u8], scale: Scale, chroma: Chroma) -> f64 {
    let before = cpu("/proc/self/stat", 13);
    let mut times = 0;
    // Clock ticks are 10 ms.
    loop {
        let mut decoder = Decoder::new(bytes, scale, chroma, &LIMITS).unwrap();
        let mut sum = 0u64;
        while decoder.advance() {
            sum += u64::from(decoder.stripe(0, 0).samples[0]);
        }
        std::hint::black_box(sum);
        times += 1;
        let took = cpu("/proc/self/stat", 13) - before;
        if took >= 300.0 {
            return took / f64::from(times);
        }
    }
}

fn of_djpeg(file: &str, eighths: u32) -> f64 {
    let before = cpu("/proc/self/stat", 15);
    let mut times = 0;
    loop {
        let scale = format!("{eighths}/8");
        let mut command = Command::new("djpeg");
        command.args(["-pnm", "-scale", &scale, "-outfile", "/dev/null", file]);
        command.stdout(Stdio::null()).status().unwrap();
        times += 1;
        let took = cpu("/proc/self/stat", 15) - before;
        if took >= 300.0 {
            return took / f64::from(times);
        }
    }
}

/// User plus system time in milliseconds, from two fields of a `/proc` stat line; `field` counts from 0.
fn cpu(account: &str, field: usize) -> f64 {
    let stat = std::fs::read_to_string(account).unwrap();
    let fields: Vec<&str> = stat.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(field) + ticks(field + 1)) * 10.0
}
