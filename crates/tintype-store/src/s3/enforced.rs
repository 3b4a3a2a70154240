//! Which conditions a server enforces, and how the others are handled.

use tokio::sync::OnceCell;

use super::attributes::quoted;
use super::bucket::Bucket;
use super::trial;
use crate::{Condition, Error};

/// Which conditions the server decides itself, as tested at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Enforced {
    pub(super) create: bool,
    pub(super) replace: bool,
    pub(super) delete: bool,
    /// Requests with a condition are refused rather than granted.
    pub(super) refused: bool,
}

/// Abilities that are tested when first needed, which most processes never do.
#[derive(Debug, Default)]
pub(super) struct LazyAbilities {
    completions: OnceCell<Completions>,
    copies: OnceCell<bool>,
}

/// For multipart uploads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Completions {
    pub(super) create: bool,
    pub(super) replace: bool,
}

impl Enforced {
    /// The abilities of AWS's own S3.
    pub(super) const ALL: Self = Self {
        create: true,
        replace: true,
        delete: true,
        refused: false,
    };

    /// Whether no write needs our lock, multipart uploads apart. Conditional copies are handled separately.
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

    /// `If-None-Match` and `If-Match`, as far as the server supports them.
    pub(super) fn headers(&self, condition: &Condition) -> (Option<String>, Option<String>) {
        match condition {
            Condition::Absent if !self.refused => (Some("*".into()), None),
            Condition::Match(etag) if !self.refused => (None, Some(quoted(etag))),
            _ => (None, None),
        }
    }
}

impl LazyAbilities {
    /// Whether nothing is known to need our lock.
    pub(super) fn may_all(&self) -> bool {
        let completions = self.completions.get();
        completions.is_none_or(|completions| completions.create && completions.replace)
    }

    /// Warnings for an operator.
    pub(super) fn warnings(&self, bucket: &Bucket) -> Vec<String> {
        let completions = self.completions.get();
        completions.map_or_else(Vec::new, |completions| completions.warnings(bucket))
    }
}

impl Bucket {
    /// Whether the server decides the condition of a multipart upload.
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

    /// Whether the server decides the condition of a copy in one request.
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
