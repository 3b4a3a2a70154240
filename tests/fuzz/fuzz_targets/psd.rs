//! Photoshop's flattened image, from bytes to a variant.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;
use tintype_imaging::probe::SourceFormat;

fuzz_target!(init: common::tolerate_panics_of_others(), |bytes: &[u8]| {
    common::only(&[SourceFormat::Psd], bytes);
});
