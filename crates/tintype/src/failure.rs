//! Why a subcommand failed, and its exit code.

use std::io::Write;
use std::process::ExitCode;

use tintype_server::config::Problem;

pub(crate) enum Failure {
    /// All problems, so that one attempt is enough to fix them.
    Configuration(Vec<Problem>),
    /// An argument that is syntactically right but invalid.
    Usage(String),
    Other(anyhow::Error),
}

impl Failure {
    /// Prints to standard error; standard output is for results.
    pub(crate) fn report(self) -> ExitCode {
        let mut stderr = std::io::stderr().lock();
        for text in self.texts() {
            // If this fails, nobody is reading.
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
