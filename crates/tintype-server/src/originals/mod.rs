//! Originals on their way in, and out of the store again.
//!
//! [`upload`]: a request body into the [`spool`], with its [`digest`], and from there to [`put`], which brings original and
//! record into the store together, under a free name ([`rename`]) or in the place of another, once
//! ([`idempotency`]). [`copy`]: the same bytes under
//! another name. [`edit`]: what people say of one. [`current`]: an original together with its record. [`delete`]. [`coding`]: what other programs have
//! stored packed. [`changing`]: what other programs write to while it is read.

pub(crate) mod changing;
pub mod coding;
pub(crate) mod copy;
pub(crate) mod current;
pub(crate) mod delete;
pub mod digest;
pub(crate) mod edit;
pub mod idempotency;
pub(crate) mod put;
pub(crate) mod rename;
pub mod spool;
pub(crate) mod upload;

pub use put::AHEAD;
