//! The error type of the server, sent as `application/problem+json` (RFC 9457).
//!
//! Every error has a frozen code, a status, a public text, and the field or limit concerned. Internal details
//! (paths, errno, a panic) travel as the cause: the access log's layer logs it, where the request id is known, and
//! it is never sent.

mod code;
mod from;

use std::borrow::Cow;
use std::sync::Arc;
use std::{error, fmt};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value};
use tintype_store::Key;

pub use code::Code;

type Cause = Box<dyn error::Error + Send + Sync>;

/// Cheap to return: little more than a pointer. Cheap to keep: the response carries it as an extension, so that the
/// outer layer can add the request id and log the cause.
#[derive(Clone)]
pub struct Error(Arc<Inner>, Audience);

/// Who reads the error.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Audience {
    Anybody,
    /// Token holders can do something about the store, so they may know what it reported.
    TokenHolder,
}

struct Inner {
    code: Code,
    detail: Cow<'static, str>,
    members: Map<String, Value>,
    headers: HeaderMap,
    /// What the store reported, for token holders.
    reason: Option<String>,
    cause: Option<Cause>,
}

impl Error {
    pub fn new(code: Code) -> Self {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match code {
            Code::Unauthorized => {
                headers.insert(
                    WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"tintype\""),
                );
            }
            Code::TokenInvalid | Code::TokenExpired => {
                headers.insert(
                    WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"tintype\", error=\"invalid_token\""),
                );
            }
            // Without this header clients would retry at once.
            Code::Overloaded
            | Code::DeadlineExceeded
            | Code::OriginalChanging
            | Code::SpoolUnavailable
            | Code::StoreUnavailable => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("2"));
            }
            // An operator has to repair it.
            Code::RecordDamaged => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("300"));
            }
            _ => {}
        }
        let inner = Inner {
            code,
            detail: Cow::Borrowed(code.title()),
            members: Map::new(),
            headers,
            reason: None,
            cause: None,
        };
        Self(Arc::new(inner), Audience::Anybody)
    }

    /// A field of a request has an invalid value.
    pub fn invalid(field: &str, reason: impl fmt::Display) -> Self {
        Self::new(Code::InvalidRequest)
            .detail(format!("{field}: {reason}"))
            .member("field", field)
    }

    /// A 404 that names the missing key.
    pub fn no_original(key: &Key) -> Self {
        Self::new(Code::NotFound)
            .detail(format!("there is no original {:?}", key.as_str()))
            .member("key", key.as_str())
    }

    /// Sets what happened this time. Public, so without paths and system messages.
    pub fn detail(self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.change(|inner| inner.detail = detail.into())
    }

    /// Adds a member to the problem, such as `limit`, `field` or `item`.
    pub fn member(self, name: &str, value: impl Into<Value>) -> Self {
        debug_assert!(
            ![
                "type",
                "title",
                "status",
                "detail",
                "code",
                "retryable",
                "reason",
                "instance"
            ]
            .contains(&name),
            "{name} is not for members"
        );
        self.change(|inner| {
            inner.members.insert(name.to_owned(), value.into());
        })
    }

    pub fn retry_after(self, seconds: u64) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Lets shared caches keep the error for some seconds; the default is `no-store`.
    pub fn cache_for(self, seconds: u64) -> Self {
        let value = format!("public, max-age={seconds}");
        match HeaderValue::try_from(value) {
            Ok(value) if seconds > 0 => self.header(CACHE_CONTROL, value),
            _ => self,
        }
    }

    /// For 405: the allowed methods, such as `GET, HEAD`.
    pub fn allow(self, methods: &'static str) -> Self {
        self.header(ALLOW, HeaderValue::from_static(methods))
    }

    /// For 416: the length of the content.
    pub fn content_length(self, length: u64) -> Self {
        let value = HeaderValue::try_from(format!("bytes */{length}"));
        self.member("length", length)
            .header(CONTENT_RANGE, value.expect("digits are visible"))
    }

    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        self.change(|inner| {
            inner.headers.insert(name, value);
        })
    }

    /// Sets the internal cause: for the log, never for the client.
    pub fn cause(self, cause: impl Into<Cause>) -> Self {
        self.change(|inner| inner.cause = Some(cause.into()))
    }

    /// Sets what the store reported: for the log and for token holders.
    pub fn reason(self, reason: String) -> Self {
        self.change(|inner| inner.reason = Some(reason))
    }

    /// The same error with the details for a token holder.
    pub fn for_token_holder(self) -> Self {
        Self(self.0, Audience::TokenHolder)
    }

    pub fn code(&self) -> Code {
        self.0.code
    }

    pub fn status(&self) -> StatusCode {
        self.0.code.status()
    }

    pub fn public_detail(&self) -> &str {
        &self.0.detail
    }

    pub fn members(&self) -> &Map<String, Value> {
        &self.0.members
    }

    /// Whether the store is unavailable, as opposed to returning something unusable.
    pub fn is_store_away(&self) -> bool {
        matches!(
            self.of_store(),
            Some(tintype_store::Error::Unavailable { .. })
        )
    }

    fn of_store(&self) -> Option<&tintype_store::Error> {
        let cause = self.0.cause.as_deref()?;
        cause.downcast_ref()
    }

    /// Whether the store failed: it is unavailable, full, or refuses the operation.
    pub fn is_of_store(&self) -> bool {
        matches!(self.0.code, Code::InsufficientStorage | Code::StoreRefused)
            || self.is_store_away()
    }

    /// Whether the original's bytes are the reason that it cannot be rendered, rather than the store, the load, or
    /// the request.
    pub fn is_of_original(&self) -> bool {
        matches!(
            self.0.code,
            Code::CorruptImage | Code::UnsupportedFormat | Code::TooManyPixels | Code::TooComplex
        )
    }

    /// Whether something that takes less work may succeed.
    pub fn is_too_much(&self) -> bool {
        matches!(
            self.0.code,
            Code::DeadlineExceeded | Code::ExceedsMemory | Code::Overloaded
        )
    }

    /// Whether an original did not match its record when it was read, or changed meanwhile. Reading the record anew
    /// helps.
    pub fn is_outdated(&self) -> bool {
        matches!(
            self.of_store(),
            Some(tintype_store::Error::Precondition { .. } | tintype_store::Error::Changed)
        )
    }

    /// Whether the original's bytes cannot be decoded, so that another try would cost as much and fail again.
    pub fn is_of_content(&self) -> bool {
        matches!(self.0.code, Code::CorruptImage | Code::UnsupportedFormat)
    }

    /// Whether the service was too busy.
    pub fn is_overload(&self) -> bool {
        self.0.code == Code::Overloaded
    }

    /// The cause and its own causes in one line.
    pub fn cause_text(&self) -> Option<String> {
        let mut cause: &dyn error::Error = self.0.cause.as_deref()?;
        let mut text = cause.to_string();
        while let Some(source) = cause.source() {
            text = format!("{text}: {source}");
            cause = source;
        }
        Some(text)
    }

    /// The response, with the request id as `instance`.
    pub fn respond(&self, request_id: Option<&str>) -> Response {
        let mut response = Response::new(Body::from(self.problem(request_id).to_string()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        *headers = self.0.headers.clone();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    /// The members of RFC 9457 and ours; also used for one item of a batch response.
    pub fn problem(&self, request_id: Option<&str>) -> Value {
        let Inner {
            code,
            detail,
            members,
            reason,
            ..
        } = &*self.0;
        let mut problem = Map::new();
        problem.insert("type".into(), code.type_uri().into());
        problem.insert("title".into(), code.title().into());
        problem.insert("status".into(), code.status().as_u16().into());
        problem.insert("detail".into(), detail.as_ref().into());
        problem.insert("code".into(), code.as_str().into());
        problem.insert("retryable".into(), code.retryable().into());
        problem.extend(members.clone());
        if let Some(reason) = reason.as_ref().filter(|_| self.1 == Audience::TokenHolder) {
            problem.insert("reason".into(), reason.as_str().into());
        }
        if let Some(request_id) = request_id {
            problem.insert("instance".into(), request_id.into());
        }
        Value::Object(problem)
    }

    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        // Builders run before the error is shared, so nothing can be changed afterwards.
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            change(inner);
        } else {
            debug_assert!(false, "a shared error is not changed");
        }
        self
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.respond(None);
        response.extensions_mut().insert(self);
        response
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.as_str(), self.0.detail)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("code", &self.0.code)
            .field("detail", &self.0.detail)
            .field("cause", &self.0.cause)
            .finish_non_exhaustive()
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.0
            .cause
            .as_deref()
            .map(|cause| cause as &(dyn error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    //! Clients branch on `code` and show `detail`; neither may ever contain internal details.

    use std::collections::HashSet;
    use std::io;

    use super::*;

    #[test]
    fn codes_are_kebab_case_and_unique() {
        let codes: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), Code::ALL.len());
        for code in codes {
            assert!(
                code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
                "{code}"
            );
        }
    }

    #[test]
    fn every_status_is_a_refusal() {
        for &code in Code::ALL {
            let status = code.status();
            assert!(
                status.is_client_error() || status.is_server_error(),
                "{code:?}"
            );
        }
    }

    #[test]
    fn internal_details_are_kept_from_the_client() {
        let error = Error::new(Code::StoreUnavailable).cause(io::Error::other(
            "open /srv/media/secret: permission denied",
        ));
        assert!(error.cause_text().unwrap().contains("/srv/media/secret"));
        assert!(!error.problem(None).to_string().contains("secret"));
        assert!(!error.to_string().contains("secret"));
    }

    #[test]
    fn a_problem_names_code_limit_and_request() {
        let problem = Error::new(Code::TooLarge)
            .detail("file is 7 bytes, limit is 5")
            .member("limit", 5)
            .problem(Some("abc"));
        assert_eq!(
            problem,
            serde_json::json!({
                "type": "urn:tintype:problem:too-large",
                "title": "the content is too large",
                "status": 413,
                "detail": "file is 7 bytes, limit is 5",
                "code": "too-large",
                "retryable": false,
                "limit": 5,
                "instance": "abc",
            })
        );
    }

    #[test]
    fn errors_are_not_cached_by_default() {
        let headers = |error: Error| error.into_response().headers().clone();
        assert_eq!(
            headers(Error::new(Code::NotFound))[CACHE_CONTROL],
            "no-store"
        );
        let kept = headers(Error::new(Code::NotFound).cache_for(5));
        assert_eq!(kept[CACHE_CONTROL], "public, max-age=5");
        assert_eq!(kept[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(kept[CONTENT_TYPE], "application/problem+json");
    }

    #[test]
    fn a_refusal_says_how_to_go_on() {
        let headers = |error: Error| error.into_response().headers().clone();
        assert_eq!(
            headers(Error::new(Code::Overloaded).retry_after(3))[RETRY_AFTER],
            "3"
        );
        for code in Code::ALL
            .iter()
            .copied()
            .filter(|code| code.status() == 503)
        {
            assert!(
                headers(Error::new(code)).contains_key(RETRY_AFTER),
                "{code:?}"
            );
        }
        for code in Code::ALL
            .iter()
            .copied()
            .filter(|code| code.status() == 401)
        {
            assert!(
                headers(Error::new(code)).contains_key(WWW_AUTHENTICATE),
                "{code:?}"
            );
        }
        let headers = headers(Error::new(Code::RangeNotSatisfiable).content_length(10));
        assert_eq!(headers[CONTENT_RANGE], "bytes */10");
    }
}
