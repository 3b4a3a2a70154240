//! What a command says while it works: lines of JSON for programs, words and a bar for people.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};
use tintype_server::config::units;
use tokio::task::JoinHandle;

use super::Progress;
use super::walk::{Ticket, Walk};

/// How a command that goes through a store speaks, and where it begins.
#[derive(Args)]
pub(crate) struct Telling {
    /// Lines of JSON on standard output: one for each of what is found or done, how far it is every ten
    /// seconds, and a summary
    #[arg(long)]
    pub(crate) json: bool,
    /// With --json: how often it is told how far it is
    #[arg(long, default_value = "10s", value_parser = units::duration, value_name = "TIME")]
    every: Duration,
}

/// For the help of commands that tell how far they are.
pub(crate) const PROGRESS: &str = "\
With --json every ten seconds a line tells how far it is:
  {\"progress\": {\"done\": 1200, \"seconds\": 30, \"after\": \"photos/2016/lion.jpg\"}}
An interrupted run is gone on with by --after and the last of these; its summary has it as well.";

pub(crate) struct Report {
    json: bool,
    progress: Progress,
    walk: Arc<Mutex<Walk>>,
    ticking: Option<JoinHandle<()>>,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            progress: Progress::new(json),
            walk: Arc::default(),
            ticking: None,
        }
    }

    /// Tells from time to time how far it is.
    pub(crate) fn telling(telling: &Telling) -> Self {
        let mut report = Self::new(telling.json);
        if telling.json && !telling.every.is_zero() {
            report.ticking = Some(tokio::spawn(tick(report.walk.clone(), telling.every)));
        }
        report
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Work is begun in the order of names; see [`Walk`].
    pub(crate) fn begin(&self, name: Option<String>) -> Ticket {
        lock(&self.walk).begin(name)
    }

    /// To be called once everything has been said of it.
    pub(crate) fn end(&self, ticket: Ticket) {
        lock(&self.walk).end(ticket);
    }

    /// Where a run that was interrupted is gone on with.
    pub(crate) fn after(&self) -> Option<String> {
        lock(&self.walk).after().map(str::to_owned)
    }

    /// One line: as JSON on standard output, or what people have to know on standard error.
    pub(crate) fn line(&self, json: &Value, words: Option<&str>) -> io::Result<()> {
        if self.json {
            return writeln!(io::stdout().lock(), "{json}");
        }
        match words {
            Some(words) => self.aside(words),
            None => Ok(()),
        }
    }

    /// For people, on standard error either way.
    pub(crate) fn aside(&self, words: &str) -> io::Result<()> {
        self.progress
            .aside(|| writeln!(io::stderr().lock(), "{words}"))
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

    /// For the end of a run that was interrupted.
    pub(crate) fn interrupted(&self) -> String {
        match self.after() {
            Some(after) => format!(
                "interrupted; go on with --after '{}'",
                after.replace('\'', r"'\''")
            ),
            None => "interrupted; run it again".to_owned(),
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(ticking) = &self.ticking {
            ticking.abort();
        }
    }
}

async fn tick(walk: Arc<Mutex<Walk>>, every: Duration) {
    let began = Instant::now();
    loop {
        tokio::time::sleep(every).await;
        let line = {
            let walk = lock(&walk);
            json!({"progress": {
                "done": walk.done(),
                "seconds": began.elapsed().as_secs(),
                "after": walk.after(),
            }})
        };
        // A reader that has gone is noticed by the next line of the work itself.
        let _ = writeln!(io::stdout().lock(), "{line}");
    }
}

fn lock(walk: &Mutex<Walk>) -> MutexGuard<'_, Walk> {
    walk.lock().unwrap_or_else(PoisonError::into_inner)
}
