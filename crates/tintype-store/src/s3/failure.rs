//! Why a request failed, and whose fault it was.

use std::error::Error as StdError;
use std::fmt::Write;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::operation::Operation;
use crate::Error;

#[derive(Debug)]
pub(super) struct Failure {
    pub(super) operation: Operation,
    pub(super) kind: FailureKind,
    /// S3's own error code, such as `AccessDenied`.
    pub(super) code: Option<String>,
    /// On one line, for the log.
    pub(super) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureKind {
    NotFound,
    NoBucket,
    /// The multipart upload is finished, aborted, or never existed.
    NoUpload,
    /// 412: the object is not in the state that a condition requires.
    Precondition,
    /// 409: another conditional write of this name is in progress.
    Conflict,
    /// 416, with the size of the object if reported.
    Range(Option<u64>),
    KeyTooLong,
    /// 501: the server cannot do this at all.
    Unsupported,
    /// The object has to be restored from an archive first.
    Archived,
    /// Any other response that a retry would get again: permissions, keys, region.
    Refused,
    /// Credentials that are about to be renewed, or a clock that is about to be set.
    Untimely,
    /// The bytes that arrived are not those that were sent.
    Altered,
    /// The response was not S3's.
    Garbled,
    /// The server reported success, and then failure.
    Undone,
    /// The server asks to slow down, for this.
    Slow,
    /// No response, or one that reports a fault of the server.
    Down,
}

impl FailureKind {
    /// Whether a retry may succeed.
    pub(super) fn is_away(self) -> bool {
        matches!(self, Self::Down | Self::Slow)
    }
}

impl Failure {
    pub(super) fn new<E>(operation: Operation, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let code = error.code().map(str::to_owned);
        let response = error.raw_response();
        let kind = match (error, response) {
            (SdkError::ServiceError(_), Some(response)) => kind(code.as_deref(), response),
            (SdkError::ResponseError(_), Some(response))
                if response.status().as_u16() < 500 && response.status().as_u16() != 429 =>
            {
                FailureKind::Garbled
            }
            (SdkError::ConstructionFailure(_), _) => FailureKind::Refused,
            _ => FailureKind::Down,
        };
        let mut text = operation.name().to_owned();
        if let Some(response) = response {
            let _ = write!(text, " was answered {}", response.status().as_u16());
        }
        match (&code, error.message()) {
            (Some(code), Some(message)) => {
                let _ = write!(text, " {code}: {message}");
            }
            (Some(code), None) => {
                let _ = write!(text, " {code}");
            }
            _ => chain(&mut text, error),
        }
        Self {
            operation,
            kind,
            code,
            text: text.replace(['\n', '\r'], " "),
        }
    }

    /// Whether a permission is missing.
    pub(super) fn is_denied(&self) -> bool {
        self.kind == FailureKind::Refused && self.code.as_deref() == Some("AccessDenied")
    }

    pub(super) fn refused(operation: Operation, text: String) -> Self {
        Self {
            operation,
            kind: FailureKind::Refused,
            code: None,
            text,
        }
    }

    pub(super) fn down(operation: Operation, text: impl Into<String>) -> Self {
        Self {
            operation,
            kind: FailureKind::Down,
            code: None,
            text: text.into(),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure.kind {
            FailureKind::KeyTooLong => Self::KeyNotStorable,
            FailureKind::Archived => Self::Archived {
                reason: failure.text,
            },
            FailureKind::Refused | FailureKind::NoBucket | FailureKind::Unsupported => {
                Self::Refused {
                    action: failure.operation.doing(),
                    reason: failure.text,
                }
            }
            _ => Self::unavailable(failure.operation.doing(), failure.text),
        }
    }
}

fn kind(code: Option<&str>, response: &HttpResponse) -> FailureKind {
    match (response.status().as_u16(), code) {
        (_, Some("NoSuchBucket")) => FailureKind::NoBucket,
        (_, Some("NoSuchUpload")) => FailureKind::NoUpload,
        (_, Some("KeyTooLongError")) => FailureKind::KeyTooLong,
        (_, Some("BadDigest" | "InvalidDigest" | "XAmzContentChecksumMismatch")) => {
            FailureKind::Altered
        }
        (_, Some("InvalidObjectState")) => FailureKind::Archived,
        (
            _,
            Some(
                "ExpiredToken" | "TokenRefreshRequired" | "RequestTimeTooSkewed" | "RequestExpired",
            ),
        ) => FailureKind::Untimely,
        // An error inside a 200, as CompleteMultipartUpload and CopyObject may return.
        (..300, Some(_)) => FailureKind::Undone,
        (_, Some("SlowDown" | "RequestLimitExceeded" | "ThrottlingException")) => FailureKind::Slow,
        (_, Some("RequestTimeout" | "InternalError")) => FailureKind::Down,
        (404, _) => FailureKind::NotFound,
        (409, _) => FailureKind::Conflict,
        (412, _) => FailureKind::Precondition,
        (416, _) => FailureKind::Range(range_size(response)),
        (501, _) => FailureKind::Unsupported,
        (429 | 503, _) => FailureKind::Slow,
        (500.., _) => FailureKind::Down,
        (..300, None) => FailureKind::Garbled,
        _ => FailureKind::Refused,
    }
}

/// N of `Content-Range: bytes */N`.
fn range_size(response: &HttpResponse) -> Option<u64> {
    let range = response.headers().get("content-range")?;
    range.rsplit('/').next()?.parse().ok()
}

/// Appends an error and its causes, skipping what the next one repeats.
fn chain(text: &mut String, error: &dyn StdError) {
    let mut next = Some(error);
    let mut last = String::new();
    while let Some(error) = next {
        let said = error.to_string();
        if !said.is_empty() && said != last {
            let _ = write!(text, ": {said}");
        }
        last = said;
        next = error.source();
    }
}

/// Any error and its causes on one line.
pub(super) fn causes(error: &dyn StdError) -> String {
    let mut text = String::new();
    chain(&mut text, error);
    text.trim_start_matches(": ").replace(['\n', '\r'], " ")
}
