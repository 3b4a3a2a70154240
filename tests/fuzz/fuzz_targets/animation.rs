//! Formats that may be animated, from bytes to an animated or a still variant.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use tintype_imaging::probe::SourceFormat;

fuzz_target!(init: common::tolerate_panics_of_others(), |bytes: &[u8]| {
    let formats = [SourceFormat::Gif, SourceFormat::Png, SourceFormat::Webp, SourceFormat::Avif];
    common::only(&formats, bytes);
});
