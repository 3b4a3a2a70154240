//! `tintype healthcheck`: for containers, which have neither a shell nor curl.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use super::load_for_health;
use super::support::local;
use crate::failure::Failure;

/// Less than the shortest usual interval of health checks.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Ask the service of this machine whether it is alive.
///
/// Exits with 0 if it is, with 1 if not. The address is TINTYPE_ADMIN_BIND. A configuration in a bucket is not
/// read: S3 may be unavailable without any harm to the service.
#[derive(Args)]
#[command(after_help = "\
Examples:
  tintype healthcheck            is the process alive? (for HEALTHCHECK)
  tintype healthcheck --ready    may requests be sent to it?")]
pub(crate) struct Arguments {
    /// Ask /readyz instead of /livez
    #[arg(long)]
    ready: bool,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        // Of the configuration only the address matters here.
        let address = local(load_for_health()?.addresses.admin_bind);
        Ok(ask(address, if self.ready { "/readyz" } else { "/livez" })?)
    }
}

fn ask(address: SocketAddr, path: &str) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)
        .with_context(|| format!("nothing responds on {address}"))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream
        .take(64 * 1024)
        .read_to_string(&mut answer)
        .context("the response was cut off")?;
    if !answer.starts_with("HTTP/1.1 200 ") {
        let status = answer.lines().next().unwrap_or_default();
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        bail!("{path} on {address}: {status} {body}");
    }
    Ok(())
}
