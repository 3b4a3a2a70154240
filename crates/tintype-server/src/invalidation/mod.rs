//! Cache invalidation after a change.
//!
//! [`purge`]: what to invalidate when an original, its record or its state changes, in memory, in the derived store
//! and downstream. [`outbox`]: delivers [`notice`]s to downstream caches at least once, also after a crash.
//! [`purgers`]: the clients of those caches. [`tags`]: the cache tags of responses.

pub(crate) mod notice;
pub(crate) mod outbox;
pub(crate) mod purge;
pub(crate) mod purgers;
pub(crate) mod tags;
