//! One JSON line per request, and everything else that is done once around a request: its id, its
//! metrics, the id in a refusal, the cause of a refusal in the log.
//!
//! A line is written when the answer has been taken or given up, in the schema of [`crate::telemetry::log`]. No line
//! holds a signature, a token, a query or a body.

mod caller;
mod facts;
mod layer;
mod line;
mod request_id;
mod route;
mod which;

pub(crate) use facts::{LogFacts, Source, Step, Steps};
pub(crate) use layer::{Observe, Observer};
pub(crate) use request_id::RequestId;
pub(crate) use route::{ROUTES, key};
pub(crate) use which::Logged;

#[cfg(test)]
mod tests;
