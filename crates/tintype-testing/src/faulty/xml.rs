//! The little XML that S3's operations need.

use std::fmt::Write;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub(super) fn element(name: &str, text: impl ToString) -> String {
    format!("<{name}>{}</{name}>", escaped(&text.to_string()))
}

/// A name in a listing, encoded if the client requested it.
pub(super) fn name(element_name: &str, text: &str, encoded: bool) -> String {
    match encoded {
        true => element(element_name, utf8_percent_encode(text, NON_ALPHANUMERIC)),
        false => element(element_name, text),
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            control if control.is_control() => {
                write!(escaped, "&#x{:x};", u32::from(control)).unwrap();
            }
            character => escaped.push(character),
        }
    }
    escaped
}

/// The contents of every element of this name; elements of one name are never nested here.
pub(super) fn all<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let pieces = text.split(&open).skip(1);
    pieces
        .filter_map(|piece| piece.split_once(&close))
        .map(|(content, _)| content)
        .collect()
}

pub(super) fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    let text = text.replace("&quot;", "\"").replace("&#34;", "\"");
    text.replace("&apos;", "'").replace("&amp;", "&")
}
