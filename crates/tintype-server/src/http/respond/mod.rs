//! From stored bytes to a response: the same rules for variants, originals and reads through the API.
//!
//! A [`Representation`] is built once and kept with the bytes; a response clones its headers. The caller adds what
//! depends on the URL rather than on the bytes: `Cache-Control` here, `Vary` and cache tags on the response
//! afterwards. Nothing is compressed: images are compressed already.

pub(crate) mod conditional;
mod decide;
mod disposition;
pub(crate) mod range;
mod representation;

pub(crate) use decide::{Decision, bytes, decide};
pub(crate) use disposition::Disposition;
pub(crate) use representation::{Representation, cross_origin};

#[cfg(test)]
mod tests;
