//! Output of commands: lines of JSON for programs, words and a progress bar for people.

use std::io::{self, Write};

use tintype_upkeep::{Event, Summary};

use super::Progress;

pub(super) struct Console {
    json: bool,
    progress: Progress,
}

impl Console {
    pub(super) fn new(json: bool) -> Self {
        let progress = Progress::new(json);
        Self { json, progress }
    }

    pub(super) fn show(&self, event: Event<'_>) -> io::Result<()> {
        match event {
            Event::Found(more) => self.progress.found(more),
            Event::Did(what) => self.progress.did(what),
            Event::Line { json, .. } if self.json => {
                return writeln!(io::stdout().lock(), "{json}");
            }
            Event::Line { words: None, .. } => {}
            Event::Aside(words)
            | Event::Line {
                words: Some(words), ..
            } => {
                let print = || writeln!(io::stderr().lock(), "{words}");
                return self.progress.aside(print);
            }
        }
        Ok(())
    }

    /// Prints the summary, on standard output in either form.
    pub(super) fn sum_up(&self, summary: &Summary) -> io::Result<()> {
        self.progress.finish();
        let mut stdout = io::stdout().lock();
        match self.json {
            true => writeln!(stdout, "{}", summary.json),
            false => writeln!(stdout, "{}", summary.words),
        }
    }
}
