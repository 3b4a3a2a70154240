//! The socket: enforces the pace of slow readers, lingers after an early refusal, and counts progress.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::deadline::Deadline;
use super::pace::{Pace, Stopwatch};
use super::watch::{Findings, Watch};

/// How long to keep reading from a client that still sends after the last response, and (`LINGER_BYTES`) how much.
/// Closing with unread bytes resets the connection, and the client never sees the response.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// State shared by socket, bodies and connection, all of which are polled by one task.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// A request is being handled: its handler and its body have their own timeouts.
    pub(super) busy: AtomicBool,
    /// The kernel may not have accepted all bytes written yet.
    pub(super) writing: AtomicBool,
    /// The kernel has not accepted all bytes of a response yet.
    pub(super) queued: AtomicBool,
    /// A response body waits for `queued` to become false.
    pub(super) held_back: AtomicBool,
    /// A request body was not read to its end.
    pub(super) unread: AtomicBool,
    /// Number of request heads parsed.
    pub(super) requests: AtomicUsize,
    /// Number of times that bytes have arrived.
    pub(super) arrivals: AtomicUsize,
    pub(super) told: Findings,
}

pub(super) struct TimedStream {
    stream: TcpStream,
    shared: Arc<Shared>,
    watch: Watch,
    /// Bytes that arrived together with the end of a head.
    held: BytesMut,
    reader: Stopwatch,
    /// Value of `Shared::requests` when bytes last arrived outside of a request body.
    requests: usize,
    linger: Option<(Deadline, usize)>,
}

impl TimedStream {
    pub(super) fn new(stream: TcpStream, pace: Pace, shared: Arc<Shared>) -> Self {
        Self {
            stream,
            shared,
            watch: Watch::default(),
            held: BytesMut::new(),
            reader: Stopwatch::new(pace),
            requests: 0,
            linger: None,
        }
    }

    /// Measures the client's pace: the kernel's buffer is small, so it accepts bytes as fast as the client does.
    fn after_write(
        &mut self,
        cx: &mut Context<'_>,
        poll: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        self.shared.writing.store(true, Relaxed);
        if let Poll::Ready(written) = &poll {
            self.reader.moved(*written.as_ref().unwrap_or(&0));
            return poll;
        }
        ready!(self.reader.wait(cx));
        // Otherwise the kernel would keep its buffer for minutes after the end.
        let _ = self.stream.set_zero_linger();
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client reads too slowly",
        )))
    }

    /// Takes those of the arrived bytes that may be passed to hyper.
    fn take(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let told = &self.shared.told;
        if !self.held.is_empty() {
            let fits = self.held.len().min(buffer.remaining());
            let seen = self.watch.see(&self.held[..fits], told);
            buffer.put_slice(&self.held.split_to(seen));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let arrived = &buffer.filled()[before..];
        let seen = self.watch.see(arrived, told);
        if seen < arrived.len() {
            self.held = BytesMut::from(&arrived[seen..]);
            buffer.set_filled(before + seen);
        }
        Poll::Ready(Ok(()))
    }

    /// Whether the client is still sending: a body that nobody read, or bytes that did not become a request, as
    /// when a head was refused before its end.
    fn is_sending(&self) -> bool {
        let has_arrived = self.shared.arrivals.load(Relaxed) > 0;
        let is_refused = has_arrived && self.requests == self.shared.requests.load(Relaxed);
        is_refused || self.shared.unread.load(Relaxed)
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        let poll = self.take(cx, buffer);
        if buffer.filled().len() > filled {
            if !self.shared.busy.load(Relaxed) {
                self.requests = self.shared.requests.load(Relaxed);
            }
            self.shared.arrivals.fetch_add(1, Relaxed);
        }
        poll
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.after_write(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.after_write(cx, poll)
    }

    /// Head and body are sent in one system call.
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called once everything has been written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(cx);
        if poll.is_ready() {
            self.shared.writing.store(false, Relaxed);
            self.shared.queued.store(false, Relaxed);
            if self.shared.held_back.swap(false, Relaxed) {
                cx.waker().wake_by_ref();
            }
        }
        poll
    }

    /// Shuts the write side down and, if the client is still sending, keeps reading for a moment.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            if !this.is_sending() {
                return Poll::Ready(Ok(()));
            }
        }
        let (deadline, left) = this
            .linger
            .get_or_insert_with(|| (Deadline::after(LINGER), LINGER_BYTES));
        let mut sink = [0; 16 * 1024];
        // A few reads at a time, so that a fast sender does not monopolise the thread.
        for _ in 0..16 {
            let mut buffer = ReadBuf::new(&mut sink);
            match Pin::new(&mut this.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() && *left > 0 => {
                    *left = left.saturating_sub(buffer.filled().len());
                }
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    ready!(deadline.poll(cx));
                    return Poll::Ready(Ok(()));
                }
            }
        }
        if deadline.poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
