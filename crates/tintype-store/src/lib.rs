//! Bytes at rest: disk and memory. No pixels, no HTTP.
