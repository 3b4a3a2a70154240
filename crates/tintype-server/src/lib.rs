//! HTTP: routes, configuration, authentication, caches, admission, metrics.
//!
//! Pixels belong to `tintype-imaging`, bytes at rest to `tintype-store`; this crate decides who may
//! have what, when it is made, and what the answer says.

pub mod access_log;
pub mod app;
pub mod auth;
pub mod blocks;
mod changing;
pub mod coding;
pub mod config;
pub mod digest;
pub mod docs;
pub mod emf;
pub mod error;
pub mod formats;
pub mod granted;
pub mod http;
pub mod idempotency;
pub mod left_out;
pub mod log;
pub mod metrics;
pub mod old_urls;
pub mod outbox;
pub mod patch;
pub mod placement;
pub mod probing;
pub mod purge;
pub mod purgers;
pub mod reason;
pub mod record;
pub mod records;
pub mod rename;
pub mod respond;
pub mod router;
pub mod routes;
pub mod service;
pub mod spool;
pub mod stores;
pub mod tags;
pub mod telemetry;
pub mod upload;
pub mod url;
pub mod variants;
pub mod workers;
