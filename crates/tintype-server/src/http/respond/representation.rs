//! The headers that belong to the bytes, whatever the request.

use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_DISPOSITION,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, LAST_MODIFIED, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::conditional::Validators;
use crate::url::LAST_SECOND;

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");

/// Headers that scripts of other origins may read besides the CORS-safelisted ones (Fetch): viewers that load a PDF
/// in parts need the first four.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Accept-Ranges, Content-Length, Content-Range, ETag, Content-Disposition, Content-Location, Server-Timing, \
     Tintype-Request-Id",
);

/// The headers of one sequence of bytes. Built once, shared, and used for many responses.
#[derive(Clone, Debug)]
pub struct Representation {
    etag: String,
    last_modified: Option<SystemTime>,
    headers: HeaderMap,
}

impl Representation {
    /// `etag` is the opaque part of a strong entity tag, without quotes.
    pub fn new(etag: &str, content_type: &str) -> Self {
        let mut headers = HeaderMap::with_capacity(16);
        if let Ok(value) = HeaderValue::try_from(format!("\"{etag}\"")) {
            headers.insert(ETAG, value);
        }
        let content_type = HeaderValue::try_from(content_type)
            .unwrap_or(HeaderValue::from_static("application/octet-stream"));
        headers.insert(CONTENT_SECURITY_POLICY, policy(&content_type));
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Self {
            etag: etag.to_owned(),
            last_modified: None,
            headers,
        }
    }

    /// Omits a time that the header cannot express (adopted files have years such as 1901).
    pub fn last_modified(mut self, time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH);
        if !since.is_ok_and(|since| since.as_secs() <= LAST_SECOND) {
            return self;
        }
        self.last_modified = Some(time);
        let value = HeaderValue::try_from(httpdate::fmt_http_date(time));
        self.header(LAST_MODIFIED, value.expect("a date is visible ASCII"))
    }

    pub fn disposition(self, disposition: HeaderValue) -> Self {
        self.header(CONTENT_DISPOSITION, disposition)
    }

    /// Lets any page show, fetch and time it: right for public content, wrong for the API.
    pub fn cross_origin(mut self) -> Self {
        cross_origin(&mut self.headers);
        self
    }

    pub fn without_ranges(self) -> Self {
        self.header(ACCEPT_RANGES, HeaderValue::from_static("none"))
    }

    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Without quotes.
    pub fn etag(&self) -> &str {
        &self.etag
    }

    pub fn is_cross_origin(&self) -> bool {
        self.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN)
    }

    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub fn validators(&self) -> Validators<'_> {
        Validators {
            etag: &self.etag,
            last_modified: self.last_modified,
        }
    }
}

/// Lets every origin use a response; also for errors and for `OPTIONS`.
pub(crate) fn cross_origin(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        CROSS_ORIGIN_RESOURCE_POLICY,
        HeaderValue::from_static("cross-origin"),
    );
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.insert(TIMING_ALLOW_ORIGIN, HeaderValue::from_static("*"));
}

/// A browser that opens the URL directly executes nothing from it. Its viewers for PDF, audio and video do not work
/// in a sandbox.
fn policy(content_type: &HeaderValue) -> HeaderValue {
    let is_viewed = [&b"application/pdf"[..], b"audio/", b"video/"]
        .iter()
        .any(|prefix| content_type.as_bytes().starts_with(prefix));
    HeaderValue::from_static(match is_viewed {
        true => "default-src 'none'",
        false => "default-src 'none'; sandbox",
    })
}
