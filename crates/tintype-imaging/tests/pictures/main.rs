//! What rendered images must look like and what must never happen, over the developers' corpus.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends, and says what it saw"
)]

mod alpha;
mod animation;
mod colour;
mod corpus;
mod drawn;
mod header;
mod heif;
mod hostile;
mod kinds;
mod large;
mod look;
mod metadata;
mod odd;
mod orientation;
mod output;
mod own;
mod quality;
mod rights;
mod sequence;
mod tiff;
mod together;
mod walks;
