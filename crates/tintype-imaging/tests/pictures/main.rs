//! What pictures must look like and what must never happen, over the developers' corpus.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends, and says what it saw"
)]

mod alpha;
mod colour;
mod corpus;
mod drawn;
mod header;
mod hostile;
mod large;
mod metadata;
mod orientation;
mod output;
mod own;
mod quality;
mod walks;
