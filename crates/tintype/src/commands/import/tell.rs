//! What an import says of each original, and in the end.

use std::io;

use serde_json::json;

use super::Item;
use super::transfer::Outcome;
use crate::commands::support::Report;
use crate::failure::Failure;

/// How it ended with one original, or with something that is none.
pub(super) enum Done {
    Original(Box<Item>, anyhow::Result<Outcome>),
    Odd(String, String),
}

#[derive(Default)]
pub(super) struct Totals {
    copied: u64,
    unpacked: u64,
    bytes: u64,
    would: u64,
    same: u64,
    blocked: u64,
    conflicts: u64,
    odd: u64,
    failed: u64,
}

impl Done {
    pub(super) fn tell(self, report: &Report, totals: &mut Totals) -> io::Result<()> {
        let (item, outcome) = match self {
            Self::Odd(name, reason) => {
                totals.odd += 1;
                let line = json!({"key": name, "result": "odd", "problem": reason});
                return report.line(&line, Some(&format!("{name:?} was left out: {reason}")));
            }
            Self::Original(item, outcome) => (item, outcome),
        };
        let key = item.key.as_str();
        report.progress().did(key);
        let (result, problem) = match outcome {
            Ok(outcome) => totals.add(outcome, item.size),
            Err(error) => {
                totals.failed += 1;
                ("failed", Some(format!("{error:#}")))
            }
        };
        let words = problem.as_ref().map(|problem| format!("{key}: {problem}"));
        let mut line = json!({"key": key, "size": item.size, "result": result});
        if let Some(problem) = problem {
            line["problem"] = problem.into();
        }
        report.line(&line, words.as_deref())
    }
}

impl Totals {
    fn add(&mut self, outcome: Outcome, size: u64) -> (&'static str, Option<String>) {
        let (result, count, problem) = match outcome {
            Outcome::Copied => {
                self.bytes += size;
                ("copied", &mut self.copied, None)
            }
            Outcome::Unpacked => {
                self.bytes += size;
                ("unpacked", &mut self.unpacked, None)
            }
            Outcome::Would => {
                self.bytes += size;
                ("would-copy", &mut self.would, None)
            }
            Outcome::Same => ("same", &mut self.same, None),
            Outcome::Blocked => {
                let problem = "taken down in FROM, which does not give its bytes";
                ("blocked", &mut self.blocked, Some(problem))
            }
            Outcome::Conflict => {
                let problem = "TO has other bytes under this name; --overwrite replaces them";
                ("conflict", &mut self.conflicts, Some(problem))
            }
        };
        *count += 1;
        (result, problem.map(str::to_owned))
    }

    pub(super) fn is_empty(&self) -> bool {
        let originals = self.copied + self.unpacked + self.would + self.same + self.blocked;
        originals + self.conflicts + self.odd + self.failed == 0
    }

    pub(super) fn tell(&self, report: &Report, is_interrupted: bool) -> io::Result<()> {
        let summary = json!({"summary": {
            "copied": self.copied,
            "unpacked": self.unpacked,
            "would_copy": self.would,
            "bytes": self.bytes,
            "same": self.same,
            "blocked": self.blocked,
            "conflicts": self.conflicts,
            "odd": self.odd,
            "failed": self.failed,
            "interrupted": is_interrupted,
        }});
        report.summary(&summary, &self.words())
    }

    fn words(&self) -> String {
        let counts = [
            (self.copied, "copied"),
            (self.unpacked, "copied and unpacked"),
            (self.would, "would be copied"),
            (self.same, "there already"),
            (self.blocked, "taken down"),
            (self.conflicts, "in conflict"),
            (self.odd, "left out"),
            (self.failed, "failed"),
        ];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        let words: Vec<_> = counts
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        match words.is_empty() {
            true => "nothing to import".to_owned(),
            false => format!("{}; {} bytes", words.join(", "), self.bytes),
        }
    }

    /// Whether everything that is in FROM is in TO.
    pub(super) fn verdict(&self, is_interrupted: bool) -> Result<(), Failure> {
        let missing = self.conflicts + self.odd + self.failed;
        let reason = match (is_interrupted, missing) {
            (true, _) => "interrupted; run it again to go on".to_owned(),
            (false, 0) => return Ok(()),
            (false, missing) => format!("{missing} were not imported"),
        };
        Err(Failure::Other(anyhow::Error::msg(reason)))
    }
}
