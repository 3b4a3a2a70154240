//! Storing originals, and removing them again.
//!
//! [`upload`] writes a request body into the [`spool`], with its [`digest`], and passes it to [`put`], which stores
//! original and record together, under a free name ([`rename`]) or in the place of another, once ([`idempotency`]).
//! [`copy`]: the same bytes under another name. [`edit`]: changes of editable fields. [`current`]: an original
//! together with its record. [`delete`]. [`coding`]: originals stored with a content coding. [`changing`]:
//! originals that other programs change while they are read.

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
