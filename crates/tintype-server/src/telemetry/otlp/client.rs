//! Sends bytes to a collector with the HTTP client that the service has anyway.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::redirect;
use tokio::runtime::Handle;

/// Collectors' responses are shorter than this.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Nothing can be sent at all.
#[derive(Debug, thiserror::Error)]
#[error("telemetry cannot be sent: {0}")]
pub struct Unsendable(pub(super) String);

#[derive(Debug)]
pub(super) struct OtlpClient {
    client: reqwest::Client,
    timeout: Duration,
    /// Spans are sent from a thread outside of the runtime.
    runtime: Handle,
    /// `traces` or `metrics`, for the log.
    what: &'static str,
    /// So that an outage is logged once and not every second.
    is_failing: AtomicBool,
}

impl OtlpClient {
    /// Must be called within a runtime.
    pub(super) fn new(what: &'static str, timeout: Duration) -> Result<Self, Unsendable> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("tintype/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| Unsendable(error.to_string()))?;
        Ok(Self {
            client,
            timeout,
            runtime: Handle::current(),
            what,
            is_failing: AtomicBool::new(false),
        })
    }

    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let sent = send(self.client.clone(), request, self.timeout);
        let sent = self.runtime.spawn(sent).await;
        let sent = sent.unwrap_or_else(|error| Err(error.to_string()));
        self.log_outcome(&sent);
        sent
    }

    fn log_outcome(&self, sent: &Result<Response<Bytes>, String>) {
        let (what, failure) = match sent {
            Ok(answer) if answer.status().is_success() => (self.what, None),
            Ok(answer) => (self.what, Some(format!("it answered {}", answer.status()))),
            Err(reason) => (self.what, Some(reason.clone())),
        };
        let was_failing = self.is_failing.swap(failure.is_some(), Ordering::Relaxed);
        match (was_failing, failure) {
            (false, Some(reason)) => {
                tracing::warn!(
                    what,
                    reason,
                    "the collector does not accept {what}: {reason}"
                );
            }
            (true, None) => tracing::info!(what, "the collector accepts {what} again"),
            _ => {}
        }
    }
}

async fn send(
    client: reqwest::Client,
    request: Request<Bytes>,
    timeout: Duration,
) -> Result<Response<Bytes>, String> {
    let (parts, body) = request.into_parts();
    let mut answer = client
        .request(parts.method, parts.uri.to_string())
        .headers(parts.headers)
        .timeout(timeout)
        .body(body)
        .send()
        .await
        .map_err(|error| innermost(&error))?;
    let status = answer.status();
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| innermost(&error))? {
        if bytes.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(format!("it sent more than {MAX_ANSWER_BYTES} bytes"));
        }
        bytes.extend_from_slice(&chunk);
    }
    let mut response = Response::new(bytes.into());
    *response.status_mut() = status;
    Ok(response)
}

#[async_trait]
impl HttpClient for OtlpClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        Ok(self.send(request).await?)
    }
}

/// The innermost cause says what happened, the outer ones only where.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
