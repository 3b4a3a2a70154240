//! From an original to a variant: decode, resize, encode. The last two bytes choose the variant and are not part of the
//! file.
//!
//! A panic in a third-party decoder ends one request in the service, and is tolerated here.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use tintype_imaging::geometry::{self, Defaults};
use tintype_imaging::limits::Limits;
use tintype_imaging::probe::SourceFormat;
use tintype_imaging::spec::{Fit, Format, Request};
use tintype_imaging::{Error, placeholder, probe, render, sniff};

/// Any format.
pub fn any(bytes: &[u8]) {
    let _ = catch_unwind(AssertUnwindSafe(|| treat(bytes)));
}

/// Only these formats, so that the fuzzer does not wander to others.
#[allow(dead_code, reason = "not in every target")]
pub fn only(formats: &[SourceFormat], bytes: &[u8]) {
    let format = SourceFormat::of(sniff::sniff(bytes).media_type);
    if format.is_some_and(|format| formats.contains(&format)) {
        any(bytes);
    }
}

/// libFuzzer's own hook ends the process at any panic.
pub fn tolerate_panics_of_others() {
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
    let [file @ .., side, choice] = bytes else {
        return;
    };
    let limits = Limits {
        max_pixels: 250_000,
        max_decoded_bytes: 16 << 20,
        max_scans: 20,
        ..Limits::default()
    };
    let deadline = Instant::now() + Duration::from_secs(5);
    let Ok(header) = probe::header(Cursor::new(file), &limits, deadline) else {
        return;
    };
    let _ = placeholder::make(file, &header, &limits, deadline);
    let format =
        [Format::Jpeg, Format::Png, Format::Webp, Format::Gif][usize::from(choice % 4)];
    let request = Request {
        width: Some(1 + u32::from(*side)),
        height: (choice & 4 != 0).then_some(1 + u32::from(side / 2)),
        fit: Some([Fit::Contain, Fit::Cover, Fit::Stretch, Fit::Pad][usize::from(choice / 8 % 4)]),
        animate: Some(choice & 64 != 0),
        ..Request::default()
    };
    let defaults = Defaults {
        format,
        quality: 1 + choice % 100,
        focal: None,
        frames: if header.format.moves() { header.frames } else { 1 },
    };
    let Ok(resolved) = geometry::resolve(header.upright(), &request, &defaults) else {
        return;
    };
    match render::render(file, &resolved, &limits, deadline) {
        Ok(rendered) => assert!(!rendered.bytes.is_empty()),
        Err(error) => assert!(
            !matches!(error, Error::DeadlineExceeded | Error::Internal(_)),
            "{error}"
        ),
    }
}
