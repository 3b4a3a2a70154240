//! Reads an object, and continues where a response is cut off.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::config::{Builder, ResponseChecksumValidation};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures_util::{FutureExt, Stream, stream};
use tokio::time::timeout;

use super::attributes::{FoundObject, quoted};
use super::bucket::Bucket;
use super::failure::{Failure, FailureKind, causes};
use super::health::Target;
use super::operation::Operation;
use crate::{Body, CHUNK_BYTES, ETag, Error, Expiring, Get, Meta, Object, Share};

/// A body that stalls for this long is requested again from where it stopped.
const STALLED: Duration = Duration::from_millis(1_000);
/// How often one body is resumed.
const MOST_RESUMES: u32 = 3;
/// Requested when a reader continues after a pause, and doubled each time that the reader takes it without another
/// pause: a slow reader is not sent megabytes that it drops, and a fast one costs few requests.
const PIECE_BYTES: u64 = CHUNK_BYTES as u64;
/// Servers use signed numbers.
const LAST_BYTE: u64 = i64::MAX as u64;

/// A response whose body is still to come.
struct Opened {
    meta: Meta,
    range: Range<u64>,
    stream: ByteStream,
}

impl Bucket {
    pub(super) async fn get(
        self: &Arc<Self>,
        object: &Object,
        range: Option<Range<u64>>,
        if_match: Option<&ETag>,
    ) -> Result<Option<Get>, Error> {
        // A name that is too long for S3 has no object.
        let Ok(path) = self.path(object) else {
            return Ok(None);
        };
        if range
            .as_ref()
            .is_some_and(|range| range.end <= range.start || range.start > LAST_BYTE)
        {
            // No header can express it, so the response is computed.
            let Some(found) = self.stat(&path).await? else {
                return Ok(None);
            };
            return found.meta.select(range, if_match).map(|_| None);
        }
        let open = || self.open(&path, range.clone(), if_match).boxed();
        let outcome = match object {
            // Small, and a request waits for each of them.
            Object::Record(_) | Object::Variant(..) => self.hedges.run(&self.counts, open).await,
            _ => open().await,
        };
        match outcome {
            Ok(opened) => self.body(path, opened, if_match).map(Some),
            Err(failure) => match failure.kind {
                FailureKind::NotFound => Ok(None),
                FailureKind::Range(Some(size)) => Err(Error::RangeNotSatisfiable { size }),
                FailureKind::Precondition | FailureKind::Range(None) => {
                    match self.stat(&path).await? {
                        None => Ok(None),
                        Some(found) => match found.meta.select(range, if_match) {
                            // It was another version a moment ago.
                            Ok(_) => Err(failure.into()),
                            Err(error) => Err(error),
                        },
                    }
                }
                _ => Err(failure.into()),
            },
        }
    }

    async fn open(
        &self,
        path: &str,
        range: Option<Range<u64>>,
        if_match: Option<&ETag>,
    ) -> Result<Opened, Failure> {
        let operation = Operation::GetObject;
        let request = self
            .client
            .get_object()
            .bucket(&self.name)
            .key(path)
            .set_range(range.as_ref().map(header))
            .set_if_match(if_match.map(quoted));
        let outcome = match range {
            None => self.call(operation, path, request.send()).await,
            // Some servers send the checksum of the whole object with a part of it.
            Some(_) => {
                let unchecked = Builder::new()
                    .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
                let request = request.customize().config_override(unchecked);
                self.call(operation, path, request.send()).await
            }
        };
        let mut output = outcome?;
        let garbled = |text: &str| Failure {
            operation,
            kind: FailureKind::Garbled,
            code: None,
            text: text.to_owned(),
        };
        let length = output
            .content_length
            .and_then(|length| u64::try_from(length).ok());
        let length = length.ok_or_else(|| garbled("the response has no length"))?;
        let (given, size) = match &range {
            None => (0..length, length),
            Some(asked) => {
                let told = output.content_range.as_deref().and_then(parse);
                let (given, size) =
                    told.ok_or_else(|| garbled("the response to a range request has no range"))?;
                let wanted = asked.start..asked.end.min(size);
                if given != wanted || length != given.end - given.start {
                    return Err(garbled("the response has another range than requested"));
                }
                (given, size)
            }
        };
        let stream = std::mem::take(&mut output.body);
        let found = FoundObject::get(&mut output, size).map_err(garbled)?;
        Ok(Opened {
            meta: found.meta,
            range: given,
            stream,
        })
    }

