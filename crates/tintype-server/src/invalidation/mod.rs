//! Caches forget what has changed.
//!
//! [`purge`]: what has to be forgotten when an original, its record or its state changes, in memory, in the derived
//! store and downstream. [`outbox`]: [`notice`]s to downstream caches, at least once, also after a crash. [`purgers`]:
//! the clients of those caches. [`tags`]: how their answers are told apart.

pub mod notice;
pub mod outbox;
pub mod purge;
pub mod purgers;
pub mod tags;
