//! The HTTP service: who may have what, when it is made, and what the response says.
//!
//! Pixels belong to `tintype-imaging`, stored bytes to `tintype-store`. Read it in the order in which a request
//! passes:
//!
//! 1. [`service`]: start, listeners, readiness, stop; [`app`] is the state shared by all requests.
//! 2. [`http`]: connections and their limits, and how bytes become a response ([`http::respond`]).
//! 3. [`delivery`], the public side: [`url`] (and [`old_urls`]) parses the request, [`records`] has what is known
//!    of the original, [`variants`] finds or renders the image, and [`workers`] runs the pixel work.
//! 4. [`api`], the side of clients with a token ([`auth`]): [`originals`] stores and removes them, [`invalidation`]
//!    purges downstream caches.
//! 5. [`config`], [`error`], [`telemetry`], and [`docs`], which writes the reference from all of them.

mod api;
mod app;
mod auth;
mod delivery;
mod http;
mod invalidation;
mod variants;
mod workers;

pub mod config;
pub mod docs;
pub mod error;
pub mod old_urls;
pub mod originals;
pub mod records;
pub mod service;
pub mod telemetry;
pub mod url;
