//! Originals of any format, from bytes to a variant.
#![no_main]

mod common;

use libfuzzer_sys::fuzz_target;

fuzz_target!(init: common::tolerate_panics_of_others(), |bytes: &[u8]| common::any(bytes));
