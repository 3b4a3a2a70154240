//! The grammar of delivery URLs: `/t/{key}/{spec}` and `/o/{key}`.
//!
//! Everything here is a pure function: text in, types out, and back. Guarantees:
//! - one spec has one spelling ([`SpecUrl`] displays it), so one image has one URL;
//! - nothing in a spec is ignored: an unknown, repeated, malformed, out-of-range or contradictory item is an error
//!   that names it;
//! - a signature is compared in constant time, over the text as received, decoded exactly once.
//!
//! Deliberately absent: responses and redirects, the store, the clock, and the keys and presets of a site; callers
//! pass them in.

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
mod values;

pub use access::{Access, Denied, Originals, Unsigned, authorise, authorise_spec};
pub use check::{Contradiction, RULES};
pub use items::{ITEMS, Item, is_item, words};
pub use negotiate::Accepted;
pub use parse::{MAX_SPEC_BYTES, allowed, parse_spec};
pub use path::{
    DeliveryPath, ORIGINALS, OriginalPath, PathError, Spelling, VARIANTS, decode, encode_key,
    encode_text, original_path, parse_original_path, parse_path, signed_path, variant_path,
};
pub use preset::{Merged, PresetName, Presets};
pub use sign::{Signature, SigningKey, sign, signed_text, verify};
pub(crate) use spec::shortened;
pub use spec::{Download, FormatItem, SpecError, SpecUrl, Version};
pub use values::LAST_SECOND;

#[cfg(test)]
mod tests;
