//! Bytes and a spec in, bytes out; and what a probe can tell of an original.
//!
//! No async, no files, no HTTP: everything here is a function of its arguments, bounded by limits
//! and by a deadline that the caller passes down.

pub mod geometry;
pub mod spec;
