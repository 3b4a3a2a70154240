//! Maintenance of a store and a service: what an operator does besides serving.
//!
//! Uses the service's own types, so that what a command finds, makes and removes is what the service would. Each
//! command takes its options, reports its progress to a [`Report`], and ends in a [`Summary`]; it reads no
//! arguments and prints nothing. Errors are for people only, with all causes in one line.
//!
//! 1. [`report`]: what was found, done and failed, the progress, and the result.
//! 2. [`verify`], [`sweep`], [`index`] walk through a store ([`stores`]).
//! 3. [`import`] copies originals into one, from a folder, a bucket or another service.
//! 4. [`warm`] and [`purge`] call a running service ([`client`]).
//!
//! Futures of commands are boxed, or they would be compiled again in the program that awaits them.

pub mod client;
mod hash;
pub mod import;
pub mod index;
pub mod purge;
pub mod report;
pub mod stores;
pub mod sweep;
pub mod verify;
mod walk;
pub mod warm;

pub use report::{Event, Report, Summary};

use tintype_store::Key;

/// Parses a key from the command line, not percent-encoded.
pub fn key(text: &str) -> Result<Key, String> {
    Key::existing(text).map_err(|error| error.to_string())
}

/// An error and its causes in one line.
fn chain(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}
