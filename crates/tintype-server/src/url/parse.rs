//! Strict parsing of text into [`SpecUrl`].

use super::items::{ITEMS, SIG, names};
use super::{PresetName, Signature, SpecError, SpecUrl, check};

/// Fits every item at its longest.
pub const MAX_SPEC_BYTES: usize = 1_024;

/// Parses the decoded last segment of a delivery path.
pub fn parse_spec(text: &str) -> Result<SpecUrl, SpecError> {
    if text.len() > MAX_SPEC_BYTES {
        let reason = format!("is {} bytes, limit is {MAX_SPEC_BYTES}", text.len());
        return Err(SpecError::new("spec", reason));
    }
    if let Some(c) = text.chars().find(|&c| !is_unreserved(c)) {
        let reason = format!("has the character {c:?}, allowed are A-Z a-z 0-9 - . _ ~");
        return Err(SpecError::new("spec", reason));
    }
    let mut spec = SpecUrl::default();
    let mut seen = [false; ITEMS.len()];
    for (at, item) in text.split('~').enumerate() {
        if spec.signature.is_some() {
            return Err(SpecError::new(SIG, "must be the last item"));
        }
        match item.split_once('_') {
            None if at == 0 => spec.preset = Some(preset_name(item)?),
            None => {
                let reason = "is not written name_value, and only the first item can be a preset";
                return Err(SpecError::new(item, reason));
            }
            Some((SIG, _)) if at == 0 => {
                return Err(SpecError::new(SIG, "must follow the items that it signs"));
            }
            Some((SIG, value)) => {
                let reason = "must be 22 characters of base64url";
                let signature = Signature::parse(value);
                spec.signature = Some(signature.ok_or_else(|| SpecError::new(SIG, reason))?);
            }
            Some((name, value)) => {
                let place = place(name)?;
                if std::mem::replace(&mut seen[place], true) {
                    return Err(SpecError::new(name, "occurs twice"));
                }
                ITEMS[place].read(&mut spec, value)?;
            }
        }
    }
    if spec.preset.is_none() {
        // So that equal specs are equal values.
        ITEMS.iter().for_each(|item| item.drop_default(&mut spec));
        // A preset may complete or contradict the items, so such specs are checked in `with_preset`.
        check::consistent(&spec.request, spec.format.unwrap_or_default())?;
    }
    Ok(spec)
}

/// The values that an item accepts, in the words of its error message.
pub fn allowed(item: &str) -> String {
    // A signature must follow another item.
    let before = if item == SIG { "w_1~" } else { "" };
    // No item accepts an empty value, so this always fails with the message.
    let refused = parse_spec(&format!("{before}{item}_"));
    let reason = refused.err().map(|error| error.reason).unwrap_or_default();
    let reason = reason.strip_prefix("must be ").unwrap_or(&reason);
    reason
        .strip_suffix(", not \"\"")
        .unwrap_or(reason)
        .to_owned()
}

fn place(name: &str) -> Result<usize, SpecError> {
    names().position(|item| item == name).ok_or_else(|| {
        let known: Vec<_> = names().chain([SIG]).collect();
        let reason = format!("unknown item, known are {}", known.join(" "));
        SpecError::new(name, reason)
    })
}

fn preset_name(text: &str) -> Result<PresetName, SpecError> {
    PresetName::parse(text).ok_or_else(|| {
        let reason = "is neither an item (name_value) nor the name of a preset";
        SpecError::new(text, reason)
    })
}

fn is_unreserved(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~')
}
