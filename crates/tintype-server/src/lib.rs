//! HTTP: who may have what, when it is made, and what the answer says.
//!
//! Pixels belong to `tintype-imaging`, bytes at rest to `tintype-store`. To read it, begin where a request does:
//!
//! 1. [`service`]: start, listeners, readiness, stop; [`app`] is what all requests share.
//! 2. [`http`]: connections and their limits, and how bytes become a response ([`http::respond`]).
//! 3. [`delivery`], the public side: [`url`] (and [`old_urls`]) says what is asked for, [`records`] what is known of the
//!    original, [`variants`] has it, and [`workers`] make it.
//! 4. [`api`], the side of clients with a token ([`auth`]): [`originals`] come in and go, [`invalidation`] tells the caches.
//! 5. [`config`], [`error`], [`telemetry`], and [`docs`], which writes the reference from all of them.

mod api;
mod app;
mod auth;
mod delivery;
mod http;
mod variants;
mod workers;

pub mod config;
pub mod docs;
pub mod error;
pub mod invalidation;
pub mod old_urls;
pub mod originals;
pub mod records;
pub mod service;
pub mod telemetry;
pub mod url;
