//! From the conditions of a request to its response, in two steps: which bytes are needed, so that no others are
//! fetched, and then the response around them.

use std::ops::Range;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::conditional::{self, Verdict};
use super::range::{self, Selection};
use super::{Representation, cross_origin};
use crate::error::{Code, Error};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Whole,
    /// Never empty, never past the end.
    Part(Range<u64>),
    /// As `Whole`, without the bytes: `HEAD` has no ranges.
    HeadersOnly,
    NotModified,
    PreconditionFailed,
    RangeNotSatisfiable,
}

/// Preconditions first, then the range (RFC 9110, 13.2.2). `length` is the total length.
pub(crate) fn decide(
    method: &Method,
    headers: &HeaderMap,
    representation: &Representation,
    length: u64,
) -> Decision {
    let current = representation.validators();
    match conditional::evaluate(method, headers, Some(current)) {
        Verdict::NotModified => return Decision::NotModified,
        Verdict::Failed => return Decision::PreconditionFailed,
        Verdict::Proceed => {}
    }
    if method == Method::HEAD {
        return Decision::HeadersOnly;
    }
    let is_ranged = method == Method::GET && headers.contains_key(RANGE);
    if !is_ranged || !conditional::range_applies(headers, current) {
        return Decision::Whole;
    }
    match range::select(headers, length) {
        Selection::Whole => Decision::Whole,
        Selection::Part(range) => Decision::Part(range),
        Selection::Unsatisfiable => Decision::RangeNotSatisfiable,
    }
}

/// Responds with bytes that are in memory.
pub(crate) fn bytes(
    method: &Method,
    headers: &HeaderMap,
    representation: &Representation,
    cache_control: HeaderValue,
    bytes: Bytes,
) -> Response {
    let length = bytes.len() as u64;
    let decision = decide(method, headers, representation, length);
    let body = match &decision {
        Decision::Whole => Body::from(bytes),
        // The range lies within the bytes, whose length is a usize.
        Decision::Part(range) => Body::from(bytes.slice(range.start as usize..range.end as usize)),
        _ => Body::empty(),
    };
    decision.answer(representation, cache_control, length, body)
}

impl Decision {
    /// The bytes to fetch; `None` if the response has none.
    pub fn wanted(&self, length: u64) -> Option<Range<u64>> {
        match self {
            Self::Whole => Some(0..length),
            Self::Part(range) => Some(range.clone()),
            _ => None,
        }
    }

    /// Builds the response. `body` holds exactly the bytes of [`Self::wanted`]; `length` is the total length.
    pub fn answer(
        self,
        representation: &Representation,
        cache_control: HeaderValue,
        length: u64,
        body: Body,
    ) -> Response {
        let (status, sent, body) = match &self {
            Self::Whole => (StatusCode::OK, length, body),
            Self::HeadersOnly => (StatusCode::OK, length, Body::empty()),
            Self::Part(range) => (StatusCode::PARTIAL_CONTENT, range.end - range.start, body),
            Self::NotModified => return not_modified(representation, cache_control),
            Self::PreconditionFailed => {
                return refused(representation, Error::new(Code::PreconditionFailed));
            }
            Self::RangeNotSatisfiable => {
                let error = Error::new(Code::RangeNotSatisfiable).content_length(length);
                return refused(representation, error);
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        *headers = representation.headers().clone();
        headers.insert(CACHE_CONTROL, cache_control);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(sent));
        if let Self::Part(range) = &self {
            let (first, last) = (range.start, range.end - 1);
            let value = HeaderValue::try_from(format!("bytes {first}-{last}/{length}"));
            headers.insert(CONTENT_RANGE, value.expect("digits are visible ASCII"));
        }
        response
    }
}

/// Errors can be read by the same pages as the bytes.
fn refused(representation: &Representation, error: Error) -> Response {
    let mut response = error.into_response();
    if representation.is_cross_origin() {
        cross_origin(response.headers_mut());
    }
    response
}

/// Headers that a cache has to update, and none about bytes that are not sent (RFC 9110, 15.4.5).
fn not_modified(representation: &Representation, cache_control: HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    *headers = representation.headers().clone();
    for name in [
        ACCEPT_RANGES,
        CONTENT_DISPOSITION,
        CONTENT_SECURITY_POLICY,
        CONTENT_TYPE,
        LAST_MODIFIED,
    ] {
        headers.remove(name);
    }
    headers.insert(CACHE_CONTROL, cache_control);
    response
}
