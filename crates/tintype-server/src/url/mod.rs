//! The words of a delivery URL: `/t/{key}/{spec}` and `/o/{key}`.
//!
//! Everything here is a pure function of its arguments: text in, types out, and back. What is
//! guaranteed:
//! - one spec has one spelling ([`SpecUrl`] displays it), so one picture has one URL;
//! - nothing in a spec is ignored: an item that is unknown, repeated, malformed, out of range or in
//!   contradiction to another is an error that names it;
//! - a signature is compared in constant time, over the text as received, decoded exactly once.
//!
//! Deliberately absent: answers and redirects, the store, the clock, and which keys and presets a
//! site has; callers pass them in.

mod access;
mod check;
mod format;
mod items;
mod negotiate;
mod parse;
mod path;
mod preset;
mod sign;
mod spec;

pub use access::{Access, Denied, Originals, Unsigned, authorise, authorise_spec};
pub use check::{RULES, Rule};
pub use items::{ITEMS, Item, is_item, words};
pub use negotiate::Accepted;
pub use parse::{LAST_SECOND, MAX_SPEC_BYTES, allowed, parse_spec};
pub use path::{
    DeliveryPath, ORIGINALS, OriginalPath, PathError, Spelling, VARIANTS, decode, encode_key,
    encode_text, original_path, parse_original_path, parse_path, signed_path, variant_path,
};
pub use preset::{Merged, PresetName, Presets};
pub use sign::{Signature, SigningKey, sign, signed_text, verify};
pub(crate) use spec::shortened;
pub use spec::{Download, FormatItem, SpecError, SpecUrl, Version};

#[cfg(test)]
mod tests;
