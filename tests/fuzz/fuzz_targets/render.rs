//! From an original to a variant: decode, resize, encode. The last two bytes say what is asked for, so that
//! a file can be a seed as it is.
//!
//! A panic in a decoder that is not ours ends one request in the service, and nothing here.
#![no_main]

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use tintype_imaging::geometry::{self, Defaults};
use tintype_imaging::limits::Limits;
use tintype_imaging::spec::{Fit, Format, Request};
use tintype_imaging::{Error, placeholder, probe, render};

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
    let [.., side, choice] = bytes else { return };
    let limits = Limits {
        max_pixels: 250_000,
        max_decoded_bytes: 16 << 20,
        max_scans: 20,
        ..Limits::default()
    };
    let deadline = Instant::now() + Duration::from_secs(5);
    let Ok(header) = probe::header(Cursor::new(bytes), &limits, deadline) else {
        return;
    };
    let _ = placeholder::make(bytes, &header, &limits, deadline);
    let format = [Format::Jpeg, Format::Png, Format::Webp][usize::from(choice % 3)];
    let request = Request {
        width: Some(1 + u32::from(*side)),
        height: (choice & 4 != 0).then_some(1 + u32::from(side / 2)),
        fit: Some([Fit::Contain, Fit::Cover, Fit::Stretch, Fit::Pad][usize::from(choice / 8 % 4)]),
        ..Request::default()
    };
    let defaults = Defaults {
        format,
        quality: 1 + choice % 100,
        focal: None,
    };
    let Ok(resolved) = geometry::resolve(header.upright(), &request, &defaults) else {
        return;
    };
    match render::render(bytes, &resolved, &limits, deadline) {
        Ok(rendered) => assert!(!rendered.bytes.is_empty()),
        Err(error) => assert!(
            !matches!(error, Error::DeadlineExceeded | Error::Internal(_)),
            "{error}"
        ),
    }
}
