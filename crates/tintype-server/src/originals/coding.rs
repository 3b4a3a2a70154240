//! Originals that another program has stored with a content coding (RFC 9110, 8.4).
//!
//! S3 keeps a `Content-Encoding` with an object, and a site whose files were written with gzip (django-storages'
//! `gzip`, `aws s3 cp --content-encoding`) relies on its being sent. So an original is sent as stored, with the
//! name of its coding, or decoded if the client does not accept that coding. Its type, and the image in it, are
//! found in the decoded bytes. Only gzip can be decoded here; other codings are just named.

use std::io;

use async_compression::tokio::bufread::GzipDecoder;
use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt, stream};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, RANGE, VARY};
use http::{HeaderMap, HeaderValue, Method};
use tokio::io::{AsyncBufRead, AsyncReadExt};
use tokio_util::io::{ReaderStream, StreamReader};

use crate::http::respond::{Decision, Representation, decide};
use crate::records::record::{Record, is_gzip};

/// Bytes decoded at a time, so that other tasks run in between.
const CHUNK_BYTES: usize = 64 * 1024;

/// How an original is sent to one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As stored; with its `Content-Encoding`, if it has one.
    Stored,
    Decoded,
}

impl Coding {
    pub fn of(record: &Record, headers: &HeaderMap) -> Self {
        match &record.encoding {
            Some(encoding) if encoding.is_gzip() && !accepts_gzip(headers) => Self::Decoded,
            _ => Self::Stored,
        }
    }

    /// Adds the headers for the coding. The representation's ETag must already be that of the bytes sent.
    pub fn label(self, representation: Representation, record: &Record) -> Representation {
        let Some(encoding) = &record.encoding else {
            return representation;
        };
        let representation =
            representation.header(VARY, HeaderValue::from_static("accept-encoding"));
        match (self, HeaderValue::try_from(&encoding.name)) {
            (Self::Stored, Ok(name)) => representation.header(CONTENT_ENCODING, name),
            (Self::Stored, Err(_)) => representation,
            (Self::Decoded, _) => representation.without_ranges(),
        }
    }

    /// Decoded content has no ranges: a client that requests one gets everything.
    pub fn decide(
        self,
        method: &Method,
        headers: &HeaderMap,
        representation: &Representation,
        stored_length: u64,
    ) -> Decision {
        match self {
            Self::Stored => decide(method, headers, representation, stored_length),
            Self::Decoded => {
                let mut headers = headers.clone();
                headers.remove(RANGE);
                decide(method, &headers, representation, stored_length)
            }
        }
    }

