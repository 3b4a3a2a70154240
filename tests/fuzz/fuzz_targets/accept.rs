//! `Accept` headers, in any number of lines.
#![no_main]

#[path = "../../../crates/tintype-server/src/url/negotiate.rs"]
mod negotiate;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let accepted = negotiate::Accepted::of(bytes.split(|byte| *byte == b'\n'));
    // A format that is not named is not accepted.
    let lower = bytes.to_ascii_lowercase();
    let names = |name: &[u8]| lower.windows(name.len()).any(|window| window == name);
    assert!(!accepted.avif || names(b"image/avif"));
    assert!(!accepted.webp || names(b"image/webp"));
});
