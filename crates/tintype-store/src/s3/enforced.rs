//! Which conditions a server keeps, and what is done about those that it does not.

use super::attributes::quoted;
use crate::Condition;

/// Which conditions the server decides itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Enforced {
    pub(super) create: bool,
    pub(super) replace: bool,
    pub(super) delete: bool,
    /// The same for uploads in parts.
    pub(super) complete_create: bool,
    pub(super) complete_replace: bool,
    pub(super) copy: bool,
    /// Requests with a condition are refused rather than granted.
    pub(super) refused: bool,
}

impl Enforced {
    /// As AWS's S3 does it.
    pub(super) const ALL: Self = Self {
        create: true,
        replace: true,
        delete: true,
        complete_create: true,
        complete_replace: true,
        copy: true,
        refused: false,
    };

    /// Whether no write needs a lock of ours. A conditional copy has another way.
    pub(super) fn all(&self) -> bool {
        let Self {
            create,
            replace,
            delete,
            complete_create,
            complete_replace,
            ..
        } = self;
        *create && *replace && *delete && *complete_create && *complete_replace
    }

    pub(super) fn put(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Any => self.all(),
            Condition::Absent => self.create,
            Condition::Match(_) => self.replace,
        }
    }

    pub(super) fn complete(&self, condition: &Condition) -> bool {
        self.put(condition)
            && match condition {
                Condition::Any => true,
                Condition::Absent => self.complete_create,
                Condition::Match(_) => self.complete_replace,
            }
    }

    pub(super) fn copy(&self, condition: &Condition) -> bool {
        (self.copy || *condition == Condition::Any) && self.put(condition)
    }

    /// `If-None-Match` and `If-Match`, as far as the server takes them.
    pub(super) fn headers(&self, condition: &Condition) -> (Option<String>, Option<String>) {
        match condition {
            Condition::Absent if !self.refused => (Some("*".into()), None),
            Condition::Match(etag) if !self.refused => (None, Some(quoted(etag))),
            _ => (None, None),
        }
    }
}
