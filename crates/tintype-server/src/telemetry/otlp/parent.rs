//! The parent of a request, as sent by callers and load balancers.
//!
//! W3C Trace Context (`traceparent`) and AWS X-Ray (`X-Amzn-Trace-Id`). Anything invalid is ignored: an id of
//! zeros, of the wrong length or in capitals would join unrelated traces.

use std::fmt;

use http::{HeaderMap, HeaderName};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId([u8; 16]);

/// Not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanId([u8; 8]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    pub trace_id: TraceId,
    /// A load balancer names a trace without having a span in it.
    pub span_id: Option<SpanId>,
    /// The caller's sampling decision, if it sent one.
    pub sampled: Option<bool>,
}

impl Parent {
    /// Parses `00-{trace}-{span}-{flags}`; later versions may append to that.
    pub fn of_traceparent(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(TRACEPARENT).iter();
        let (Some(text), None) = (all.next(), all.next()) else {
            return None;
        };
        let mut parts = text.to_str().ok()?.trim().split('-');
        let [version] = hex(parts.next()?)?;
        let trace_id = TraceId::new(hex(parts.next()?)?)?;
        let span_id = SpanId::new(hex(parts.next()?)?)?;
        let [flags] = hex(parts.next()?)?;
        let is_known = version != 0xff && (version != 0 || parts.next().is_none());
        is_known.then_some(Self {
            trace_id,
            span_id: Some(span_id),
            sampled: Some(flags & 1 == 1),
        })
    }

    /// Parses `Root=1-{8 digits}-{24 digits};Parent={16 digits};Sampled=1`, in any order; only the root is
    /// required.
    pub fn of_amzn(text: &str) -> Option<Self> {
        let field = |name: &str| {
            let mut found = text.split(';').filter_map(|part| {
                let (key, value) = part.trim().split_once('=')?;
                (key == name).then_some(value)
            });
            // A repeated field counts as absent.
            found.next().filter(|_| found.next().is_none())
        };
        let (seconds, rest) = field("Root")?.strip_prefix("1-")?.split_once('-')?;
        let (seconds, rest): ([u8; 4], [u8; 12]) = (hex(seconds)?, hex(rest)?);
        let mut id = [0; 16];
        id[..4].copy_from_slice(&seconds);
        id[4..].copy_from_slice(&rest);
        Some(Self {
            trace_id: TraceId::new(id)?,
            span_id: field("Parent").and_then(hex).and_then(SpanId::new),
            sampled: match field("Sampled") {
                Some("1") => Some(true),
                Some("0") => Some(false),
                _ => None,
            },
        })
    }
}

impl TraceId {
    pub fn new(bytes: [u8; 16]) -> Option<Self> {
        (bytes != [0; 16]).then_some(Self(bytes))
    }

    pub fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl SpanId {
    pub fn new(bytes: [u8; 8]) -> Option<Self> {
        (bytes != [0; 8]).then_some(Self(bytes))
    }

    pub fn bytes(self) -> [u8; 8] {
        self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// Exactly `2 * N` hex digits, in lower case.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn traceparent(lines: &[&str]) -> Option<Parent> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(TRACEPARENT, HeaderValue::from_str(line).unwrap());
        }
        Parent::of_traceparent(&headers)
    }

    #[test]
    fn a_caller_is_believed_to_the_letter_or_not_at_all() {
        let good = |flags| format!("00-{TRACE}-{SPAN}-{flags}");
        let parent = traceparent(&[&good("01")]).unwrap();
        assert_eq!(parent.trace_id.to_string(), TRACE);
        assert_eq!(parent.span_id.unwrap().to_string(), SPAN);
        assert_eq!(parent.sampled, Some(true));
        assert_eq!(traceparent(&[&good("00")]).unwrap().sampled, Some(false));
        // A later version with further fields.
        assert!(traceparent(&[&format!("01-{TRACE}-{SPAN}-01-more")]).is_some());
        let zeros = "0".repeat(32);
        for bad in [
            String::new(),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{TRACE}-{}-01", &zeros[..16]),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}0-{SPAN}-01"),
            format!("00-{}g-{SPAN}-01", &TRACE[1..]),
        ] {
            assert_eq!(traceparent(&[&bad]), None, "{bad}");
        }
        assert_eq!(traceparent(&[&good("01"), &good("01")]), None);
    }

    #[test]
    fn a_balancer_names_a_trace_with_or_without_a_span() {
        let root = "Root=1-67891233-abcdef012345678912345678";
        let parent = Parent::of_amzn(&format!("Self=1-2-3;{root}")).unwrap();
        assert_eq!(
            parent.trace_id.to_string(),
            "67891233abcdef012345678912345678"
        );
        assert_eq!((parent.span_id, parent.sampled), (None, None));
        let parent = Parent::of_amzn(&format!("{root}; Parent={SPAN}; Sampled=0")).unwrap();
        assert_eq!(parent.span_id.unwrap().to_string(), SPAN);
        assert_eq!(parent.sampled, Some(false));
        // An invalid parent leaves only the trace.
        let parent = Parent::of_amzn(&format!("{root};Parent=0000000000000000")).unwrap();
        assert_eq!(parent.span_id, None);
        for bad in [
            "",
            "Root=",
            "Root=1\"2",
            "Root=1-00000000-000000000000000000000000",
            "Root=2-67891233-abcdef012345678912345678",
            "Root=1-67891233-ABCDEF012345678912345678",
            "Root=1-6789123-abcdef0123456789123456780",
            "Root=1-67891233-abcdef012345678912345678-1",
            &format!("{root};{root}"),
        ] {
            assert_eq!(Parent::of_amzn(bad), None, "{bad}");
        }
    }
}
