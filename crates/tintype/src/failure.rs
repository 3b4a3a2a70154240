//! Why a subcommand did not succeed, and the exit code that says so.

use std::io::Write;
use std::process::ExitCode;

use tintype_server::config::Problem;

pub(crate) enum Failure {
    /// All there are, so that one attempt is enough to mend them.
    Configuration(Vec<Problem>),
    /// An argument that only its meaning shows to be wrong.
    Usage(String),
    Other(anyhow::Error),
}

impl Failure {
    /// Tells people on standard error; standard output is for answers.
    pub(crate) fn report(self) -> ExitCode {
        let mut stderr = std::io::stderr().lock();
        // Nobody is left to be told when this fails.
        let _ = match &self {
            Self::Configuration(problems) => problems
                .iter()
                .try_for_each(|problem| writeln!(stderr, "error: {problem}")),
            Self::Usage(reason) => writeln!(stderr, "error: {reason}"),
            Self::Other(error) => writeln!(stderr, "error: {error:#}"),
        };
        match self {
            Self::Configuration(_) | Self::Usage(_) => ExitCode::from(2),
            Self::Other(_) => ExitCode::FAILURE,
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}
