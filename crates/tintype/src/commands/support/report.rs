//! What a command says while it works: lines of JSON for programs, words and a bar for people.

use std::io::{self, Write};

use serde_json::Value;

use super::Progress;

pub(crate) struct Report {
    json: bool,
    progress: Progress,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            progress: Progress::new(json),
        }
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// One line: as JSON on standard output, or what people have to know on standard error.
    pub(crate) fn line(&self, json: &Value, words: Option<&str>) -> io::Result<()> {
        if self.json {
            return writeln!(io::stdout().lock(), "{json}");
        }
        match words {
            Some(words) => self
                .progress
                .aside(|| writeln!(io::stderr().lock(), "{words}")),
            None => Ok(()),
        }
    }

    /// The last line, on standard output either way.
    pub(crate) fn summary(&self, json: &Value, words: &str) -> io::Result<()> {
        self.progress.finish();
        let mut stdout = io::stdout().lock();
        match self.json {
            true => writeln!(stdout, "{json}"),
            false => writeln!(stdout, "{words}"),
        }
    }
}
