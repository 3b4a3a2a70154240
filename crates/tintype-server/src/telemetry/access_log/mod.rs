//! One JSON line per request, and everything else that is done once per request: its id, its metrics, the id in an
//! error, the cause of an error in the log.
//!
//! A line is written when the response has been sent or abandoned, in the schema of [`crate::telemetry::log`]. No
//! line contains a signature, a token, a query or a body.

mod caller_headers;
mod facts;
mod layer;
mod line;
mod log_filter;
mod request_id;
mod route;

pub(crate) use facts::{LogFacts, SourceFacts, Step, Steps};
pub(crate) use layer::{Observe, Observer};
pub(crate) use log_filter::Logged;
pub(crate) use request_id::RequestId;
pub(crate) use route::{ROUTES, key};

#[cfg(test)]
mod tests;
