//! What a command reports while it works, and at the end. The listener decides how it looks.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::walk::{Ticket, WalkProgress};

/// Something that is reported at once.
#[derive(Debug)]
pub enum Event<'a> {
    /// This much more work was found.
    Found(u64),
    /// One piece of work is done; the text names it.
    Did(&'a str),
    /// For programs; `words` are for people, if they need to know.
    Line {
        json: &'a Value,
        words: Option<&'a str>,
    },
    /// For people, whatever programs get.
    Aside(&'a str),
}

/// Fails if its output is closed, which ends the command.
pub type Listener = Arc<dyn Fn(Event<'_>) -> io::Result<()> + Send + Sync>;

/// One run of a command: what it has found, done and failed to do, its progress, and whether it should stop.
pub struct Report {
    listener: Listener,
    stop: CancellationToken,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    walk: Arc<Mutex<WalkProgress>>,
    ticking: Option<JoinHandle<()>>,
}

/// The result of a run.
#[derive(Debug)]
pub struct Summary {
    /// For programs: `{"summary": {…}}`.
    pub json: Value,
    /// The same for people.
    pub words: String,
    /// Why it did not succeed: something is wrong, or it was interrupted.
    pub verdict: anyhow::Result<()>,
}

impl Report {
    /// When `stop` is cancelled, a command finishes the work in progress.
    pub fn new(listener: Listener, stop: CancellationToken) -> Self {
        Self {
            listener,
            stop,
            counts: Mutex::default(),
            walk: Arc::default(),
            ticking: None,
        }
    }

    /// Reports progress at intervals: `{"progress": {"done": …, "seconds": …, "after": …}}`.
    pub fn ticking(mut self, every: Duration) -> Self {
        let ticking = tick(self.listener.clone(), self.walk.clone(), every);
        self.ticking = Some(tokio::spawn(ticking));
        self
    }

    pub fn line(&self, json: &Value, words: Option<&str>) -> io::Result<()> {
        (self.listener)(Event::Line { json, words })
    }

    pub fn aside(&self, words: &str) -> io::Result<()> {
        (self.listener)(Event::Aside(words))
    }

    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.stop.is_cancelled()
    }

    pub(crate) fn found(&self, more: u64) {
        // If this fails, the next line will fail too.
        let _ = (self.listener)(Event::Found(more));
    }

    pub(crate) fn did(&self, what: &str) {
        let _ = (self.listener)(Event::Did(what));
    }

    /// Begins a piece of work. Work begins in the order of names; see [`WalkProgress`].
    pub(crate) fn begin(&self, name: Option<String>) -> Ticket {
        lock(&self.walk).begin(name)
    }

    /// Must be called once everything about it was reported.
    pub(crate) fn end(&self, ticket: Ticket) {
        lock(&self.walk).end(ticket);
    }

    pub(crate) fn count(&self, what: &'static str, more: u64) {
        *lock(&self.counts).entry(what).or_default() += more;
    }

    pub(crate) fn counted(&self, what: &'static str) -> u64 {
        lock(&self.counts).get(what).copied().unwrap_or_default()
    }

    /// Counts and reports a failure. `line` names what failed.
    pub(crate) fn failed(&self, mut line: Value, problem: &str, words: &str) -> io::Result<()> {
        self.count("failed", 1);
        line["result"] = "failed".into();
        line["problem"] = problem.into();
        self.line(&line, Some(words))
    }

    /// The values of these counts, and whether the run was interrupted.
    pub(crate) fn counts(&self, names: &[&'static str]) -> Map<String, Value> {
        let counts = names.iter();
        let counts = counts.map(|name| ((*name).to_owned(), self.counted(name).into()));
        let interrupted = ("interrupted".to_owned(), self.is_interrupted().into());
        counts.chain([interrupted]).collect()
    }

    /// Does the same for a walk, with the name to continue after if it was interrupted.
    pub(crate) fn counts_of_walk(&self, names: &[&'static str]) -> Map<String, Value> {
        let mut counts = self.counts(names);
        let after = self.after().filter(|_| self.is_interrupted());
        counts.insert("after".to_owned(), after.into());
        counts
    }

    /// `failure` is what went wrong, and `interrupted` the message for a run that was stopped.
    pub(crate) fn summary(
        &self,
        counts: Map<String, Value>,
        words: String,
        failure: Option<String>,
        interrupted: String,
    ) -> Summary {
        let interrupted = self.is_interrupted().then_some(interrupted);
        let verdict = match failure.or(interrupted) {
            None => Ok(()),
            Some(reason) => Err(anyhow::Error::msg(reason)),
        };
        Summary {
            json: json!({ "summary": counts }),
            words,
            verdict,
        }
    }

    /// The message for a walk that was interrupted.
    pub(crate) fn how_to_go_on(&self) -> String {
        match self.after() {
            Some(after) => format!(
                "interrupted; continue with --after '{}'",
                after.replace('\'', r"'\''")
            ),
            None => "interrupted; run it again".to_owned(),
        }
    }

    fn after(&self) -> Option<String> {
        lock(&self.walk).after().map(str::to_owned)
    }
}

impl Summary {
    /// For a run that was aborted by an error: what was done until then is reported all the same.
    pub(crate) fn broken_by(mut self, error: Option<anyhow::Error>) -> Self {
        if let Some(error) = error {
            self.verdict = Err(error);
        }
        self
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(ticking) = &self.ticking {
            ticking.abort();
        }
    }
}

async fn tick(listener: Listener, walk: Arc<Mutex<WalkProgress>>, every: Duration) {
    let began = Instant::now();
    loop {
        tokio::time::sleep(every).await;
        let json = {
            let walk = lock(&walk);
            json!({"progress": {
                "done": walk.done(),
                "seconds": began.elapsed().as_secs(),
                "after": walk.after(),
            }})
        };
        // If the reader is gone, the next line of the work itself will fail.
        let _ = listener(Event::Line {
            json: &json,
            words: None,
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
