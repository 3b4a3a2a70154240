//! Checks the bytes of request heads as they arrive for what hyper accepts silently: a line that ends in a bare
//! line feed, which other parsers take for part of the line, and a target with a fragment, which hyper drops, so
//! that another URL would get the same response.
//!
//! It frames requests as hyper does, because hyper tells it how: a head is passed on alone, and once it is parsed
//! the length of its body is known. Should the two ever differ, at worst a request is refused and its connection
//! closed.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

/// What the watch finds, and what hyper reports back; both are polled by one task.
#[derive(Debug)]
pub(super) struct Findings {
    /// The fault of the head that was passed on last.
    fault: AtomicU8,
    /// Length of the body that follows it, or one of the two constants above.
    body: AtomicU64,
}

const UNKNOWN: u64 = u64::MAX;
const CHUNKED: u64 = u64::MAX - 1;

impl Default for Findings {
    fn default() -> Self {
        Self {
            fault: AtomicU8::new(0),
            body: AtomicU64::new(UNKNOWN),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    BareLineFeed = 1,
    Fragment = 2,
}

impl Fault {
    pub(super) fn detail(self) -> &'static str {
        match self {
            Self::BareLineFeed => "lines of the head must end in CR and LF",
            Self::Fragment => "a request target must not have a fragment: write # as %23",
        }
    }
}

impl Findings {
    /// Must be called for each parsed head, with the length of its body, or `None` if it is chunked.
    pub(super) fn understood(&self, body: Option<u64>) -> Option<Fault> {
        self.body.store(body.unwrap_or(CHUNKED), Relaxed);
        match self.fault.swap(0, Relaxed) {
            0 => None,
            1 => Some(Fault::BareLineFeed),
            _ => Some(Fault::Fragment),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Watch {
    place: Place,
    /// Length of the current line so far.
    line_bytes: usize,
    /// Whether the last byte was a carriage return.
    is_after_cr: bool,
}

#[derive(Debug, Default)]
enum Place {
    /// Empty lines may come before a request.
    #[default]
    Before,
    Target,
    Fields,
    /// A head has been passed on, and has not been parsed yet.
    Asked,
    Body(u64),
    ChunkSize {
        bytes: u64,
        is_in_size: bool,
    },
    /// Includes the end of its line.
    Chunk(u64),
    Trailers,
}

impl Watch {
    /// How many of these bytes may be passed on. None after the end of a head: how to go on is known only once it
    /// is parsed.
    pub(super) fn see(&mut self, bytes: &[u8], told: &Findings) -> usize {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match &mut self.place {
                Place::Asked => {
                    self.place = match told.body.load(Relaxed) {
                        UNKNOWN => Place::Fields,
                        0 => Place::Before,
                        CHUNKED => Place::size(),
                        length => Place::Body(length),
                    };
                    self.line_bytes = 0;
                }
                Place::Body(left) | Place::Chunk(left) => {
                    let rest = (bytes.len() - at) as u64;
                    let here = rest.min(*left);
                    *left -= here;
                    at += usize::try_from(here).unwrap_or(usize::MAX);
                    if *left == 0 {
                        self.place = match self.place {
                            Place::Chunk(_) => Place::size(),
                            _ => Place::Before,
                        };
                    }
                }
                Place::ChunkSize { bytes, is_in_size } => {
                    match char::from(byte).to_digit(16) {
                        Some(digit) if *is_in_size => {
                            *bytes = bytes.saturating_mul(16).saturating_add(u64::from(digit));
                        }
                        _ => *is_in_size = false,
                    }
                    if byte == b'\n' {
                        self.line_bytes = 0;
                        self.place = match *bytes {
                            0 => Place::Trailers,
                            bytes => Place::Chunk(bytes.saturating_add(2)),
                        };
                    }
                    at += 1;
                }
                Place::Before | Place::Target | Place::Fields | Place::Trailers => {
                    at += 1;
                    if self.line(byte, told) {
                        return at;
                    }
                }
            }
        }
        at
    }

    /// Processes one byte of a head or of trailers; returns whether the head ends with it.
    fn line(&mut self, byte: u8, told: &Findings) -> bool {
        let is_after_cr = std::mem::replace(&mut self.is_after_cr, byte == b'\r');
        match byte {
            b'\n' => {
                let is_empty = std::mem::take(&mut self.line_bytes) == 0;
                if !is_after_cr {
                    told.fault.store(Fault::BareLineFeed as u8, Relaxed);
                }
                match (&self.place, is_empty) {
                    (Place::Target, _) => self.place = Place::Fields,
                    (Place::Fields, true) => {
                        self.place = Place::Asked;
                        told.body.store(UNKNOWN, Relaxed);
                        return true;
                    }
                    (Place::Trailers, true) => self.place = Place::Before,
                    _ => {}
                }
            }
            b'\r' => {}
            _ => {
                self.line_bytes += 1;
                if matches!(self.place, Place::Before) {
                    self.place = Place::Target;
                }
                if byte == b'#' && matches!(self.place, Place::Target) {
                    told.fault.store(Fault::Fragment as u8, Relaxed);
                }
            }
        }
        false
    }
}

impl Place {
    fn size() -> Self {
        Self::ChunkSize {
            bytes: 0,
            is_in_size: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The requests found in a stream, each with its fault, however the bytes are split.
    fn heads(stream: &[u8], step: usize, bodies: &[Option<u64>]) -> Vec<Option<Fault>> {
        let (mut watch, told) = (Watch::default(), Findings::default());
        let (mut found, mut bodies) = (Vec::new(), bodies.iter());
        for mut piece in stream.chunks(step) {
            while !piece.is_empty() {
                let seen = watch.see(piece, &told);
                piece = &piece[seen..];
                if matches!(watch.place, Place::Asked) && told.body.load(Relaxed) == UNKNOWN {
                    let body = bodies.next().expect("fewer requests");
                    found.push(told.understood(*body));
                }
            }
        }
        found
    }

    #[test]
    fn every_head_is_seen_and_nothing_of_a_body() {
        let stream = b"\r\nPUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n#\n\n\nGET /b#c HTTP/1.1\r\n\r\n\
            POST /d HTTP/1.1\r\nX: #\r\n\r\n3;x=#\r\n#\n#\r\nA\r\n0123456789\r\n0\r\nT: #\r\n\r\n\
            GET /e HTTP/1.1\nHost: a\r\n\r\nGET /f HTTP/1.1\r\n\r\n";
        let bodies = [Some(4), Some(0), None, Some(0), Some(0)];
        let expected = [
            None,
            Some(Fault::Fragment),
            None,
            Some(Fault::BareLineFeed),
            None,
        ];
        for step in 1..stream.len() {
            assert_eq!(heads(stream, step, &bodies), expected, "{step}");
        }
    }
}
