//! Conditional requests (RFC 9110, sections 8.8 and 13), for reads and for writes.
//!
//! A malformed field never makes a condition true by accident: a malformed `If-Match` fails, a malformed
//! `If-None-Match` matches nothing, a malformed date is ignored.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{
    HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
};
use http::{HeaderMap, Method};
use tintype_store::ETag;

/// More tags than any cache holds for one URL.
const MAX_TAGS: usize = 256;

/// An entity tag; `opaque` is the part between the quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub weak: bool,
    pub opaque: String,
}

impl Tag {
    fn is(&self, opaque: &str) -> bool {
        self.opaque == opaque
    }
}

/// The value of `If-Match` or `If-None-Match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tags {
    Any,
    List(Vec<Tag>),
}

/// The field is not a list of entity tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a list of quoted entity tags")]
pub(crate) struct Unreadable;

impl Tags {
    /// Parses all lines of the field together; `None` if there are none.
    pub(crate) fn of(headers: &HeaderMap, name: &HeaderName) -> Option<Result<Self, Unreadable>> {
        let mut lines = headers.get_all(name).iter().peekable();
        lines.peek()?;
        let mut tags = Vec::new();
        let mut any = false;
        for line in lines {
            let read = line.to_str().map_err(|_| Unreadable).and_then(Self::parse);
            match read {
                Ok(Self::Any) => any = true,
                Ok(Self::List(more)) => tags.extend(more),
                Err(unreadable) => return Some(Err(unreadable)),
            }
        }
        Some(match (any, tags.is_empty()) {
            (true, true) => Ok(Self::Any),
            (true, false) | (false, true) => Err(Unreadable),
            (false, false) if tags.len() > MAX_TAGS => Err(Unreadable),
            (false, false) => Ok(Self::List(tags)),
        })
    }

    fn parse(line: &str) -> Result<Self, Unreadable> {
        let mut rest = line.trim_matches([' ', '\t']);
        if rest == "*" {
            return Ok(Self::Any);
        }
        let mut tags = Vec::new();
        loop {
            // Empty members are allowed in a list (RFC 9110, 5.6.1.2).
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return Ok(Self::List(tags));
            }
            let (tag, after) = Tag::parse(rest).ok_or(Unreadable)?;
            tags.push(tag);
            rest = after.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with(',') {
                return Err(Unreadable);
            }
        }
    }

    /// Matches exactly this version.
    pub(crate) fn of_etag(etag: &ETag) -> Self {
        let opaque = etag.as_str().to_owned();
        Self::List(vec![Tag {
            weak: false,
            opaque,
        }])
    }

    /// For `If-None-Match`, which compares weak tags too.
    pub(crate) fn match_weakly(&self, opaque: Option<&str>) -> bool {
        self.matches(opaque, |_| true)
    }

    /// For `If-Match`, which weak tags never match.
    pub(crate) fn match_strongly(&self, opaque: Option<&str>) -> bool {
        self.matches(opaque, |tag| !tag.weak)
    }

    fn matches(&self, opaque: Option<&str>, counts: impl Fn(&Tag) -> bool) -> bool {
        match (self, opaque) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::List(tags), Some(opaque)) => {
                tags.iter().any(|tag| counts(tag) && tag.is(opaque))
            }
        }
    }
}

impl Tag {
    /// Parses the tag at the start of `text`; also returns the rest.
    fn parse(text: &str) -> Option<(Self, &str)> {
        let (weak, rest) = match text.strip_prefix("W/") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (opaque, rest) = rest.strip_prefix('"')?.split_once('"')?;
        opaque
            .bytes()
            .all(|byte| byte > b' ' && byte != 0x7f)
            .then(|| {
                let opaque = opaque.to_owned();
                (Self { weak, opaque }, rest)
            })
    }
}

/// Validators of the current representation. Our entity tags are always strong.
#[derive(Clone, Copy, Debug)]
pub struct Validators<'a> {
    /// Without quotes.
    pub etag: &'a str,
    /// In whole seconds, as in the header.
    pub last_modified: Option<SystemTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Proceed,
    NotModified,
    Failed,
}

