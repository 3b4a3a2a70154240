//! The socket: times a slow reader, listens on after an early refusal, and tells what moves.

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

/// How long, and for how much, a client that still sends is listened to after the last answer.
/// Closing with unread bytes resets the connection, and the client never sees the answer.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// What socket, bodies and connection tell each other; all of them are polled by one task.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// A request is being answered: its handler and its body are timed elsewhere.
    pub(super) busy: AtomicBool,
    /// Something was written that the kernel may not have taken whole.
    pub(super) writing: AtomicBool,
    /// Bytes of an answer were handed over and are not yet all with the kernel.
    pub(super) queued: AtomicBool,
    /// More is to be asked for once nothing is queued.
    pub(super) held_back: AtomicBool,
    /// A request body was not read to its end.
    pub(super) unread: AtomicBool,
    /// How many heads have been understood.
    pub(super) requests: AtomicUsize,
    /// How many times bytes have arrived.
    pub(super) arrivals: AtomicUsize,
    pub(super) told: Findings,
}

pub(super) struct TimedStream {
    stream: TcpStream,
    shared: Arc<Shared>,
    watch: Watch,
    /// What arrived together with the end of a head.
    held: BytesMut,
    reader: Stopwatch,
    /// Heads that had been understood when bytes last arrived that were no request's body.
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

    /// The kernel takes little more than the client does, so what it takes tells how fast that is.
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
        // What the kernel holds would otherwise be kept for minutes after the end.
        let _ = self.stream.set_zero_linger();
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client reads too slowly",
        )))
    }

    /// What may be handed on of what has arrived.
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

    /// A client in the middle of sending: a body that nobody wanted, or bytes that became no
    /// request, so a head that was refused, perhaps before its end.
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

    /// Head and body leave in one system call.
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Asked for once everything has been written.
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

    /// Says that nothing more will come and, to a client in the middle of sending, listens on for a
    /// moment.
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
        // A few reads at a time, so that a fast sender does not keep the thread for itself.
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
