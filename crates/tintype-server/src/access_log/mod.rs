//! One JSON line per request, and everything else that is done once around a request: its id, its
//! metrics, the id in a refusal, the cause of a refusal in the log.
//!
//! A line is written when the answer has been taken or given up. Lines go through a bounded buffer
//! to a thread of their own: a slow reader of the log costs lines, which are counted, and never
//! time. No line holds a signature, a token, a query or a body.

mod facts;
mod layer;
mod line;
mod request_id;
mod route;
mod writer;

pub use facts::LogFacts;
pub use layer::{Observe, Observer};
pub use request_id::RequestId;
pub use writer::AccessLog;

#[cfg(test)]
mod tests;
