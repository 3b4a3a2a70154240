//! The estimated cost of a job before it runs.

use std::time::Duration;

use tintype_imaging::spec::Format;

#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub kind: JobKind,
    /// Predicted CPU time on one thread. The pool corrects it by measurements of this kind of job.
    pub time: Duration,
    /// Peak memory.
    pub bytes: u64,
}

/// Jobs whose estimates tend to be wrong by the same factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobKind {
    Render(Format),
    /// Of any format: the cost depends on how much of each frame has changed.
    Animation,
    /// The decoded facts of an original.
    Placeholder,
}

impl JobKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Render(format) => format.name(),
            Self::Animation => "animation",
            Self::Placeholder => "placeholder",
        }
    }
}

/// Expected and measured thread time of finished jobs of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeAccount {
    pub foreseen: Duration,
    pub taken: Duration,
}
