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
        for text in self.texts() {
            // Nobody is left to be told when this fails.
            let _ = writeln!(stderr, "error: {text}");
        }
        match self {
            Self::Configuration(_) | Self::Usage(_) => ExitCode::from(2),
            Self::Other(_) => ExitCode::FAILURE,
        }
    }
}

impl Failure {
    /// One line each.
    pub(crate) fn texts(&self) -> Vec<String> {
        match self {
            Self::Configuration(problems) => problems.iter().map(ToString::to_string).collect(),
            Self::Usage(reason) => vec![reason.clone()],
            Self::Other(error) => vec![format!("{error:#}")],
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}
