//! Logs, metrics and traces.
//!
//! [`log`]: lines on standard output. [`access_log`]: the facts of each request, for the log, metrics and traces.
//! [`metrics`]: Prometheus. [`emf`]: CloudWatch, through the log. [`otlp`]: traces and metrics for a collector.

pub(crate) mod access_log;
pub(crate) mod emf;
pub mod log;
pub(crate) mod metrics;
pub(crate) mod otlp;
