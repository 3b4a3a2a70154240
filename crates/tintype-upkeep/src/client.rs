//! A client for a running tintype service.

use std::fmt;
use std::time::Duration;

use anyhow::Context;
use reqwest::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use reqwest::{ClientBuilder, Method, RequestBuilder, Response, StatusCode, Url, redirect};
use serde_json::Value;

const CONNECT: Duration = Duration::from_secs(10);
/// More than the service allows itself for one image, or for one step of a purge.
const TIMEOUT: Duration = Duration::from_secs(300);
/// How long a response or a body may stall, however long it takes in total.
const SILENCE: Duration = Duration::from_secs(60);
/// A busy service says when to try again.
const ATTEMPTS: u32 = 6;
const LONGEST_PAUSE: u64 = 10;
const MAX_PROBLEM_BYTES: usize = 64 * 1024;

/// Parses the part of a URL before `/t/` or `/api/`, from the command line.
pub fn base(text: &str) -> Result<String, String> {
    let url =
        Url::parse(text).map_err(|error| format!("{error}; write https://media.example.org"))?;
    match is_bare(&url) {
        true => Ok(text.trim_end_matches('/').to_owned()),
        false => Err(
            "write only the base URL of the service, as in https://media.example.org".to_owned(),
        ),
    }
}

/// No query, no user.
pub(crate) fn is_bare(url: &Url) -> bool {
    let has_user = !url.username().is_empty() || url.password().is_some();
    matches!(url.scheme(), "http" | "https") && url.query().is_none() && !has_user
}

pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<HeaderValue>,
}

impl Client {
    /// For short responses. Ignores proxies of the environment, since the service was named explicitly.
    pub(crate) fn near(base: &str, token: Option<&str>) -> anyhow::Result<Self> {
        Self::new(base, token, |http| http.timeout(TIMEOUT).no_proxy())
    }

    /// For files, which may take any time.
    pub(crate) fn far(base: &str, token: Option<&str>) -> anyhow::Result<Self> {
        Self::new(base, token, |http| http.read_timeout(SILENCE))
    }

    fn new(
        base: &str,
        token: Option<&str>,
        set_up: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            // A token must not be sent to another host.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("tintype/", env!("CARGO_PKG_VERSION")));
        let http = set_up(http).build();
        let token = token.map(|token| {
            let value = HeaderValue::try_from(format!("Bearer {token}"));
            let mut value = value.context("the token has invalid characters")?;
            value.set_sensitive(true);
            anyhow::Ok(value)
        });
        Ok(Self {
            http: http.context("the HTTP client cannot be set up")?,
            base: base.to_owned(),
            token: token.transpose()?,
        })
    }

    /// `path` begins with a slash.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, token),
            None => request,
        }
    }
}

/// An error response.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    code: Option<String>,
    detail: Option<String>,
    /// In seconds, from `Retry-After`.
    again: Option<u64>,
}

impl Refused {
    /// Whether the same request may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(
            self.status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS
        ) || self.status.is_server_error()
    }

    /// Starts with the problem's code, if it has one.
    fn problem(&self) -> String {
        match (&self.code, &self.detail) {
            (Some(code), Some(detail)) => format!("{code}: {detail}"),
            (Some(code), None) => code.clone(),
            _ => format!("answered {}", self.status),
        }
    }

    fn pause(&self) -> Duration {
        Duration::from_secs(self.again.unwrap_or(1).clamp(1, LONGEST_PAUSE))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status;
        match (&self.code, &self.detail) {
            (Some(code), Some(detail)) => write!(f, "{status}: {code}: {detail}"),
            _ => status.fmt(f),
        }
    }
}

impl std::error::Error for Refused {}

/// Sends a request; returns a successful response, or [`Refused`].
pub(crate) async fn send(request: RequestBuilder) -> anyhow::Result<Response> {
    let response = request.send().await?;
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let told = response.headers().get(RETRY_AFTER);
    let again = told.and_then(|told| told.to_str().ok()?.parse().ok());
    let problem = problem(response).await.unwrap_or_default();
    let text = |name| problem.get(name).and_then(Value::as_str).map(str::to_owned);
    let refused = Refused {
        status,
        code: text("code"),
        detail: text("detail"),
        again,
    };
    Err(refused.into())
}

/// Does the same, repeating the request if the service asks for that.
pub(crate) async fn send_with_retries(request: RequestBuilder) -> Result<Response, String> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let this = request.try_clone();
        let error = match send(this.ok_or("the request cannot be repeated")?).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        match error.downcast_ref::<Refused>() {
            None => return Err(crate::chain(error)),
            Some(refused)
                if refused.status == StatusCode::SERVICE_UNAVAILABLE && attempt < ATTEMPTS =>
            {
                tokio::time::sleep(refused.pause()).await;
            }
            Some(refused) => return Err(refused.problem()),
        }
    }
}

async fn problem(mut response: Response) -> Option<Value> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_PROBLEM_BYTES {
            return None;
        }
    }
    serde_json::from_slice(&bytes).ok()
}
