//! The source of an image in imgproxy's URLs.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;

use super::super::Unmapped;
use crate::url::shortened;

pub(super) struct SourceUrl {
    pub(super) address: String,
    pub(super) extension: Option<String>,
}

/// Parses the parts after the options.
pub(super) fn of(parts: &[&str]) -> Result<SourceUrl, Unmapped> {
    match parts {
        ["plain", rest @ ..] if !rest.is_empty() => plain(&rest.join("/")),
        _ => in_base64(parts),
    }
}

fn refuse<T>(text: &str) -> Result<T, Unmapped> {
    Err(Unmapped::Source(format!("{:?}", shortened(text))))
}

fn plain(text: &str) -> Result<SourceUrl, Unmapped> {
    let (address, extension) = cut(text, '@')?;
    let is_escape = |text: &str| {
        let digits = text.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !address.split('%').skip(1).all(is_escape) {
        return refuse(text);
    }
    let decoded = percent_decode_str(address).decode_utf8();
    match decoded {
        Ok(address) => source(&address, extension),
        Err(_) => refuse(text),
    }
}

pub(super) fn in_base64(parts: &[&str]) -> Result<SourceUrl, Unmapped> {
    let text = parts.concat();
    let (encoded, extension) = cut(&text, '.')?;
    let decoded = URL_SAFE_NO_PAD.decode(encoded.trim_end_matches('='));
    match decoded.map(String::from_utf8) {
        Ok(Ok(address)) => source(&address, extension),
        _ => refuse(&text),
    }
}

/// Splits off the extension, if there is one.
fn cut(text: &str, at: char) -> Result<(&str, Option<&str>), Unmapped> {
    let (address, extension) = match text.split_once(at) {
        None => (text, None),
        Some((address, extension)) => (address, Some(extension)),
    };
    if address.is_empty() || extension.is_some_and(|extension| extension.contains(at)) {
        return refuse(text);
    }
    Ok((address, extension.filter(|extension| !extension.is_empty())))
}

fn source(address: &str, extension: Option<&str>) -> Result<SourceUrl, Unmapped> {
    // Whatever has `:/` is a URL; relative sources here are relative to one, and must not be taken for one later.
    let decoded = match address.contains(":/") {
        true => address.into(),
        false => percent_decode_str(address).decode_utf8_lossy(),
    };
    Ok(SourceUrl {
        address: decoded.into_owned(),
        extension: extension.map(str::to_owned),
    })
}
