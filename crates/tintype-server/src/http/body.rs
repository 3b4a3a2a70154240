//! Bodies on their way: a request body that has to make progress, an answer that knows when it ends.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::{error, fmt};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::Settings;
use super::deadline::Deadline;
use super::io::Shared;

type BoxError = Box<dyn error::Error + Send + Sync>;

/// The client stopped sending in the middle of a body. Handlers find it among the sources of the
/// error that ends the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyTimeout {
    pub seconds: u64,
    pub bytes: usize,
}

impl fmt::Display for BodyTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the body brought less than {} bytes in {} s",
            self.bytes, self.seconds
        )
    }
}

impl error::Error for BodyTimeout {}

/// The clock runs only while a handler waits: a handler that waits for a disk is not the client's
/// fault.
pub(super) struct RequestBody {
    body: Incoming,
    shared: Arc<Shared>,
    settings: Settings,
    waiting: Option<Deadline>,
    progress: usize,
    /// Only reading on tells where a chunked body ends.
    has_ended: bool,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, settings: Settings, shared: Arc<Shared>) -> Self {
        Self {
            body,
            shared,
            settings,
            waiting: None,
            progress: 0,
            has_ended: false,
        }
    }

    fn timeout(&self) -> BodyTimeout {
        let Settings {
            body_timeout,
            body_progress,
            ..
        } = self.settings;
        BodyTimeout {
            seconds: body_timeout.as_secs(),
            bytes: body_progress,
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
                this.progress += data.map_or(0, Bytes::len);
                if this.progress >= this.settings.body_progress {
                    this.progress = 0;
                    if let Some(waiting) = &mut this.waiting {
                        waiting.reset(this.settings.body_timeout);
                    }
                }
                this.has_ended = frame.is_none();
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                let timeout = this.settings.body_timeout;
                let waiting = this.waiting.get_or_insert_with(|| Deadline::after(timeout));
                match waiting.poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(this.timeout().into()))),
                    Poll::Pending => Poll::Pending,
                }
            }
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

/// A request is being answered for as long as this lives.
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

/// The body of an answer, which ends the request when it has been handed over.
pub(super) struct ResponseBody {
    pub(super) body: axum::body::Body,
    pub(super) _busy: Busy,
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
