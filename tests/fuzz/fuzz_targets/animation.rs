//! What may move, from bytes to a variant that does or does not.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use tintype_imaging::probe::SourceFormat;

fuzz_target!(init: common::tolerate_panics_of_others(), |bytes: &[u8]| {
    common::only(&[SourceFormat::Gif, SourceFormat::Png, SourceFormat::Webp], bytes);
});
