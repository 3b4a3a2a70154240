//! Body wrappers: a request body that must make progress, and a response body that knows when it has ended.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::{error, fmt};

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::io::Shared;
use super::pace::{Pace, Stopwatch};

type BoxError = Box<dyn error::Error + Send + Sync>;

/// The client stopped sending in the middle of a body. Handlers find it among the sources of the error that ends
/// the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BodyTimeout {
    pub seconds: u64,
    pub bytes: u64,
}

impl fmt::Display for BodyTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "fewer than {} bytes of the body arrived in {} s",
            self.bytes, self.seconds
        )
    }
}

impl error::Error for BodyTimeout {}

/// A request body with a timeout. The clock runs only while a handler waits for the client, not while it waits for
/// a disk.
pub(super) struct RequestBody {
    body: Incoming,
    shared: Arc<Shared>,
    pace: Pace,
    sender: Stopwatch,
    /// The end of a chunked body is found only by reading on.
    has_ended: bool,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, pace: Pace, shared: Arc<Shared>) -> Self {
        Self {
            body,
            shared,
            pace,
            sender: Stopwatch::new(pace),
            has_ended: false,
        }
    }

    fn timeout(&self) -> BodyTimeout {
        BodyTimeout {
            seconds: self.pace.within.as_secs(),
            bytes: self.pace.bytes,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                let data = frame
                    .as_ref()
                    .and_then(|frame| frame.as_ref().ok()?.data_ref());
                this.sender.moved(data.map_or(0, Bytes::len));
                this.has_ended = frame.is_none();
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => match this.sender.wait(cx) {
                Poll::Ready(()) => Poll::Ready(Some(Err(this.timeout().into()))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.has_ended && !self.body.is_end_stream() {
            self.shared.unread.store(true, Ordering::Relaxed);
        }
    }
}

/// Marks a request as being handled for as long as it lives.
pub(super) struct Busy(Arc<Shared>);

impl Busy {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        shared.busy.store(true, Ordering::Relaxed);
        shared.requests.fetch_add(1, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Relaxed);
    }
}

/// A response body, which ends the request once it has been sent.
///
/// Hyper polls for as much as its buffer holds, which is sized for uploads; this body returns nothing more until
/// the client has taken what was sent before.
pub(super) struct ResponseBody {
    body: axum::body::Body,
    /// Bytes still to come, as far as the length was declared.
    left: u64,
    shared: Arc<Shared>,
    _busy: Busy,
}

impl ResponseBody {
    pub(super) fn new(
        body: axum::body::Body,
        headers: &HeaderMap,
        busy: Busy,
        shared: Arc<Shared>,
    ) -> Self {
        let declared = headers.get(CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.parse().ok());
        Self {
            body,
            left: declared.unwrap_or(u64::MAX),
            shared,
            _busy: busy,
        }
    }

    /// Whether to wait for the client. The end of a body holds no bytes, so it never waits.
    fn is_held_back(&self) -> bool {
        self.left > 0 && self.shared.queued.load(Ordering::Relaxed)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.is_held_back() {
            // The socket wakes this task when everything is written.
            self.shared.held_back.store(true, Ordering::Relaxed);
            return Poll::Pending;
        }
        let poll = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &poll {
            let len = frame.data_ref().map_or(0, Bytes::len);
            self.left = self.left.saturating_sub(len as u64);
            self.shared.queued.fetch_or(len > 0, Ordering::Relaxed);
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
