//! The running service, as the commands see it that ask something of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, redirect};
use serde_json::Value;

use super::support;

const CONNECT: Duration = Duration::from_secs(10);
/// Above what the service gives itself for one picture, or for one step of a purge.
const PATIENCE: Duration = Duration::from_secs(300);
/// A service that is busy says when to come again.
const ATTEMPTS: u32 = 6;
const LONGEST_PAUSE: u64 = 10;
const MAX_PROBLEM_BYTES: usize = 64 * 1024;

/// Without proxies of the environment: the service is named, and is nobody else's to answer for.
pub(super) fn client() -> anyhow::Result<Client> {
    Client::builder()
        .connect_timeout(CONNECT)
        .timeout(PATIENCE)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("tintype/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("the HTTP client cannot be set up")
}

/// An address on the command line: what comes before `/t/` or `/api/`.
pub(super) fn base(text: &str) -> Result<String, String> {
    let url =
        Url::parse(text).map_err(|error| format!("{error}; write https://media.example.org"))?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || has_user {
        return Err("write only where the service is, as in https://media.example.org".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// The service of this machine.
pub(super) fn local(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}")
}

/// A successful answer. The reason of any other one starts with the code of the problem.
pub(super) async fn ask(request: RequestBuilder) -> Result<Response, String> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let again = request.try_clone().filter(|_| attempt < ATTEMPTS);
        let sent = match again {
            Some(request) => request.send().await,
            None => {
                let last = request
                    .try_clone()
                    .ok_or("the request cannot be repeated")?;
                return read(last.send().await.map_err(support::chain)?).await;
            }
        };
        match sent {
            Ok(response) if response.status() == StatusCode::SERVICE_UNAVAILABLE => {
                tokio::time::sleep(pause(&response)).await;
            }
            Ok(response) => return read(response).await,
            Err(error) => return Err(support::chain(error)),
        }
    }
}

fn pause(response: &Response) -> Duration {
    let told = response.headers().get("retry-after");
    let seconds = told.and_then(|told| told.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1).clamp(1, LONGEST_PAUSE))
}

async fn read(response: Response) -> Result<Response, String> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let problem = problem(response).await.unwrap_or_default();
    let text = |name| problem.get(name).and_then(Value::as_str);
    Err(match (text("code"), text("detail")) {
        (Some(code), Some(detail)) => format!("{code}: {detail}"),
        (Some(code), None) => code.to_owned(),
        _ => format!("answered {status}"),
    })
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
