//! The outermost service: what happens once per request, whatever the route.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::CONTENT_LENGTH;
use http::{HeaderName, Method, Request, Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tower::Service;

use super::caller_headers::CallerHeaders;
use super::line::LogLine;
use super::log_filter::LogFilter;
use super::{LogFacts, Logged, RequestId, request_id, route};
use crate::error::{Code, Error};
use crate::telemetry::log::Log;
use crate::telemetry::metrics::{FinishedRequest, Metrics};
use crate::telemetry::otlp::{RequestAttributes, Span, Tracer};

/// For a client that left before the response; appears only in the log.
const CLIENT_CLOSED_REQUEST: u16 = 499;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Receivers of observations.
pub(crate) struct Observer {
    metrics: Arc<Metrics>,
    log: Log,
    choice: LogFilter,
    /// `None` if traces are not configured.
    tracer: Option<Arc<Tracer>>,
}

impl Observer {
    pub(crate) fn new(
        metrics: Arc<Metrics>,
        log: Log,
        logged: Logged,
        tracer: Option<Arc<Tracer>>,
    ) -> Self {
        Self {
            metrics,
            log,
            choice: LogFilter::new(logged),
            tracer,
        }
    }
}

/// Wraps the router, outside of all other layers.
#[derive(Clone)]
pub(crate) struct Observe<S> {
    inner: S,
    observer: Arc<Observer>,
}

impl<S> Observe<S> {
    pub(crate) fn new(inner: S, observer: Arc<Observer>) -> Self {
        Self { inner, observer }
    }
}

impl<S> Service<Request<Body>> for Observe<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let mut observation = Observation::begin(self.observer.clone(), &request);
        request
            .extensions_mut()
            .insert(observation.request_id.clone());
        if let Some(span) = observation.span {
            request.extensions_mut().insert(span);
        }
        let response = self.inner.call(request);
        Box::pin(async move {
            let mut response = response.await?;
            observation.answered(&mut response);
            Ok(response.map(|body| Body::new(ObservedBody { body, observation })))
        })
    }
}

/// One request; the line is written on drop, which is at the end of the response or when the client has left.
struct Observation {
    observer: Arc<Observer>,
    began: Instant,
    request_id: RequestId,
    caller: CallerHeaders,
    span: Option<Span>,
    method: Method,
    /// A copy, like everything here: a slice would keep the whole head alive until the response ends.
    path: Box<str>,
    status: Option<StatusCode>,
    code: Option<Code>,
    facts: LogFacts,
    bytes: u64,
    /// Of the whole response, if declared.
    length: Option<u64>,
    complete: bool,
}

impl Observation {
    fn begin(observer: Arc<Observer>, request: &Request<Body>) -> Self {
        observer.metrics.request_began();
        let caller = CallerHeaders::of(request.headers());
        let tracer = observer.tracer.as_ref();
        let span = tracer.map(|tracer| tracer.begin(caller.parent.as_ref()));
        Self {
            observer,
            began: Instant::now(),
            request_id: RequestId::of(request.headers()),
            caller,
            span,
            method: request.method().clone(),
            path: request.uri().path().into(),
            status: None,
            code: None,
            facts: LogFacts::default(),
            bytes: 0,
            length: None,
            complete: false,
        }
    }

    fn answered(&mut self, response: &mut Response<Body>) {
        if let Some(error) = response.extensions_mut().remove::<Error>() {
            self.code = Some(error.code());
            self.report(&error);
            // Inner layers may have added headers, so only the body is replaced.
            *response.body_mut() = error.respond(Some(self.request_id.as_str())).into_body();
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        if let Some(facts) = response.extensions_mut().remove::<LogFacts>() {
            self.facts = facts;
        }
        if let Some(timing) = self.facts.server_timing() {
            response.headers_mut().insert(SERVER_TIMING, timing);
        }
        response
            .headers_mut()
            .insert(request_id::HEADER, self.request_id.header());
        self.status = Some(response.status());
        self.length = response
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok());
        // These bodies are never polled.
        self.complete = self.method == Method::HEAD || response.body().is_end_stream();
    }

    /// Logs the cause, which the client does not get.
    fn report(&self, error: &Error) {
        let Some(cause) = error.cause_text() else {
            return;
        };
        let (id, code) = (self.request_id.as_str(), error.code().as_str());
        match error.status().as_u16() {
            500 => tracing::error!(request_id = id, code, cause, "request {id} failed: {cause}"),
            501.. => tracing::warn!(request_id = id, code, cause, "request {id} failed: {cause}"),
            _ => tracing::debug!(
                request_id = id,
                code,
                cause,
                "request {id} refused: {cause}"
            ),
        }
    }
}

impl Observation {
    fn ended(&self) {
        let took = self.began.elapsed();
        let path = &*self.path;
        let status = self
            .status
            .map_or(CLIENT_CLOSED_REQUEST, |status| status.as_u16());
        let route = route::route(path);
        self.observer.metrics.request_ended(&FinishedRequest {
            route,
            site: self.facts.site.as_deref(),
            method: &self.method,
            status,
            bytes: self.bytes,
            took,
        });
        let code = self.code.map(Code::as_str);
        if let (Some(tracer), Some(span)) = (&self.observer.tracer, self.span) {
            tracer.end(
                span,
                &RequestAttributes {
                    began: self.began,
                    request_id: self.request_id.as_str(),
                    method: self.method.as_str(),
                    route,
                    key: route::key(path),
                    status,
                    bytes: self.bytes,
                    code,
                    facts: &self.facts,
                },
            );
        }
        let Some(one_in) = self.observer.choice.of(status) else {
            return;
        };
        let of_span = self.span.map(|span| span.trace_id);
        let of_caller = self.caller.parent.map(|parent| parent.trace_id);
        let line = LogLine {
            request_id: self.request_id.as_str(),
            trace_id: of_span.or(of_caller),
            caller: &self.caller,
            method: self.method.as_str(),
            route,
            key: route::key(path),
            status,
            bytes: self.bytes,
            duration: took,
            aborted: !self.complete,
            code,
            facts: &self.facts,
            one_in,
        };
        self.observer.log.push(&line.to_bytes());
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        self.ended();
    }
}

struct ObservedBody {
    body: Body,
    observation: Observation,
}

impl HttpBody for ObservedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let poll = Pin::new(&mut this.body).poll_frame(cx);
        match &poll {
            Poll::Ready(Some(Ok(frame))) => {
                this.observation.bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
                // Nobody polls beyond the declared length, so the stream may never report its end.
                let is_whole = this.observation.length == Some(this.observation.bytes);
                this.observation.complete = is_whole || this.body.is_end_stream();
            }
            Poll::Ready(Some(Err(error))) => {
                let id = this.observation.request_id.as_str();
                tracing::warn!(request_id = id, %error, "the response to request {id} was cut off");
            }
            Poll::Ready(None) => this.observation.complete = true,
            Poll::Pending => {}
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
