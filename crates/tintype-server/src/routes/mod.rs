//! One file per resource; a handler parses, calls and answers.
pub mod admin;
pub mod api;
pub mod delivery;
pub mod docs;
