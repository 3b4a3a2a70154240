//! The task's own limits, from the metadata endpoint of the ECS agent (version 4).
//!
//! Read once at start, only from addresses of this machine or its own links, and for a second at most: if the
//! endpoint does not respond, the service starts without it and reports why. A container's CPU units are ignored:
//! on Linux they are its share under contention, not a limit.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use reqwest::{Client, Url, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// For each of the two parallel requests, retries included. The agent is on the same machine and responds in
/// milliseconds.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The agent throttles when many containers ask at once, and an agent that has just been started may not listen
/// yet.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(100);
/// A task has at most ten containers, with some kilobytes each.
const MAX_BYTES: usize = 1024 * 1024;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TaskLimits {
    pub(super) cpus: Option<NonZeroUsize>,
    pub(super) memory_bytes: Option<u64>,
}

/// The common part of both responses. A task without a size has no limits.
#[derive(Deserialize)]
struct Limited<T> {
    #[serde(rename = "Limits")]
    limits: Option<T>,
}

#[derive(Default, Deserialize)]
struct OfTask {
    /// In processors, such as 0.25.
    #[serde(rename = "CPU")]
    cpus: Option<f64>,
    #[serde(rename = "Memory")]
    mebibytes: Option<u64>,
}

#[derive(Default, Deserialize)]
struct OfContainer {
    #[serde(rename = "Memory")]
    mebibytes: Option<u64>,
}

/// Limits of the task and of this container, and why some are unknown. Blocks, so asynchronous code must not call
/// it.
pub(super) fn limits(address: &str) -> (TaskLimits, Option<String>) {
    let asked = near(address).and_then(|base| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("the runtime cannot be set up: {error}"))?;
        runtime.block_on(fetch(&base))
    });
    asked.unwrap_or_else(|reason| (TaskLimits::default(), Some(reason)))
}

async fn fetch(base: &str) -> Result<(TaskLimits, Option<String>), String> {
    let client = Client::builder()
        // The connection is not encrypted, so no certificates need to be loaded.
        .tls_certs_only([])
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|error| innermost(&error))?;
    let url = format!("{base}/task");
    let (task, container) = tokio::join!(
        fetch_limits::<OfTask>(&client, &url),
        fetch_limits::<OfContainer>(&client, base)
    );
    // Each response is used even if the other is missing.
    let mut unread = None;
    let task = task.unwrap_or_else(|reason| {
        unread = Some(reason);
        OfTask::default()
    });
    let container = container.unwrap_or_else(|reason| {
        unread.get_or_insert(reason);
        OfContainer::default()
    });
    let mebibytes = [task.mebibytes, container.mebibytes];
    let limits = TaskLimits {
        cpus: task.cpus.and_then(whole),
        memory_bytes: mebibytes
            .into_iter()
            .flatten()
            .filter(|mebibytes| *mebibytes > 0)
            .filter_map(|mebibytes| mebibytes.checked_mul(1024 * 1024))
            .min(),
    };
    Ok((limits, unread))
}

/// Whole processors, at least one, as for a cgroup quota.
fn whole(cpus: f64) -> Option<NonZeroUsize> {
    // Also false for NaN.
    (cpus > 0.0).then(|| NonZeroUsize::new(cpus as usize).unwrap_or(NonZeroUsize::MIN))
}

/// The limits in a response; the default if it has none.
async fn fetch_limits<T>(client: &Client, url: &str) -> Result<T, String>
where
    T: DeserializeOwned + Default,
{
    let bytes = match tokio::time::timeout(TIMEOUT, persist(client, url)).await {
        Ok(answer) => answer.map_err(|reason| format!("{url}: {reason}"))?,
        Err(_) => {
            return Err(format!("{url}: no response within {} s", TIMEOUT.as_secs()));
        }
    };
    let response: Limited<T> = serde_json::from_slice(&bytes)
        .map_err(|error| format!("{url}: the response is malformed: {error}"))?;
    Ok(response.limits.unwrap_or_default())
}

async fn persist(client: &Client, url: &str) -> Result<Vec<u8>, String> {
    for _ in 1..ATTEMPTS {
        if let Ok(bytes) = get(client, url).await {
            return Ok(bytes);
        }
        tokio::time::sleep(PAUSE).await;
    }
    get(client, url).await
}

async fn get(client: &Client, url: &str) -> Result<Vec<u8>, String> {
    let response = client.get(url).send().await;
    let mut response = response.map_err(|error| innermost(&error))?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(format!("answered {}", response.status()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| innermost(&error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_BYTES {
            return Err(format!("sent more than {MAX_BYTES} bytes"));
        }
    }
    Ok(bytes)
}

/// The URL without a trailing slash, if it is on this machine or its own links: a variable set by somebody else
/// must not make the service call other hosts.
fn near(address: &str) -> Result<String, String> {
    let refused = || format!("{address:?} is not an http address on this machine or its own links");
    let url = Url::parse(address).map_err(|_| refused())?;
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_near = match host.parse() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_link_local(),
        // Besides link-local addresses, those of AWS's own services.
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unicast_link_local() || ip.segments()[..2] == [0xfd00, 0x0ec2]
        }
        Err(_) => host == "localhost",
    };
    let is_plain = url.scheme() == "http" && url.query().is_none() && url.fragment().is_none();
    match is_near && is_plain {
        true => Ok(address.trim_end_matches('/').to_owned()),
        false => Err(refused()),
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

#[cfg(test)]
mod tests;
