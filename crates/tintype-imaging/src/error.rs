//! What can go wrong with a picture, and whose fault it was.

use std::borrow::Cow;

/// The first five are about the bytes or the request, the last two about us.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The bytes break the rules of their own format.
    #[error("not a readable picture: {0}")]
    Malformed(Cow<'static, str>),
    /// Not a picture, or a form of one that is not meant to be rendered.
    #[error("{0} is not supported")]
    Unsupported(Cow<'static, str>),
    /// What a picture of this many pixels costs follows from nothing else.
    #[error("{PIXELS} is {is}, limit is {limit}")]
    TooManyPixels { is: u64, limit: u64 },
    #[error("{what} is {is}, limit is {limit}")]
    OverLimit {
        what: &'static str,
        is: u64,
        limit: u64,
    },
    /// A format or a word of the spec that is known and has no code behind it.
    #[error("{0} is not supported yet")]
    NotYetSupported(&'static str),
    #[error("the deadline passed")]
    DeadlineExceeded,
    #[error("internal error: {0}")]
    Internal(Cow<'static, str>),
}

/// The name of the limit on pixels.
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

    /// `Ok` up to and including the limit.
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

/// Reading from memory or a local file: an early end is the picture's fault, the rest is ours.
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
