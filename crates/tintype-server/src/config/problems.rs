//! Problems of a configuration, reported together: errors that keep the service from starting, and warnings.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The option as its author wrote it: a variable, or a key of the file.
    pub name: String,
    pub reason: String,
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.name, self.reason, self.fix)
    }
}

#[derive(Debug, Default)]
pub struct Problems {
    /// Errors: what cannot work, or cannot be meant.
    pub refused: Vec<Problem>,
    /// Warnings: what works, but probably not as it is meant.
    pub warned: Vec<Problem>,
}

impl Problems {
    pub(super) fn add(&mut self, name: &str, reason: impl Into<String>, fix: impl Into<String>) {
        self.refused.push(problem(name, reason, fix));
    }

    /// Whether an option is known to be wrong already, so that consequences are not reported.
    pub(super) fn has_error(&self, name: &str) -> bool {
        let refused = self.refused.iter().map(|problem| &*problem.name);
        let with_file = |refused: &str| {
            let file = refused
                .strip_suffix("_FILE")
                .or_else(|| refused.strip_suffix("_file"));
            file == Some(name)
        };
        refused
            .into_iter()
            .any(|refused| refused == name || with_file(refused))
    }

    pub(super) fn warn(&mut self, name: &str, reason: impl Into<String>, fix: impl Into<String>) {
        self.warned.push(problem(name, reason, fix));
    }
}

pub(super) fn problem(name: &str, reason: impl Into<String>, fix: impl Into<String>) -> Problem {
    Problem {
        name: name.to_owned(),
        reason: reason.into(),
        fix: fix.into(),
    }
}
