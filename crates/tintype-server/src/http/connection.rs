//! Serves one connection: hyper with our limits, and the checks that it leaves to the server.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use axum::body::Body;
use axum::response::IntoResponse as _;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Request, Response, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tower::Service;

use super::body::{Busy, RequestBody, ResponseBody};
use super::idle_timeout::IdleTimeout;
use super::io::{Shared, TimedStream};
use super::{MAX_HEAD_BYTES, MAX_READ_BYTES, Settings};
use crate::error::{Code, Error};

/// The shutdown state that all connections share.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// Responses have `Connection: close`.
    pub(super) draining: AtomicBool,
    /// Idle connections close, busy ones after their response.
    pub(super) closing: AtomicBool,
    /// Notified when `closing` is set.
    pub(super) changed: Notify,
}

/// Serves until the connection ends; mistakes of the client are not errors.
pub(super) async fn serve_one<S>(
    stream: TcpStream,
    service: S,
    settings: Settings,
    ending: Arc<Ending>,
) where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    let shared = Arc::new(Shared::default());
    let io = TokioIo::new(TimedStream::new(stream, settings.write, shared.clone()));
    let handler = service_fn(|request: Request<Incoming>| {
        let busy = Busy::new(shared.clone());
        let request = admit(request, settings, &shared);
        let mut service = service.clone();
        let (ending, shared) = (&ending, &shared);
        async move {
            let (response, must_close) = match request {
                Ok(request) => {
                    let ready = poll_fn(|cx| service.poll_ready(cx)).await;
                    match ready {
                        Ok(()) => (service.call(request).await?, false),
                        Err(never) => return Err(never),
                    }
                }
                Err(error) => (error.into_response(), true),
            };
            let (mut parts, body) = response.into_parts();
            let body = ResponseBody::new(body, &parts.headers, busy, shared.clone());
            // Hyper closes after a body that was not read; the header says so, lest the client sends its next
            // request into the closing connection.
            let is_unread = shared.unread.load(Ordering::Relaxed);
            if must_close || is_unread || ending.draining.load(Ordering::Relaxed) {
                parts
                    .headers
                    .insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(Response::from_parts(parts, body))
        }
    });

    let mut builder = http1::Builder::new();
    // The number of fields stays at hyper's default of 100: setting it would move them to the heap.
    builder
        .header_read_timeout(None)
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(MAX_READ_BYTES);
    let mut connection = pin!(builder.serve_connection(io, handler));

    // Registering takes a lock that all connections share, so it is done once: the task's waker stays the same, and
    // the flag is checked on every wake.
    let mut changed = pin!(ending.changed.notified());
    let mut is_waiting = false;
    let mut is_told = false;
    let mut idle_timeout = IdleTimeout::new(settings, &shared);
    let result = poll_fn(|cx| {
        if !is_waiting {
            is_waiting = true;
            let _ = changed.as_mut().poll(cx);
        }
        if !is_told && ending.closing.load(Ordering::Acquire) {
            is_told = true;
            connection.as_mut().graceful_shutdown();
        }
        match connection.as_mut().poll(cx) {
            // A client that sends no request gets no response: dropping the connection closes it.
            Poll::Pending => idle_timeout.poll(cx).map(Ok),
            ready => ready,
        }
    })
    .await;
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}

/// Refuses requests that two parsers in a row could read differently, and wraps the body.
///
/// [`super::watch`] has found what hyper does not report. Hyper itself has refused the rest: differing lengths,
/// folded fields, space before a colon, a transfer coding that does not end in chunked. With both a length and a
/// coding it drops the length and closes after the response (RFC 9112, 6.1).
fn admit(
    request: Request<Incoming>,
    settings: Settings,
    shared: &Arc<Shared>,
) -> Result<Request<Body>, Error> {
    let body = request.body();
    let length = body.size_hint().exact();
    if let Some(fault) = shared.told.understood(length) {
        return Err(Error::new(Code::InvalidRequest).detail(fault.detail()));
    }
    let headers = request.headers();
    let hosts = headers.get_all(HOST).iter().count();
    let fewest = usize::from(request.version() == Version::HTTP_11);
    if !(fewest..=1).contains(&hosts) {
        return Err(
            Error::new(Code::InvalidRequest).detail("a request must have exactly one Host field")
        );
    }
    if headers
        .get(HOST)
        .is_some_and(|host| !is_host(host.as_bytes()))
    {
        return Err(Error::new(Code::InvalidRequest).detail("the Host field is not a host"));
    }
    if !is_plain_target(request.uri()) {
        let detail = "a request target must be a path, or an http URL without a user";
        return Err(Error::new(Code::InvalidRequest).detail(detail));
    }
    if !is_plainly_framed(headers) {
        return Err(Error::new(Code::InvalidRequest)
            .detail("the only supported transfer coding is chunked"));
    }
    Ok(request.map(|body| {
        if body.is_end_stream() {
            Body::empty()
        } else {
            Body::new(RequestBody::new(body, settings.body, shared.clone()))
        }
    }))
}

/// Whether a host is a name or an address as in URLs, with or without a port. Whatever else the grammar allows,
/// such as a comma, is not a real host and may be two to another parser.
fn is_host(text: &[u8]) -> bool {
    let is_of_name = |b: &u8| b.is_ascii_alphanumeric() || b"-._~%".contains(b);
    let is_of_address = |b: &u8| b.is_ascii_hexdigit() || b":.".contains(b);
    let (is_named, port) = match text.strip_prefix(b"[") {
        Some(rest) => {
            let end = rest.iter().position(|b| *b == b']').unwrap_or(rest.len());
            let (address, rest) = rest.split_at(end);
            (
                !address.is_empty() && address.iter().all(is_of_address),
                rest.get(1..),
            )
        }
        None => {
            let end = text.iter().position(|b| *b == b':').unwrap_or(text.len());
            let (name, rest) = text.split_at(end);
            (!name.is_empty() && name.iter().all(is_of_name), Some(rest))
        }
    };
    let is_port = |digits: &[u8]| digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit);
    let is_end = |rest: &[u8]| rest.is_empty() || rest.strip_prefix(b":").is_some_and(is_port);
    is_named && port.is_some_and(is_end)
}

/// Only a path or an http URL: anything else would get the same response as its path alone.
fn is_plain_target(target: &Uri) -> bool {
    let is_http = target
        .scheme()
        .is_none_or(|scheme| matches!(scheme.as_str(), "http" | "https"));
    let has_user = target
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'));
    is_http && !has_user
}

fn is_plainly_framed(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match codings.next() {
        None => true,
        Some(coding) => {
            coding.as_bytes().eq_ignore_ascii_case(b"chunked")
                && codings.next().is_none()
                && !headers.contains_key(CONTENT_LENGTH)
        }
    }
}
