//! Sniffing, and walking a container of any format.
#![no_main]

use std::io::Cursor;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use tintype_imaging::limits::Limits;
use tintype_imaging::probe::{self, Stopped};
use tintype_imaging::{Error, sniff};

fuzz_target!(|bytes: &[u8]| {
    sniff::sniff(bytes);
    let deadline = Instant::now() + Duration::from_secs(5);
    let header = probe::header(Cursor::new(bytes), &Limits::default(), deadline);
    match header {
        Ok(header) => assert!(header.size.width > 0 && header.size.height > 0),
        Err(Stopped { error, .. }) => assert!(
            !matches!(error, Error::DeadlineExceeded | Error::Internal(_)),
            "{error}"
        ),
    }
});
