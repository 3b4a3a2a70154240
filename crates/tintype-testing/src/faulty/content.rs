//! The bytes of an object: kept, or only their number.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use md5::{Digest, Md5};

/// A server that discards drops larger bodies.
const KEPT: usize = 1024 * 1024;
const CHUNK: u64 = 64 * 1024;
static NOTHING: [u8; CHUNK as usize] = [0; CHUNK as usize];

#[derive(Clone, Debug)]
pub(super) enum Content {
    Kept(Bytes),
    /// Dropped; read back as zeros.
    Zeros(u64),
}

impl Content {
    /// Reads a request's body to its end.
    pub(super) async fn receive(mut body: Incoming, discard: bool) -> Result<Self, hyper::Error> {
        let mut kept = BytesMut::new();
        let mut len = 0;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            len += data.len() as u64;
            if !discard || len <= KEPT as u64 {
                kept.extend_from_slice(&data);
            } else {
                kept = BytesMut::new();
            }
        }
        Ok(match len > kept.len() as u64 {
            true => Self::Zeros(len),
            false => Self::Kept(kept.freeze()),
        })
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Kept(bytes) => bytes.len() as u64,
            Self::Zeros(len) => *len,
        }
    }

    pub(super) fn slice(&self, start: u64, end: u64) -> Self {
        match self {
            Self::Kept(bytes) => {
                let [start, end] = [start, end].map(|at| usize::try_from(at).unwrap());
                Self::Kept(bytes.slice(start..end))
            }
            Self::Zeros(_) => Self::Zeros(end - start),
        }
    }

    /// The next few bytes from `at`; empty at the end.
    pub(super) fn chunk(&self, at: u64) -> Bytes {
        let end = self.len().min(at + CHUNK);
        match self.slice(at.min(end), end) {
            Self::Kept(bytes) => bytes,
            Self::Zeros(len) => Bytes::from_static(&NOTHING[..usize::try_from(len).unwrap()]),
        }
    }

    pub(super) fn joined(parts: &[Self]) -> Self {
        let kept = parts.iter().map(|part| match part {
            Self::Kept(bytes) => Some(bytes),
            Self::Zeros(_) => None,
        });
        match kept.collect::<Option<Vec<_>>>() {
            Some(kept) => Self::Kept(kept.into_iter().flatten().copied().collect()),
            None => Self::Zeros(parts.iter().map(Self::len).sum()),
        }
    }

    /// The MD5 that S3's ETags are made of. For dropped bytes it is made of their number.
    pub(super) fn md5(&self) -> [u8; 16] {
        match self {
            Self::Kept(bytes) => Md5::digest(bytes).into(),
            Self::Zeros(len) => Md5::digest(len.to_be_bytes()).into(),
        }
    }

    pub(super) fn altered(&self) -> Self {
        let mut bytes = BytesMut::new();
        let mut at = 0;
        while at < self.len() {
            let chunk = self.chunk(at);
            at += chunk.len() as u64;
            bytes.extend_from_slice(&chunk);
        }
        if let Some(first) = bytes.first_mut() {
            *first ^= 1;
        }
        Self::Kept(bytes.freeze())
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Kept(text.into())
    }
}
