//! Conversions of library errors, spelled out case by case.

use std::error;

use tintype_imaging::PIXELS;
use tintype_imaging::geometry::GeometryError;
use tintype_store::KeyError;

use super::{Code, Error};
use crate::http::BodyTimeout;
use crate::url::{Denied, PathError, SpecError};

impl From<tintype_store::Error> for Error {
    fn from(error: tintype_store::Error) -> Self {
        use tintype_store::Error as Store;
        let public = error.to_string();
        match error {
            Store::NotFound => Self::new(Code::NotFound),
            // Conditions of our own reads and writes. A client's own conditions are handled where they are known,
            // by `not_in_version`.
            Store::Precondition { .. } | Store::Changed => Self::changing().cause(error),
            Store::ParentNotDirectory { parent } => Self::new(Code::ParentNotDirectory)
                .detail("a file has the name of a folder in the key")
                .member("parent", parent),
            Store::IsDirectory => Self::new(Code::KeyExists).detail("a folder has this name"),
            Store::KeyTooLong => Self::new(Code::NameTooLong).detail(public),
            Store::KeyNotStorable => Self::new(Code::InvalidKey).detail(public),
            Store::RangeNotSatisfiable { size } => {
                Self::new(Code::RangeNotSatisfiable).content_length(size)
            }
            Store::ReadOnly => Self::read_only(),
            Store::Refused { ref reason, .. } => {
                let reason = reason.clone();
                Self::new(Code::StoreRefused).reason(reason).cause(error)
            }
            Store::Archived { ref reason } => {
                let reason = reason.clone();
                Self::new(Code::OriginalArchived)
                    .reason(reason)
                    .cause(error)
            }
            Store::Full => Self::new(Code::InsufficientStorage).cause(error),
            Store::Unavailable { .. } => Self::new(Code::StoreUnavailable).cause(error),
            // Limits and declarations that our own code should have kept.
            Store::TooLarge { .. }
            | Store::InvalidAttribute { .. }
            | Store::SourceChanged { .. }
            | Store::Misconfigured { .. }
            | Store::NetworkFileSystem { .. }
            | Store::Unfit { .. } => Self::new(Code::Internal).cause(error),
        }
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        let detail = error.to_string();
        match error {
            KeyError::TooLong { limit, .. } | KeyError::SegmentTooLong { limit, .. } => {
                Self::new(Code::NameTooLong)
                    .detail(detail)
                    .member("limit", limit)
            }
            _ => Self::new(Code::InvalidKey).detail(detail),
        }
    }
}

impl Error {
    /// For every change on a read-only service.
    pub fn read_only() -> Self {
        Self::new(Code::ReadOnly).detail(
            "this service is read-only (TINTYPE_READ_ONLY): send changes to the one that may write",
        )
    }

    /// For a failed condition of the client.
    pub fn not_in_version(what: &'static str) -> Self {
        Self::new(Code::PreconditionFailed)
            .detail(format!("the {what} is not in the requested version"))
    }

    /// For a change that loses every race with other writers.
    pub fn busy(what: &'static str) -> Self {
        Self::new(Code::Conflict).detail(format!("too many changes of one {what} at the same time"))
    }

    /// For an original that other programs keep changing in place while it is read.
    pub fn changing() -> Self {
        Self::new(Code::OriginalChanging)
            .detail("the original was changed each time that it was read; try again in a moment")
    }

    /// For a request body that failed: too slow, or cut off.
    pub fn body(error: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        let error = error.into();
        let mut source: Option<&(dyn error::Error + 'static)> = Some(error.as_ref());
        while let Some(error) = source {
            if let Some(timeout) = error.downcast_ref::<BodyTimeout>() {
                return Self::new(Code::RequestTimeout).detail(timeout.to_string());
            }
            source = error.source();
        }
        Self::new(Code::InvalidRequest)
            .detail("the body ended before it was complete")
            .cause(error)
    }
}

impl From<PathError> for Error {
    fn from(error: PathError) -> Self {
        match error {
            PathError::Spec(error) => error.into(),
            PathError::Key(error) => error.into(),
            PathError::NoSpec { .. } => Self::new(Code::InvalidSpec).detail(error.to_string()),
            PathError::Prefix(_) => Self::new(Code::NotFound),
            PathError::Percent | PathError::NotUtf8 => {
                Self::new(Code::InvalidKey).detail(error.to_string())
            }
        }
    }
}

impl From<SpecError> for Error {
    fn from(error: SpecError) -> Self {
        Self::new(Code::InvalidSpec)
            .detail(error.to_string())
            .member("item", error.item)
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        let code = match denied {
            Denied::Missing | Denied::Dpr => Code::SignatureMissing,
            Denied::Invalid => Code::SignatureInvalid,
            Denied::Expired => Code::SignatureExpired,
        };
        Self::new(code).detail(denied.to_string())
    }
}

impl From<GeometryError> for Error {
    fn from(error: GeometryError) -> Self {
        let code = match error {
            GeometryError::Empty => Code::UnsupportedFormat,
            _ => Code::InvalidSpec,
        };
        Self::new(code).detail(error.to_string())
    }
}

impl From<tintype_imaging::Error> for Error {
    fn from(error: tintype_imaging::Error) -> Self {
        use tintype_imaging::Error as Imaging;
        let public = error.to_string();
        match error {
            Imaging::Malformed(_) => Self::new(Code::CorruptImage).detail(public),
            Imaging::Unsupported(_) => Self::new(Code::UnsupportedFormat).detail(public),
            Imaging::TooManyPixels { limit, .. } => Self::new(Code::TooManyPixels)
                .detail(public)
                .member("limit", limit)
                .member("limit_of", PIXELS),
            Imaging::OverLimit { what, limit, .. } => Self::new(Code::TooComplex)
                .detail(public)
                .member("limit", limit)
                .member("limit_of", what),
            Imaging::DeadlineExceeded => Self::new(Code::DeadlineExceeded),
            Imaging::Internal(_) => Self::new(Code::Internal).cause(error),
        }
    }
}
