//! `Range` headers, for a length taken from the first eight bytes.
#![no_main]
#![allow(dead_code, reason = "the service uses the rest")]

#[path = "../../../crates/tintype-server/src/http/respond/range.rs"]
mod range;

use http::header::RANGE;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use range::{Selection, select};

fuzz_target!(|bytes: &[u8]| {
    let Some((length, lines)) = bytes.split_first_chunk() else {
        return;
    };
    let length = u64::from_le_bytes(*length);
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n').take(8) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(RANGE, value);
        }
    }
    if let Selection::Part(part) = select(&headers, length) {
        assert!(part.start < part.end && part.end <= length);
    }
});
