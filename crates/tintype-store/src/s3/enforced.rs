//! Which conditions a server keeps, and what is done about those that it does not.

use tokio::sync::OnceCell;

use super::attributes::quoted;
use super::bucket::Bucket;
use super::trial;
use crate::{Condition, Error};

/// Which conditions the server decides itself, of what is found out at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Enforced {
    pub(super) create: bool,
    pub(super) replace: bool,
    pub(super) delete: bool,
    /// Requests with a condition are refused rather than granted.
    pub(super) refused: bool,
}

/// The same of what is found out when it is first needed, which for most processes is never.
#[derive(Debug, Default)]
pub(super) struct Late {
    completions: OnceCell<Completions>,
    copies: OnceCell<bool>,
}

/// Of uploads in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Completions {
    pub(super) create: bool,
    pub(super) replace: bool,
}

impl Enforced {
    /// As AWS's S3 does it.
    pub(super) const ALL: Self = Self {
        create: true,
        replace: true,
        delete: true,
        refused: false,
    };

    /// Whether no write needs a lock of ours, uploads in parts apart. A conditional copy has another
    /// way.
    pub(super) fn all(&self) -> bool {
        let Self {
            create,
            replace,
            delete,
            ..
        } = self;
        *create && *replace && *delete
    }

    pub(super) fn put(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Any => self.all(),
            Condition::Absent => self.create,
            Condition::Match(_) => self.replace,
        }
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

impl Late {
    /// Whether nothing is known to need a lock of ours.
    pub(super) fn may_all(&self) -> bool {
        let completions = self.completions.get();
        completions.is_none_or(|completions| completions.create && completions.replace)
    }

    /// What an operator should know.
    pub(super) fn warnings(&self, bucket: &Bucket) -> Vec<String> {
        let completions = self.completions.get();
        completions.map_or_else(Vec::new, |completions| completions.warnings(bucket))
    }
}

impl Bucket {
    /// Whether the server decides the condition of an upload in parts.
    pub(super) async fn decides_completion(&self, condition: &Condition) -> Result<bool, Error> {
        if *condition == Condition::Any || !self.enforced.put(condition) {
            return Ok(self.enforced.put(condition));
        }
        let completions = self.late.completions.get_or_try_init(async || {
            let completions = trial::completions(self).await?;
            for warning in completions.warnings(self) {
                tracing::warn!("{warning}");
            }
            Ok::<_, Error>(completions)
        });
        let completions = completions.await?;
        Ok(match condition {
            Condition::Match(_) => completions.replace,
            _ => completions.create,
        })
    }

    /// The same for a copy in one request.
    pub(super) async fn decides_copy(&self, condition: &Condition) -> Result<bool, Error> {
        if *condition == Condition::Any || !self.enforced.put(condition) {
            return Ok(self.enforced.put(condition));
        }
        let copies = self.late.copies.get_or_try_init(async || {
            let copies = trial::copies(self).await?;
            Ok::<_, Error>(copies)
        });
        Ok(*copies.await?)
    }
}
