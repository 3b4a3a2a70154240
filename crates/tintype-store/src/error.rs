//! What went wrong, and whose fault it was. No HTTP statuses: "not found" is not always a 404.

use std::io;

use crate::Meta;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `current` is the object that is there now; it is also `None` if the name is taken by something else: a
    /// folder, or a dangling link.
    #[error("the object is not in the state that the condition requires")]
    Precondition { current: Option<Box<Meta>> },
    #[error("there is no such object")]
    NotFound,
    #[error("{parent:?} is not a folder, so nothing can be stored below it")]
    ParentNotDirectory { parent: String },
    #[error("a folder has this name")]
    IsDirectory,
    #[error("the name is too long for the file system")]
    KeyTooLong,
    /// A name that only another back end can have, such as one with an empty segment.
    #[error("this store cannot have an object of this name")]
    KeyNotStorable,
    #[error("the range starts past the end, the object is {size} bytes")]
    RangeNotSatisfiable { size: u64 },
    #[error("object is {size} bytes, limit is {limit}")]
    TooLarge { size: u64, limit: u64 },
    #[error("attribute {name} must be 1 to {limit} printable ASCII characters")]
    InvalidAttribute { name: &'static str, limit: usize },
    /// The source has another length than announced.
    #[error("source is {actual} bytes, but {announced} were announced")]
    SourceChanged { announced: u64, actual: u64 },
    /// Another program changed it in place, so the bytes read may be of two versions.
    #[error("the object was changed while it was read")]
    Changed,
    #[error("no space is left")]
    Full,
    #[error(
        "{path} is on a network file system ({kind}), where locks and flushes cannot be relied on; add ?network=allow to use it all the same"
    )]
    NetworkFileSystem { path: String, kind: &'static str },
    #[error("{path} cannot be a store: {reason}")]
    Unfit { path: String, reason: &'static str },
    /// Found when a store is opened: what is wrong with its set-up, and how to fix it.
    #[error("{problem}; {fix}")]
    Misconfigured {
        problem: String,
        fix: String,
        /// Waiting may help: there was no response, rather than one that says what is wrong.
        passing: bool,
    },
    #[error("the store is read-only")]
    ReadOnly,
    /// The server will refuse again until permissions, keys or the request change.
    #[error("{action} was refused: {reason}")]
    Refused {
        action: &'static str,
        reason: String,
    },
    /// The object exists, in a storage class from which it must be restored before it can be read.
    #[error("the object is archived: {reason}")]
    Archived { reason: String },
    /// The outcome of a write that ends this way is unknown.
    #[error("{action} failed")]
    Unavailable {
        action: &'static str,
        #[source]
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn unavailable(action: &'static str, text: impl Into<String>) -> Self {
        Self::Unavailable {
            action,
            source: io::Error::other(text.into()),
        }
    }

    /// For `map_err`: the action, and the system's error.
    pub(crate) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::InvalidFilename => Self::KeyTooLong,
            _ => Self::Unavailable { action, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_spent_quota_are_told_apart_from_a_broken_one() {
        let error = |errno: rustix::io::Errno| Error::io("writing")(errno.into());
        assert!(matches!(error(rustix::io::Errno::NOSPC), Error::Full));
        assert!(matches!(error(rustix::io::Errno::DQUOT), Error::Full));
        assert!(matches!(
            error(rustix::io::Errno::NAMETOOLONG),
            Error::KeyTooLong
        ));
        assert!(matches!(
            error(rustix::io::Errno::IO),
            Error::Unavailable { .. }
        ));
        assert!(matches!(
            error(rustix::io::Errno::ROFS),
            Error::Unavailable { .. }
        ));
    }
}
