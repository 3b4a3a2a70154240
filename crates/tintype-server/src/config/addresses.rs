//! The addresses that the service listens on, and its public URL.

use std::net::{IpAddr, SocketAddr};

use super::dev::Dev;
use super::option::{ConfigOption, options};
use super::read;
use super::reader::OptionReader;

options! {
    "Addresses";

    /// Where images are delivered and, unless api_bind is set, where the API is.
    BIND = "bind", "127.0.0.1:8080";

    /// Health and metrics: /livez, /readyz, /startupz, /metrics. Not for the public.
    ADMIN_BIND = "admin_bind", "127.0.0.1:8081";

    /// A separate address for the API.
    API_BIND = "api_bind", "";

    /// What clients put before /t/ and /o/, usually the URL of the CDN. It may have a path, whether or not a proxy
    /// strips it on the way. `tintype url` prints it.
    PUBLIC_URL = "public_url", "", of_site;
}

#[derive(Debug)]
pub struct Addresses {
    pub bind: SocketAddr,
    pub admin_bind: SocketAddr,
    pub api_bind: Option<SocketAddr>,
}

impl Addresses {
    pub(super) fn read(reader: &mut OptionReader, dev: Option<&Dev>) -> Self {
        let bind = reader.optional(BIND, read::address);
        let admin_bind = reader.optional(ADMIN_BIND, read::address);
        let api_bind = reader.optional(API_BIND, read::address);
        reader.check_addresses([(BIND, bind), (ADMIN_BIND, admin_bind), (API_BIND, api_bind)]);
        // The admin address allows neither uploads nor deletes.
        if dev.is_some_and(|dev| dev.anywhere.is_none()) {
            reader.check_dev([(BIND, bind), (API_BIND, api_bind)]);
        }
        Self {
            bind: reader.or_default(BIND, bind, read::address),
            admin_bind: reader.or_default(ADMIN_BIND, admin_bind, read::address),
            api_bind,
        }
    }
}

impl OptionReader {
    fn check_addresses(&mut self, addresses: [(ConfigOption, Option<SocketAddr>); 3]) {
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            let ((one, first), (other, second)) = (addresses[one], addresses[other]);
            if let (Some(first), Some(second)) = (first, second)
                && is_clash(first, second)
            {
                let reason = format!("{second} is already used by {} = {first}", one.name);
                self.refuse(&[other, one], reason, "give each its own port");
            }
        }
    }

    fn check_dev(&mut self, addresses: [(ConfigOption, Option<SocketAddr>); 2]) {
        for (option, address) in addresses {
            if address.is_some_and(|address| !address.ip().is_loopback()) {
                let reason = "--dev would let everybody who can reach this address do everything";
                let fix = "bind 127.0.0.1, or add --dev-anywhere to get a random token";
                self.refuse(&[option], reason, fix);
            }
        }
    }
}

/// Whether the kernel lets only one of the two be bound: the unspecified address takes a port on all others.
fn is_clash(one: SocketAddr, other: SocketAddr) -> bool {
    // Port 0 is a new port each time.
    let is_same_port = one.port() == other.port() && one.port() != 0;
    let takes = |one: SocketAddr, other: SocketAddr| match one.ip() {
        // The unspecified IPv6 address covers IPv4 too.
        IpAddr::V6(ip) if ip.is_unspecified() => true,
        ip => ip == other.ip() || (ip.is_unspecified() && other.is_ipv4()),
    };
    is_same_port && (takes(one, other) || takes(other, one))
}
