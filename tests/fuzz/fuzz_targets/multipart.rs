//! A multipart form as received: the first line is the boundary, then a byte sets the length of the pieces.
#![no_main]

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::stream;
use libfuzzer_sys::fuzz_target;
use multer::Multipart;

const MAX_PARTS: usize = 16;

fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
    let (Some(Ok(boundary)), Some([length, body @ ..])) =
        (lines.next().map(std::str::from_utf8), lines.next())
    else {
        return;
    };
    let content_type = format!("multipart/form-data; boundary={boundary}");
    let Ok(boundary) = multer::parse_boundary(content_type) else {
        return;
    };
    let pieces = body.chunks(usize::from(*length) + 1);
    let pieces = pieces.map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)));
    let pieces: Vec<_> = pieces.collect();
    let read = async {
        let mut form = Multipart::new(stream::iter(pieces), boundary);
        let mut parts = 0;
        while let Ok(Some(mut field)) = form.next_field().await {
            parts += 1;
            if parts > MAX_PARTS {
                break;
            }
            let _ = (
                field.name().map(str::to_owned),
                field.file_name().map(str::to_owned),
            );
            while let Ok(Some(_)) = field.chunk().await {}
        }
    };
    // All data is available, so nothing may wait.
    assert!(read.now_or_never().is_some());
});
