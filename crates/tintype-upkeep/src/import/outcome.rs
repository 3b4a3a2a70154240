//! What an import reports for each original, and at the end.

use std::io;

use serde_json::json;

use super::item::SourceItem;
use super::transfer::TransferOutcome;
use crate::{Report, Summary};

/// Names of the counts in the summary.
const COUNTS: [&str; 9] = [
    "copied",
    "unpacked",
    "would_copy",
    "bytes",
    "same",
    "blocked",
    "conflicts",
    "odd",
    "failed",
];

/// The result for one original, or for an entry that is not one.
pub(super) enum EntryResult {
    Original(Box<SourceItem>, anyhow::Result<TransferOutcome>),
    Skipped(String, String),
}

impl EntryResult {
    pub(super) fn report_to(self, report: &Report) -> io::Result<()> {
        let (item, outcome) = match self {
            Self::Skipped(name, reason) => {
                report.count("odd", 1);
                let line = json!({"key": name, "result": "odd", "problem": reason});
                return report.line(&line, Some(&format!("{name:?} was left out: {reason}")));
            }
            Self::Original(item, outcome) => (item, outcome),
        };
        let key = item.key.as_str();
        report.did(key);
        let mut line = json!({"key": key, "size": item.size});
        let (result, count, problem) = match outcome {
            Ok(outcome) => words(outcome),
            Err(error) => {
                let problem = format!("{error:#}");
                return report.failed(line, &problem, &format!("{key}: {problem}"));
            }
        };
        report.count(count, 1);
        if matches!(
            outcome,
            Ok(TransferOutcome::Copied | TransferOutcome::Unpacked | TransferOutcome::Would)
        ) {
            report.count("bytes", item.size);
        }
        line["result"] = result.into();
        if let Some(problem) = problem {
            line["problem"] = problem.into();
        }
        let words = problem.map(|problem| format!("{key}: {problem}"));
        report.line(&line, words.as_deref())
    }
}

/// The result for a line, the name of its count, and the problem.
fn words(outcome: TransferOutcome) -> (&'static str, &'static str, Option<&'static str>) {
    match outcome {
        TransferOutcome::Copied => ("copied", "copied", None),
        TransferOutcome::Unpacked => ("unpacked", "unpacked", None),
        TransferOutcome::Would => ("would-copy", "would_copy", None),
        TransferOutcome::Same => ("same", "same", None),
        TransferOutcome::Blocked => (
            "blocked",
            "blocked",
            Some("taken down in FROM, so that its bytes cannot be read"),
        ),
        TransferOutcome::Conflict => (
            "conflict",
            "conflicts",
            Some("TO has other bytes under this name; --overwrite replaces them"),
        ),
    }
}

/// Whether nothing at all was found.
pub(super) fn is_empty(report: &Report) -> bool {
    let found = COUNTS.iter().filter(|name| **name != "bytes");
    found.map(|name| report.counted(name)).sum::<u64>() == 0
}

/// Succeeds if everything in FROM is in TO.
pub(super) fn summary(report: &Report) -> Summary {
    let of = |names: [&'static str; 3]| names.iter().map(|name| report.counted(name)).sum::<u64>();
    let missing = of(["conflicts", "odd", "failed"]);
    let failure = (missing > 0).then(|| format!("{missing} were not imported"));
    // After an interruption missing originals are no failure.
    let failure = failure.filter(|_| !report.is_interrupted());
    let interrupted = "interrupted; run it again to continue".to_owned();
    report.summary(report.counts(&COUNTS), sum(report), failure, interrupted)
}

fn sum(report: &Report) -> String {
    let words = [
        ("copied", "copied"),
        ("unpacked", "copied and unpacked"),
        ("would_copy", "would be copied"),
        ("same", "there already"),
        ("blocked", "taken down"),
        ("conflicts", "in conflict"),
        ("odd", "left out"),
        ("failed", "failed"),
    ];
    let words: Vec<_> = words
        .into_iter()
        .map(|(count, what)| (report.counted(count), what))
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    match words.is_empty() {
        true => "nothing to import".to_owned(),
        false => format!("{}; {} bytes", words.join(", "), report.counted("bytes")),
    }
}