    fn body(
        self: &Arc<Self>,
        path: String,
        opened: Opened,
        if_match: Option<&ETag>,
    ) -> Result<Get, Error> {
        let Opened {
            meta,
            range,
            stream,
        } = opened;
        // Some servers ignore If-Match.
        meta.select(None, if_match)?;
        let reading = ObjectReading {
            bucket: self.clone(),
            path,
            etag: meta.etag.clone(),
            next: range.start,
            end: range.end,
            asked: range.end,
            piece: u64::MAX,
            first: Some(stream),
            held: Expiring::new(|_| true),
            share: Share::take(),
            resumes: 0,
            resumed_at: 0,
        };
        let held = reading.held.clone();
        let len = range.end - range.start;
        let body = Body::stream(reading.chunks(), len, move || held.keep());
        Ok(Get { meta, range, body })
    }
}

/// A response that has not ended yet.
struct OpenResponse {
    stream: ByteStream,
    /// Received, but not passed on yet.
    come: Bytes,
    /// Its end in the object.
    end: u64,
}

/// The state of reading one body.
struct ObjectReading {
    bucket: Arc<Bucket>,
    path: String,
    etag: ETag,
    /// The next byte to pass on.
    next: u64,
    end: u64,
    /// The end of the last requested range.
    asked: u64,
    /// How much to request next.
    piece: u64,
    /// The first response, until it is used.
    first: Option<ByteStream>,
    held: Expiring<OpenResponse>,
    share: Share,
    resumes: u32,
    /// Position of the last resume: if the next response brings nothing either, reading fails.
    resumed_at: u64,
}

