//! Keys and object names, from the store's own source.
#![allow(dead_code, reason = "stores use the rest")]

#[path = "../../../../crates/tintype-store/src/key.rs"]
mod key;
#[path = "../../../../crates/tintype-store/src/object.rs"]
mod object;

pub use key::{Key, KeyError};
pub use object::{HexId, KeyHash};