    /// `body` is what the decision needs from the store. At most `limit` bytes are decoded.
    pub fn answer(
        self,
        decision: Decision,
        representation: &Representation,
        cache_control: HeaderValue,
        record: &Record,
        body: Option<tintype_store::Body>,
        limit: u64,
    ) -> Response {
        let body = match (self, body) {
            (_, None) => Body::empty(),
            (Self::Stored, Some(body)) => Body::from_stream(body),
            (Self::Decoded, Some(body)) => Body::from_stream(decoded(body, limit)),
        };
        let length = match self {
            Self::Stored => Some(record.size),
            Self::Decoded => record
                .encoding
                .as_ref()
                .and_then(|encoding| encoding.decoded),
        };
        let known = length.unwrap_or_default();
        let mut response = decision.answer(representation, cache_control, known, body);
        if length.is_none() && response.status().is_success() {
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        response
    }
}

/// Decoded content.
pub struct Decoded {
    pub bytes: Bytes,
    /// False if the input was cut off, or exceeds the limit.
    pub is_whole: bool,
}

/// Decodes up to `limit` bytes. Fails if the bytes do not match their coding from the start.
pub async fn decode(packed: Bytes, limit: u64) -> io::Result<Decoded> {
    let chunks = stream::iter([Ok::<_, io::Error>(packed)]);
    let mut reader = std::pin::pin!(gunzip(chunks).take(limit.saturating_add(1)));
    let mut bytes = BytesMut::new();
    let is_whole = loop {
        bytes.reserve(CHUNK_BYTES);
        match reader.read_buf(&mut bytes).await {
            Ok(0) => break bytes.len() as u64 <= limit,
            Ok(_) => tokio::task::consume_budget().await,
            Err(error) if bytes.is_empty() => return Err(error),
            Err(_) => break false,
        }
    };
    // Fits a usize, because it is less than what is in memory.
    bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(Decoded {
        bytes: bytes.freeze(),
        is_whole,
    })
}

/// Decodes a stream. Beyond the limit it ends in an error.
pub fn decoded<S, E>(packed: S, limit: u64) -> impl Stream<Item = io::Result<Bytes>>
where
    S: Stream<Item = Result<Bytes, E>>,
    E: std::error::Error + Send + Sync + 'static,
{
    let reader = gunzip(packed.map_err(io::Error::other));
    let mut left = limit;
    ReaderStream::with_capacity(reader, CHUNK_BYTES).and_then(move |chunk| {
        let next = left.checked_sub(chunk.len() as u64);
        left = next.unwrap_or_default();
        let too_much = || io::Error::other(format!("it decodes to more than {limit} bytes"));
        std::future::ready(next.map(|_| chunk).ok_or_else(too_much))
    })
}

fn gunzip(packed: impl Stream<Item = io::Result<Bytes>>) -> GzipDecoder<impl AsyncBufRead> {
    let mut decoder = GzipDecoder::new(StreamReader::new(packed));
    // RFC 1952, 2.2: a file is one member after the other.
    decoder.multiple_members(true);
    decoder
}

/// A client that names no codings gets decoded content: most that cannot decode say nothing (RFC 9110, 12.5.3,
/// allows either).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).into_iter();
    let members = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','));
    let mut any = false;
    for member in members {
        let (coding, weight) = member.split_once(';').unwrap_or((member, ""));
        let weight = weight.trim().to_ascii_lowercase();
        let refused = weight
            .strip_prefix("q=")
            .and_then(|q| q.trim().parse().ok())
            == Some(0.0);
        match coding.trim().to_ascii_lowercase().as_str() {
            coding if is_gzip(coding) => return !refused,
            "*" => any = !refused,
            _ => {}
        }
    }
    any
}

#[cfg(test)]
mod tests {
    //! Content is decoded once, within a limit, and only for clients that do not accept its coding.

    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap().into()
    }

    #[test]
    fn gzip_is_sent_to_clients_that_name_it() {
        for (lines, accepts) in [
            (&[][..], false),
            (&[""], false),
            (&["gzip, deflate, br"], true),
            (&["br", "x-gzip"], true),
            (&["GZIP;q=0.5"], true),
            (&["gzip;q=0, *"], false),
            (&["gzip; q=0.000"], false),
            (&["identity"], false),
            (&["*"], true),
            (&["*;q=0"], false),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(ACCEPT_ENCODING, HeaderValue::from_static(line));
            }
            assert_eq!(accepts_gzip(&headers), accepts, "{lines:?}");
        }
    }

    #[tokio::test]
    async fn available_bytes_are_decoded_within_the_limit() {
        let text = b"body { color: black }".repeat(10_000);
        let whole = decode(packed(&text), text.len() as u64).await.unwrap();
        assert!(whole.is_whole && whole.bytes == text);

        let cut = packed(&text);
        let cut = decode(cut.slice(..cut.len() / 2), 1 << 20).await.unwrap();
        assert!(!cut.is_whole && text.starts_with(&cut.bytes) && !cut.bytes.is_empty());

        let bomb = decode(packed(&vec![0; 10 << 20]), 1000).await.unwrap();
        assert!(!bomb.is_whole);
        assert_eq!(bomb.bytes.len(), 1000);

        let members = [packed(b"one "), packed(b"two")].concat();
        let members = decode(members.into(), 100).await.unwrap();
        assert_eq!(members.bytes, "one two");

        assert!(decode(Bytes::from_static(b"no gzip"), 100).await.is_err());
    }

    #[tokio::test]
    async fn a_stream_ends_in_an_error_past_the_limit() {
        let run = |limit| {
            let chunks = stream::iter([Ok::<_, io::Error>(packed(&[7; 100_000]))]);
            decoded(chunks, limit).try_fold(0, |sum, chunk| async move { Ok(sum + chunk.len()) })
        };
        assert_eq!(run(100_000).await.unwrap(), 100_000);
        assert!(run(99_999).await.is_err());
    }
}
