//! Turns bytes and a spec into bytes, and probes originals.
//!
//! No async, no files, no HTTP; no process but where a program gives one to a decoder ([`apart`]). Everything here is a
//! function of its arguments, bounded by limits and by a deadline that the caller passes down. The same original and the
//! same [`spec::Resolved`] give the same bytes on every run and machine, until [`EPOCH`] changes.

pub mod cost;
mod decode;
mod error;
mod format;
pub mod geometry;
pub mod limits;
pub mod memory;
pub mod placeholder;
pub mod probe;
pub mod render;
pub mod sniff;
pub mod spec;

pub use decode::heif::apart;
pub use error::{Error, PIXELS};

/// Part of the name of every variant: raised whenever the same original and the same
/// [`spec::Resolved`] may give other bytes than before.
pub const EPOCH: u32 = 7;
