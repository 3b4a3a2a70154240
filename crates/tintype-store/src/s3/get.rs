//! Reading an object, and reading on where an answer breaks off.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::config::{Builder, ResponseChecksumValidation};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures_util::{FutureExt, Stream, stream};
use tokio::time::timeout;

use super::attributes::{Found, quoted};
use super::bucket::Bucket;
use super::failure::{Failure, Kind, causes};
use super::health::Errand;
use super::operation::Operation;
use crate::{Body, ETag, Error, Get, Meta, Object};

/// A body that gives nothing for this long is asked for again from where it stopped.
const STALLED: Duration = Duration::from_millis(1_000);
/// How often one body is asked for again.
const MOST_RESUMES: u32 = 3;
/// Servers count in signed numbers.
const LAST_BYTE: u64 = i64::MAX as u64;

/// An answer whose body is still to come.
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
            // No header can say it, so the answer is worked out.
            let Some(found) = self.look(&path).await? else {
                return Ok(None);
            };
            return found.meta.select(range, if_match).map(|_| None);
        }
        let open = || self.open(&path, range.clone(), if_match).boxed();
        let outcome = match object {
            // Small, and somebody waits for every one of them.
            Object::Record(_) | Object::Variant(..) => self.hedges.run(&self.counts, open).await,
            _ => open().await,
        };
        match outcome {
            Ok(opened) => self.body(path, opened, if_match).map(Some),
            Err(failure) => match failure.kind {
                Kind::NotFound => Ok(None),
                Kind::Range(Some(size)) => Err(Error::RangeNotSatisfiable { size }),
                Kind::Precondition | Kind::Range(None) => match self.look(&path).await? {
                    None => Ok(None),
                    Some(found) => match found.meta.select(range, if_match) {
                        // It was another version a moment ago.
                        Ok(_) => Err(failure.into()),
                        Err(error) => Err(error),
                    },
                },
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
            // Some servers send the sum of the whole object with a part of it.
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
            kind: Kind::Garbled,
            code: None,
            text: text.to_owned(),
        };
        let length = output
            .content_length
            .and_then(|length| u64::try_from(length).ok());
        let length = length.ok_or_else(|| garbled("the answer tells no length"))?;
        let (given, size) = match &range {
            None => (0..length, length),
            Some(asked) => {
                let told = output.content_range.as_deref().and_then(parse);
                let (given, size) =
                    told.ok_or_else(|| garbled("a range was asked for, and the answer is none"))?;
                let wanted = asked.start..asked.end.min(size);
                if given != wanted || length != given.end - given.start {
                    return Err(garbled("the answer is another range than was asked for"));
                }
                (given, size)
            }
        };
        let stream = std::mem::take(&mut output.body);
        let found = Found::get(&mut output, size).map_err(garbled)?;
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
        // Some servers do not look at If-Match.
        meta.select(None, if_match)?;
        let reading = Reading {
            bucket: self.clone(),
            path,
            etag: meta.etag.clone(),
            next: range.start,
            end: range.end,
            stream,
            resumes: 0,
            resumed_at: 0,
        };
        let body = Body::stream(reading.chunks(), range.end - range.start);
        Ok(Get { meta, range, body })
    }
}

/// Where the reading of one body stands.
struct Reading {
    bucket: Arc<Bucket>,
    path: String,
    etag: ETag,
    next: u64,
    end: u64,
    stream: ByteStream,
    resumes: u32,
    /// A second answer that brings nothing is the last.
    resumed_at: u64,
}

impl Reading {
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

    /// The next bytes; `None` after the last. The last are held back until the answer has ended,
    /// because the sum of all bytes is checked there.
    async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        if self.next == self.end {
            return Ok(None);
        }
        loop {
            let problem = match timeout(STALLED, self.stream.next()).await {
                Ok(Some(Ok(chunk))) if chunk.is_empty() => continue,
                Ok(Some(Ok(chunk))) if chunk.len() as u64 <= self.end - self.next => {
                    self.next += chunk.len() as u64;
                    if self.next == self.end {
                        self.finish().await?;
                    }
                    return Ok(Some(chunk));
                }
                Ok(Some(Ok(_))) => return Err(unreadable("the answer is longer than it said")),
                Ok(Some(Err(error))) => causes(&error),
                Ok(None) => "the answer is shorter than it said".to_owned(),
                Err(_) => "no byte came any more".to_owned(),
            };
            self.resume(problem).await?;
        }
    }

    async fn finish(&mut self) -> Result<(), Error> {
        match timeout(STALLED, self.stream.next()).await {
            Ok(None) => Ok(()),
            Ok(Some(Ok(chunk))) if chunk.is_empty() => Ok(()),
            Ok(Some(Ok(_))) => Err(unreadable("the answer is longer than it said")),
            Ok(Some(Err(error))) => Err(unreadable(causes(&error))),
            Err(_) => Err(unreadable("the answer does not end")),
        }
    }

    /// Asks for the rest, of the same version.
    async fn resume(&mut self, problem: String) -> Result<(), Error> {
        let stuck = self.resumes > 0 && self.resumed_at == self.next;
        if stuck {
            // Headers come and bytes do not, which no request finds out.
            self.bucket.health.silent(Errand {
                operation: Operation::GetObject,
                place: &self.path,
            });
        }
        if stuck || self.resumes == MOST_RESUMES {
            return Err(unreadable(problem));
        }
        self.resumes += 1;
        self.resumed_at = self.next;
        let rest = Some(self.next..self.end);
        let opened = self.bucket.open(&self.path, rest, Some(&self.etag)).await;
        let opened = opened.map_err(|failure| {
            unreadable(format!("{problem}, and reading on: {}", failure.text))
        })?;
        if opened.meta.etag != self.etag {
            return Err(Error::Changed);
        }
        self.stream = opened.stream;
        Ok(())
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

/// `bytes 3-6/10`, as the bytes given and the size of the whole.
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
