//! `Content-Disposition` (RFC 6266) with an encoded file name (RFC 8187).
//!
//! The name comes from a key, which is untrusted. The header has a bare file name: no folder, no control character,
//! nothing that ends the quoting, and no character that reorders text so that `gpj.exe` reads as `exe.jpg`.

use std::fmt::Write as _;

use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    Inline,
    Attachment,
}

/// All but `attr-char` of RFC 8187.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

impl Disposition {
    /// The header for a file of this name.
    pub(crate) fn with_name(self, name: &str) -> HeaderValue {
        let name = clean(name);
        // Some browsers decode `%` in the plain form, and not all of them undo the escapes of a quote or backslash.
        let is_plain = |c: char| c == ' ' || (c.is_ascii_graphic() && !"\"\\%".contains(c));
        let fallback = name.replace(|c| !is_plain(c), "_");
        let kind = match self {
            Self::Inline => "inline",
            Self::Attachment => "attachment",
        };
        let mut text = format!("{kind}; filename=\"{fallback}\"");
        if fallback != name {
            let encoded = utf8_percent_encode(&name, ENCODED);
            let _ = write!(text, "; filename*=UTF-8''{encoded}");
        }
        HeaderValue::try_from(text).expect("only visible ASCII was written")
    }
}

fn clean(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| if is_unsafe(c) { '_' } else { c })
        .collect();
    // A leading dot hides the file, a trailing dot or space vanishes on Windows.
    let name = name
        .trim_start_matches(['.', ' '])
        .trim_end_matches(['.', ' ']);
    if name.is_empty() {
        "file".to_owned()
    } else {
        name.to_owned()
    }
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '/' | '\\' | ':')
        // Invisible characters, and characters that change text direction.
        || matches!(c,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use Disposition::{Attachment, Inline};

    fn check(name: &str, expected: &str) {
        assert_eq!(
            Inline.with_name(name),
            format!("inline; {expected}"),
            "{name:?}"
        );
    }

    #[test]
    fn plain_names_need_no_encoding() {
        check("lion.jpg", r#"filename="lion.jpg""#);
        check("the lion (2).jpg", r#"filename="the lion (2).jpg""#);
        check("a;b=c.jpg", r#"filename="a;b=c.jpg""#);
        check("it's.jpg", r#"filename="it's.jpg""#);
        let value = Attachment.with_name("lion.jpg");
        assert_eq!(value, r#"attachment; filename="lion.jpg""#);
    }

    #[test]
    fn other_names_have_a_fallback() {
        check(
            "löwe.jpg",
            r#"filename="l_we.jpg"; filename*=UTF-8''l%C3%B6we.jpg"#,
        );
        check(
            "€ 5.jpg",
            r#"filename="_ 5.jpg"; filename*=UTF-8''%E2%82%AC%205.jpg"#,
        );
        check("🦁", r#"filename="_"; filename*=UTF-8''%F0%9F%A6%81"#);
        check(
            "100%.jpg",
            r#"filename="100_.jpg"; filename*=UTF-8''100%25.jpg"#,
        );
        check(
            "a%22b.jpg",
            r#"filename="a_22b.jpg"; filename*=UTF-8''a%2522b.jpg"#,
        );
    }

    #[test]
    fn no_name_breaks_out() {
        check(
            "a\"b.jpg",
            r#"filename="a_b.jpg"; filename*=UTF-8''a%22b.jpg"#,
        );
        check("a\r\nSet-Cookie: x", r#"filename="a__Set-Cookie_ x""#);
        check("a\0b", r#"filename="a_b""#);
        check("../../etc/passwd", r#"filename="_.._etc_passwd""#);
        check("..\\win.ini", r#"filename="_win.ini""#);
        check("C:\\x.exe", r#"filename="C__x.exe""#);
        check("x.jpg\u{202e}gpj.exe", r#"filename="x.jpg_gpj.exe""#);
        check("a\u{2066}b\u{200b}c", r#"filename="a_b_c""#);
        check("a\u{85}b", r#"filename="a_b""#);
    }

    #[test]
    fn there_is_always_a_name() {
        for name in ["", ".", "..", "...", " ", ". ."] {
            check(name, r#"filename="file""#);
        }
        check(".htaccess", r#"filename="htaccess""#);
        check("a. ", r#"filename="a""#);
    }

    #[test]
    fn the_longest_name_is_sent_whole() {
        let name = format!("{}.jpg", "ö".repeat(125));
        let value = Inline.with_name(&name);
        let value = value.to_str().unwrap();
        let encoded = value.split("UTF-8''").nth(1).unwrap();
        let decoded = percent_encoding::percent_decode_str(encoded)
            .decode_utf8()
            .unwrap();
        assert_eq!(decoded, name);
    }
}
