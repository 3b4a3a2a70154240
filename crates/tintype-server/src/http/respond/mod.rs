//! How stored bytes become an answer: the same rules for variants, originals and the API's reads.
//!
//! A [`Representation`] is made once and kept with the bytes; an answer clones its headers. The
//! caller says what depends on the address and not on the bytes: `Cache-Control` here, `Vary` and
//! cache tags on the response afterwards. There is no compression: pictures are compressed already.

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