impl ObjectReading {
    fn chunks(self) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
        stream::unfold(Some(self), async |reading| {
            let mut reading = reading?;
            match reading.chunk().await {
                Ok(Some(chunk)) => Some((Ok(chunk), Some(reading))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// The next bytes; `None` after the last. The last bytes of a response are held back until it has ended,
    /// because that is when the checksum of all bytes is verified.
    async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        if self.next == self.end {
            return Ok(None);
        }
        let mut answer = match self.first.take() {
            Some(stream) => self.answer(stream),
            None => match self.held.take() {
                Some(answer) => answer,
                None => self.read_on().await?,
            },
        };
        while answer.come.is_empty() {
            if let Some(problem) = self.receive(&mut answer).await? {
                answer = self.resume(problem).await?;
            }
        }
        let taken = answer.come.len().min(self.share.bytes());
        // Copied, because a slice would keep the whole buffer alive.
        let chunk = Bytes::copy_from_slice(&answer.come.split_to(taken));
        self.next += taken as u64;
        if self.next < answer.end {
            self.held.put(answer);
        }
        Ok(Some(chunk))
    }

    fn answer(&self, stream: ByteStream) -> OpenResponse {
        OpenResponse {
            stream,
            come: Bytes::new(),
            end: self.asked,
        }
    }

    /// Receives the next bytes of a response, or returns why it was cut off.
    async fn receive(&self, answer: &mut OpenResponse) -> Result<Option<String>, Error> {
        let problem = match timeout(STALLED, answer.stream.next()).await {
            Ok(Some(Ok(chunk))) if chunk.len() as u64 <= answer.end - self.next => {
                if chunk.len() as u64 == answer.end - self.next {
                    finish(&mut answer.stream).await?;
                }
                answer.come = chunk;
                return Ok(None);
            }
            Ok(Some(Ok(_))) => return Err(unreadable("the response is longer than announced")),
            Ok(Some(Err(error))) => causes(&error),
            Ok(None) => "the response is shorter than announced".to_owned(),
            Err(_) => "the transfer stalled".to_owned(),
        };
        Ok(Some(problem))
    }

    /// Requests what comes after a piece, or after a pause in which the response was dropped.
    async fn read_on(&mut self) -> Result<OpenResponse, Error> {
        self.piece = match self.next < self.asked {
            true => PIECE_BYTES,
            false => self.piece.saturating_mul(2),
        };
        self.asked = self.end.min(self.next.saturating_add(self.piece));
        let stream = self.open_again().await?.map_err(unreadable)?;
        Ok(self.answer(stream))
    }

    /// Requests the rest of a response that was cut off.
    async fn resume(&mut self, problem: String) -> Result<OpenResponse, Error> {
        let stuck = self.resumes > 0 && self.resumed_at == self.next;
        if stuck {
            // Headers arrive but bytes do not, which no request notices.
            self.bucket.health.silent(Target {
                operation: Operation::GetObject,
                place: &self.path,
            });
        }
        if stuck || self.resumes == MOST_RESUMES {
            return Err(unreadable(problem));
        }
        self.resumes += 1;
        self.resumed_at = self.next;
        let stream = self.open_again().await?;
        let stream = stream.map_err(|error| unreadable(format!("{problem}, and {error}")))?;
        Ok(self.answer(stream))
    }

    /// Requests the rest of the same version.
    async fn open_again(&self) -> Result<Result<ByteStream, String>, Error> {
        let range = Some(self.next..self.asked);
        let opened = self.bucket.open(&self.path, range, Some(&self.etag)).await;
        match opened {
            Err(failure) => Ok(Err(format!("reading on: {}", failure.text))),
            Ok(opened) if opened.meta.etag != self.etag => Err(Error::Changed),
            Ok(opened) => Ok(Ok(opened.stream)),
        }
    }
}

async fn finish(stream: &mut ByteStream) -> Result<(), Error> {
    match timeout(STALLED, stream.next()).await {
        Ok(None) => Ok(()),
        Ok(Some(Ok(chunk))) if chunk.is_empty() => Ok(()),
        Ok(Some(Ok(_))) => Err(unreadable("the response is longer than announced")),
        Ok(Some(Err(error))) => Err(unreadable(causes(&error))),
        Err(_) => Err(unreadable("the response does not end")),
    }
}

fn unreadable(text: impl Into<String>) -> Error {
    Error::unavailable(Operation::GetObject.doing(), text)
}

fn header(range: &Range<u64>) -> String {
    let Range { start, end } = range;
    if *end > LAST_BYTE {
        format!("bytes={start}-")
    } else {
        format!("bytes={start}-{}", end - 1)
    }
}

/// Parses `bytes 3-6/10` into the range and the total size.
fn parse(content_range: &str) -> Option<(Range<u64>, u64)> {
    let (given, size) = content_range.strip_prefix("bytes ")?.split_once('/')?;
    let (start, last) = given.split_once('-')?;
    let (start, last): (u64, u64) = (start.parse().ok()?, last.parse().ok()?);
    let end = last.checked_add(1).filter(|end| *end > start)?;
    Some((start..end, size.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_content_range_is_believed() {
        assert_eq!(parse("bytes 3-6/10"), Some((3..7, 10)));
        for text in [
            "",
            "bytes */10",
            "bytes 6-3/10",
            "bytes 0-18446744073709551615/10",
            "0-1/2",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert_eq!(header(&(3..7)), "bytes=3-6");
        assert_eq!(header(&(3..u64::MAX)), "bytes=3-");
    }
}
