//! Shared by the commands that process many originals.

mod console;
mod progress;
mod service;
mod session;
mod store;

pub(crate) use progress::Progress;
pub(crate) use service::local;
pub(crate) use session::{OutputOptions, PROGRESS, run, walk};
pub(crate) use store::{load, load_to_change};