/// Evaluates steps 1 to 4 of RFC 9110, 13.2.2. `current` is `None` if nothing is stored.
pub(crate) fn evaluate(
    method: &Method,
    headers: &HeaderMap,
    current: Option<Validators<'_>>,
) -> Verdict {
    let etag = current.map(|current| current.etag);
    let modified = current
        .and_then(|current| current.last_modified)
        .map(whole_seconds);

    if let Some(tags) = Tags::of(headers, &IF_MATCH) {
        if !tags.is_ok_and(|tags| tags.match_strongly(etag)) {
            return Verdict::Failed;
        }
    } else if let Some((date, modified)) = date(headers, &IF_UNMODIFIED_SINCE).zip(modified)
        && modified > date
    {
        return Verdict::Failed;
    }

    let reads = matches!(*method, Method::GET | Method::HEAD);
    if let Some(tags) = Tags::of(headers, &IF_NONE_MATCH) {
        return match tags.is_ok_and(|tags| tags.match_weakly(etag)) {
            false => Verdict::Proceed,
            true if reads => Verdict::NotModified,
            true => Verdict::Failed,
        };
    }
    if reads
        && let Some((date, modified)) = date(headers, &IF_MODIFIED_SINCE).zip(modified)
        && modified <= date
    {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// Evaluates step 5, whether `Range` applies. Tags are compared strongly. A date must be exactly the one that was
/// sent; it misses a change within the same second, which is why there is always a tag.
pub(crate) fn range_applies(headers: &HeaderMap, current: Validators<'_>) -> bool {
    let mut lines = headers.get_all(IF_RANGE).iter();
    let Some(line) = lines.next() else {
        return true;
    };
    let Some(text) = line.to_str().ok().filter(|_| lines.next().is_none()) else {
        return false;
    };
    let text = text.trim_matches([' ', '\t']);
    if let Some((tag, rest)) = Tag::parse(text) {
        return rest.is_empty() && !tag.weak && tag.is(current.etag);
    }
    match (httpdate::parse_http_date(text), current.last_modified) {
        (Ok(date), Some(modified)) => whole_seconds(modified) == date,
        _ => false,
    }
}

/// Parses a date in any of the three formats of RFC 9110, 5.6.7; malformed or repeated dates are ignored.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let mut lines = headers.get_all(name).iter();
    let line = lines.next().filter(|_| lines.next().is_none())?;
    httpdate::parse_http_date(line.to_str().ok()?.trim_matches([' ', '\t'])).ok()
}

/// Headers have seconds, file systems nanoseconds.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(lines: &[&str]) -> Option<Result<Tags, Unreadable>> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IF_MATCH, line.parse().unwrap());
        }
        Tags::of(&headers, &IF_MATCH)
    }

    fn list(tags: &[(bool, &str)]) -> Option<Result<Tags, Unreadable>> {
        let tag = |&(weak, opaque): &(bool, &str)| Tag {
            weak,
            opaque: opaque.to_owned(),
        };
        Some(Ok(Tags::List(tags.iter().map(tag).collect())))
    }

    #[test]
    fn lists_are_read_as_the_grammar_says() {
        let s = false;
        let w = true;
        for (lines, expected) in [
            (&[][..], None),
            (&["*"], Some(Ok(Tags::Any))),
            (&[" * "], Some(Ok(Tags::Any))),
            (&[r#""a""#], list(&[(s, "a")])),
            (&[r#""""#], list(&[(s, "")])),
            (&[r#"W/"a""#], list(&[(w, "a")])),
            (&[r#""a","b""#], list(&[(s, "a"), (s, "b")])),
            (&[r#""a" , W/"b""#], list(&[(s, "a"), (w, "b")])),
            (&[r#", "a",,"b","#], list(&[(s, "a"), (s, "b")])),
            (&[r#""a,b""#], list(&[(s, "a,b")])),
            (&[r#""a""#, r#""b""#], list(&[(s, "a"), (s, "b")])),
            (&[r#""\""#], list(&[(s, r"\")])),
            (&[""], Some(Err(Unreadable))),
            (&[","], Some(Err(Unreadable))),
            (&["a"], Some(Err(Unreadable))),
            (&[r#""a"#], Some(Err(Unreadable))),
            (&[r#""a" "b""#], Some(Err(Unreadable))),
            (&[r#"w/"a""#], Some(Err(Unreadable))),
            (&[r#""a b""#], Some(Err(Unreadable))),
            (&[r#"*, "a""#], Some(Err(Unreadable))),
            (&["*", r#""a""#], Some(Err(Unreadable))),
        ] {
            assert_eq!(tags(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_write_where_nothing_is_stored() {
        for (name, value, expected) in [
            (IF_NONE_MATCH, "*", Verdict::Proceed),
            (IF_MATCH, "*", Verdict::Failed),
            (IF_MATCH, "\"a\"", Verdict::Failed),
        ] {
            let headers = HeaderMap::from_iter([(name.clone(), value.parse().unwrap())]);
            assert_eq!(
                evaluate(&Method::PUT, &headers, None),
                expected,
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn a_write_over_something_stored() {
        let current = Some(Validators {
            etag: "a",
            last_modified: None,
        });
        for (name, value, expected) in [
            (IF_NONE_MATCH, "*", Verdict::Failed),
            (IF_NONE_MATCH, "\"b\"", Verdict::Proceed),
            (IF_MATCH, "*", Verdict::Proceed),
            (IF_MATCH, "\"a\"", Verdict::Proceed),
            (IF_MATCH, "W/\"a\"", Verdict::Failed),
            (IF_MATCH, "\"b\"", Verdict::Failed),
            (IF_MATCH, "a", Verdict::Failed),
        ] {
            let headers = HeaderMap::from_iter([(name.clone(), value.parse().unwrap())]);
            assert_eq!(
                evaluate(&Method::PUT, &headers, current),
                expected,
                "{name}: {value}"
            );
        }
    }
}
