//! Numbers in imgproxy's options.

use tintype_imaging::spec::Decimal;

/// Digits, with an optional plus.
pub(super) fn whole(text: &str) -> Option<u64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let is_whole = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // No image is that large, so it will be refused later.
    is_whole.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Without a sign or an exponent; digits after six decimals are dropped.
pub(super) fn decimal(text: &str) -> Option<Decimal> {
    let (whole_part, decimals) = text.split_once('.').unwrap_or((text, ""));
    if whole_part.is_empty() && decimals.is_empty() {
        return None;
    }
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole_part) || !digits(decimals) {
        return None;
    }
    let whole: u32 = match whole_part {
        "" => 0,
        text => text.parse().ok()?,
    };
    let decimals: String = format!("{decimals:0<6}").chars().take(6).collect();
    let millionths = whole.checked_mul(1_000_000)?;
    Some(Decimal::from_millionths(
        millionths.checked_add(decimals.parse().ok()?)?,
    ))
}

/// Whatever is not a word for yes is no.
pub(super) fn switch(text: &str) -> bool {
    matches!(text, "1" | "t" | "T" | "true" | "TRUE" | "True")
}
