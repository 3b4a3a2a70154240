//! The task's own limits, as the agent of ECS tells them: the metadata endpoint, version 4.
//!
//! Asked once at start, of an address that only the agent's machine has, and for a second at most:
//! who does not answer is passed over, and the reason is told. A container's CPU units are
//! not looked at: on Linux they are its share when all want to work, and no limit.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use reqwest::{Client, Url, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// For each of two requests at once, with all attempts. The agent is on the same machine and answers in milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);
/// The agent refuses when many containers ask at once, and one that has just been started may not
/// listen yet.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(100);
/// A task has at most ten containers, with some kilobytes each.
const MAX_BYTES: usize = 1024 * 1024;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) cpus: Option<NonZeroUsize>,
    pub(super) memory_bytes: Option<u64>,
}

/// What both answers have in common. A task without a size has no limits.
#[derive(Deserialize)]
struct TaskLimits<T> {
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

/// Of the task and of this container, and the reason why some of it is not known. Not to be called
/// by asynchronous code: it waits.
pub(super) fn limits(address: &str) -> (Limits, Option<String>) {
    let asked = near(address).and_then(|base| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("the runtime cannot be set up: {error}"))?;
        runtime.block_on(ask(&base))
    });
    asked.unwrap_or_else(|reason| (Limits::default(), Some(reason)))
}

async fn ask(base: &str) -> Result<(Limits, Option<String>), String> {
    let client = Client::builder()
        // Nothing is encrypted, so no certificates need to be loaded.
        .tls_certs_only([])
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|error| innermost(&error))?;
    let url = format!("{base}/task");
    let (task, container) = tokio::join!(
        told::<OfTask>(&client, &url),
        told::<OfContainer>(&client, base)
    );
    // What one has told holds without the other.
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
    let limits = Limits {
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

/// Whole processors, one at least, as of a cgroup's quota.
fn whole(cpus: f64) -> Option<NonZeroUsize> {
    // Of a number that is none this is not so either.
    (cpus > 0.0).then(|| NonZeroUsize::new(cpus as usize).unwrap_or(NonZeroUsize::MIN))
}

/// What the answer says of limits; the default where it says nothing.
async fn told<T>(client: &Client, url: &str) -> Result<T, String>
where
    T: DeserializeOwned + Default,
{
    let bytes = match tokio::time::timeout(PATIENCE, persist(client, url)).await {
        Ok(answer) => answer.map_err(|reason| format!("{url}: {reason}"))?,
        Err(_) => return Err(format!("{url}: no answer within {} s", PATIENCE.as_secs())),
    };
    let told: TaskLimits<T> = serde_json::from_slice(&bytes)
        .map_err(|error| format!("{url}: the answer is not understood: {error}"))?;
    Ok(told.limits.unwrap_or_default())
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
            return Err(format!("answered more than {MAX_BYTES} bytes"));
        }
    }
    Ok(bytes)
}

/// The address without a slash at its end, if it is on this machine's own links: whoever sets the
/// variable cannot make us call anybody else.
fn near(address: &str) -> Result<String, String> {
    let refused = || format!("{address:?} is not an http address of this machine or its own links");
    let url = Url::parse(address).map_err(|_| refused())?;
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_near = match host.parse() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_link_local(),
        // Next to the link-local ones, those that AWS has for its own services.
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
