//! A TIFF at its own size: our own reader of directories, strips and tiles returns pixels or an error of the file, with
//! little memory and in time.
//!
//! A panic in a third-party decompressor ends one request in the service, and is tolerated here.
#![no_main]

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use tintype_imaging::limits::Limits;
use tintype_imaging::probe::SourceFormat;
use tintype_imaging::spec::{Format, Resolved};
use tintype_imaging::{Error, probe, render};

fuzz_target!(init: tolerate_panics_of_others(), |bytes: &[u8]| {
    let _ = catch_unwind(AssertUnwindSafe(|| treat(bytes)));
});

/// libFuzzer's own hook ends the process at any panic.
fn tolerate_panics_of_others() {
    let abort = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let file = panic.location().map_or("", |location| location.file());
        if file.contains("/.cargo/registry/") {
            eprintln!("tolerated: {panic}");
        } else {
            abort(panic);
        }
    }));
}

fn treat(bytes: &[u8]) {
    let limits = Limits {
        max_pixels: 250_000,
        max_decoded_bytes: 16 << 20,
        ..Limits::default()
    };
    let deadline = Instant::now() + Duration::from_secs(5);
    let Ok(header) = probe::header(Cursor::new(bytes), &limits, deadline) else {
        return;
    };
    if header.format != SourceFormat::Tiff {
        return;
    }
    // At its own size, so that only decoding takes time.
    let upright = header.upright();
    let resolved = Resolved::whole(upright, upright, Format::Png);
    if let Err(error) = render::render(bytes, &resolved, &limits, deadline) {
        assert!(
            !matches!(error, Error::DeadlineExceeded | Error::Internal(_)),
            "{error}"
        );
    }
}
