//! What can go wrong with an image, and whose fault it was.

use std::borrow::Cow;

/// The first five are the fault of the bytes or the request, the last two are ours.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The bytes violate the rules of their format.
    #[error("not a readable image: {0}")]
    Malformed(Cow<'static, str>),
    /// Not an image, or a form of one that is not supported on purpose.
    #[error("{0} is not supported")]
    Unsupported(Cow<'static, str>),
    /// The cost of an image is known to follow only from its pixels.
    #[error("{PIXELS} is {is}, limit is {limit}")]
    TooManyPixels { is: u64, limit: u64 },
    #[error("{what} is {is}, limit is {limit}")]
    OverLimit {
        what: &'static str,
        is: u64,
        limit: u64,
    },
    #[error("the deadline passed")]
    DeadlineExceeded,
    #[error("internal error: {0}")]
    Internal(Cow<'static, str>),
}

/// Name of the limit on pixels.
pub const PIXELS: &str = "number of pixels";

impl Error {
    pub fn malformed(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Malformed(why.into())
    }

    pub fn unsupported(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Unsupported(what.into())
    }

    pub fn internal(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Internal(why.into())
    }

    /// Succeeds up to and including the limit.
    pub fn check_pixels(is: u64, limit: u64) -> Result<(), Self> {
        if is > limit {
            return Err(Self::TooManyPixels { is, limit });
        }
        Ok(())
    }

    /// The same for every other limit.
    pub(crate) fn check(what: &'static str, is: u64, limit: u64) -> Result<(), Self> {
        if is > limit {
            return Err(Self::OverLimit { what, is, limit });
        }
        Ok(())
    }
}

/// Reading from memory or a local file: an unexpected end is the image's fault, anything else is ours.
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidData => {
                Self::malformed("it ends too early")
            }
            std::io::ErrorKind::TimedOut => Self::DeadlineExceeded,
            _ => Self::internal(error.to_string()),
        }
    }
}
