//! We decode a file as libjpeg-turbo does, at every scale and whatever is wrong with it; and it decodes our files as we
//! do.
//!
//! Needs Debian's `libjpeg-turbo-progs`, which `tests/run` installs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stdout, reason = "a test says what it saw")]

mod colour;
mod corpus;
mod damage;
mod djpeg;
mod encoding;
mod samplings;
mod twins;
