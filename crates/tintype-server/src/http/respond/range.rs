//! `Range` (RFC 9110, section 14): one range of bytes.
//!
//! Several ranges get the whole content: no image viewer requests them, and they would let a small request cause a
//! large response. A malformed field is ignored.

use std::ops::Range;

use http::HeaderMap;
use http::header::RANGE;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// No range, or one that is ignored.
    Whole,
    /// Never empty, never past the end.
    Part(Range<u64>),
    Unsatisfiable,
}

pub(crate) fn select(headers: &HeaderMap, length: u64) -> Selection {
    let mut lines = headers.get_all(RANGE).iter();
    let line = lines.next().filter(|_| lines.next().is_none());
    match line.and_then(|line| line.to_str().ok()) {
        Some(text) => parse(text, length).unwrap_or(Selection::Whole),
        None => Selection::Whole,
    }
}

fn parse(text: &str, length: u64) -> Option<Selection> {
    let (unit, ranges) = text.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    // A comma makes it a list, in which empty members are allowed.
    let is_blank = |member: &&str| !member.trim_matches([' ', '\t']).is_empty();
    let mut members = ranges.split(',').filter(is_blank);
    let member = members.next().filter(|_| members.next().is_none())?;
    let (first, last) = member.trim_matches([' ', '\t']).split_once('-')?;

    let range = if first.is_empty() {
        let suffix = number(last)?;
        if suffix == 0 {
            return Some(Selection::Unsatisfiable);
        }
        // Empty content has no ranges at all.
        if length == 0 {
            return Some(Selection::Whole);
        }
        length.saturating_sub(suffix)..length
    } else {
        let first = number(first)?;
        let last = if last.is_empty() {
            u64::MAX
        } else {
            number(last)?
        };
        if last < first {
            return None;
        }
        first..length.min(last.saturating_add(1))
    };
    Some(if range.start < length {
        Selection::Part(range)
    } else {
        Selection::Unsatisfiable
    })
}

/// Digits only, as in the grammar. A number beyond u64 is beyond every end.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Selection::{Part, Unsatisfiable, Whole};

    fn check(value: &str, length: u64, expected: Selection) {
        let headers = HeaderMap::from_iter([(RANGE, value.parse().unwrap())]);
        assert_eq!(select(&headers, length), expected, "{value} of {length}");
    }

    #[test]
    fn one_range() {
        check("bytes=0-0", 10, Part(0..1));
        check("bytes=0-9", 10, Part(0..10));
        check("bytes=5-", 10, Part(5..10));
        check("bytes=9-", 10, Part(9..10));
        check("bytes=-5", 10, Part(5..10));
        check("bytes=-10", 10, Part(0..10));
        check("Bytes=0-0", 10, Part(0..1));
        check("bytes= 0-0 ", 10, Part(0..1));
        check("bytes=,0-0,", 10, Part(0..1));
        check("bytes=000-001", 10, Part(0..2));
    }

    #[test]
    fn ranges_are_clipped_at_the_end() {
        check("bytes=5-99", 10, Part(5..10));
        check("bytes=5-10", 10, Part(5..10));
        check("bytes=-99", 10, Part(0..10));
        check("bytes=0-18446744073709551615", 10, Part(0..10));
        check("bytes=0-99999999999999999999999", 10, Part(0..10));
        check("bytes=-99999999999999999999999", 10, Part(0..10));
    }

    #[test]
    fn a_range_past_the_end_is_unsatisfiable() {
        check("bytes=10-", 10, Unsatisfiable);
        check("bytes=10-10", 10, Unsatisfiable);
        check("bytes=99-100", 10, Unsatisfiable);
        check("bytes=-0", 10, Unsatisfiable);
        check("bytes=99999999999999999999999-", 10, Unsatisfiable);
        check("bytes=0-", 0, Unsatisfiable);
        check("bytes=0-0", 0, Unsatisfiable);
        check("bytes=-0", 0, Unsatisfiable);
    }

    #[test]
    fn the_end_of_an_empty_file_is_the_whole_of_it() {
        check("bytes=-5", 0, Whole);
    }

    #[test]
    fn malformed_ranges_are_ignored() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5",
            "bytes=5-3",
            "bytes=+1-2",
            "bytes=1 -2",
            "bytes=1- 2",
            "bytes=--5",
            "bytes=1-2-3",
            "bytes=0x0-0x5",
            "bytes 0-5",
            "items=0-5",
            "bytes=,",
            "bytes=-5-",
        ] {
            check(value, 10, Whole);
        }
    }

    #[test]
    fn several_ranges_get_the_whole_content() {
        check("bytes=0-0,2-2", 10, Whole);
        check("bytes=0-,0-,0-,0-,0-,0-", 10, Whole);
        check("bytes=0-0, 99-", 10, Whole);
        let headers = HeaderMap::from_iter([(RANGE, "bytes=0-0".parse().unwrap())]);
        let mut twice = headers.clone();
        twice.append(RANGE, "bytes=2-2".parse().unwrap());
        assert_eq!(select(&twice, 10), Whole);
    }
}
