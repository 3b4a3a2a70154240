//! Counts of requests, and the report.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};
use tintype_server::config::{OldUrl, Sites};
use tintype_server::old_urls::{ResponseMode, Unmapped};
use tintype_server::url::{ORIGINALS, VARIANTS};

use super::line::LoggedRequest;

const MAX_EXAMPLES: usize = 5;
/// Some reasons contain text from URLs, so their number is limited.
const MAX_REASONS: usize = 300;
const NO_LIST: &str = "no rule matches such URLs";

#[derive(Default)]
pub(super) struct Tally {
    lines: u64,
    /// Lines without a request, or with one that is not for content.
    not_requests: u64,
    /// The old server had not served it either.
    failed_before: u64,
    /// URLs of this service.
    ours: u64,
    answered: BTreeMap<(&'static str, &'static str), u64>,
    not: BTreeMap<UnservedReason, UnservedCount>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct UnservedReason {
    grammar: Option<&'static str>,
    reason: &'static str,
    detail: String,
}

#[derive(Default)]
struct UnservedCount {
    lines: u64,
    examples: Vec<String>,
}

impl Tally {
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// `now` in Unix seconds.
    pub(super) fn take(&mut self, request: Option<LoggedRequest<'_>>, sites: &Sites, now: u64) {
        self.lines += 1;
        let Some(request) = request.filter(|request| matches!(request.method, "GET" | "HEAD"))
        else {
            self.not_requests += 1;
            return;
        };
        if request.status.is_some_and(|status| status >= 400) {
            self.failed_before += 1;
            return;
        }
        let (path, query) = match request.target.split_once('?') {
            None => (request.target, None),
            Some((path, query)) => (path, Some(query)),
        };
        if [VARIANTS, ORIGINALS, "/api/v1/"]
            .iter()
            .any(|ours| path.starts_with(ours))
        {
            self.ours += 1;
            return;
        }
        match reason(sites.old_url(path, query, now), now) {
            Ok(answered) => *self.answered.entry(answered).or_default() += 1,
            Err(reason) => self.refuse(reason, request.target),
        }
    }

    fn refuse(&mut self, mut reason: UnservedReason, target: &str) {
        if self.not.len() >= MAX_REASONS && !self.not.contains_key(&reason) {
            reason.detail = String::from("other reasons");
        }
        let not = self.not.entry(reason).or_default();
        not.lines += 1;
        if not.examples.len() < MAX_EXAMPLES && !not.examples.iter().any(|known| known == target) {
            not.examples.push(target.to_owned());
        }
    }

    fn total_answered(&self) -> u64 {
        self.answered.values().sum()
    }

    fn total_not(&self) -> u64 {
        self.not.values().map(|not| not.lines).sum()
    }

    /// The most frequent first.
    fn reasons(&self) -> Vec<(&UnservedReason, &UnservedCount)> {
        let mut reasons: Vec<_> = self.not.iter().collect();
        reasons.sort_by_key(|(_, not)| std::cmp::Reverse(not.lines));
        reasons
    }

    pub(super) fn json(&self) -> String {
        let reasons = self.reasons().into_iter().map(|(reason, not)| {
            json!({
                "grammar": reason.grammar,
                "reason": reason.reason,
                "detail": reason.detail,
                "lines": not.lines,
                "examples": not.examples,
            })
        });
        let answered: Vec<Value> = self
            .answered
            .iter()
            .map(|((grammar, how), lines)| json!({"grammar": grammar, "how": how, "lines": lines}))
            .collect();
        let summary = json!({"summary": {
            "lines": self.lines,
            "answered": self.total_answered(),
            "not_answered": self.total_not(),
            "failed_before": self.failed_before,
            "ours": self.ours,
            "not_requests": self.not_requests,
            "by_grammar": answered,
        }});
        let lines = reasons.chain([summary]);
        lines.fold(String::new(), |text, line| text + &line.to_string() + "\n")
    }

    pub(super) fn words(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let (answered, not) = (self.total_answered(), self.total_not());
        writeln!(text, "{} lines", self.lines)?;
        for (lines, what) in [
            (self.not_requests, "are not requests for content"),
            (self.failed_before, "failed before"),
            (self.ours, "are URLs of this service"),
        ] {
            if lines > 0 {
                writeln!(text, "{lines:>12}  {what}")?;
            }
        }
        writeln!(text, "{answered:>12}  will work")?;
        for ((grammar, how), lines) in &self.answered {
            writeln!(text, "{lines:>12}    {grammar}, {how}")?;
        }
        writeln!(text, "{not:>12}  will not")?;
        for (reason, not) in self.reasons() {
            let grammar = reason
                .grammar
                .map_or(String::new(), |grammar| format!("{grammar}: "));
            writeln!(text, "{:>12}    {grammar}{}", not.lines, reason.detail)?;
            for example in &not.examples {
                writeln!(text, "{:>18}{example}", "")?;
            }
        }
        Ok(())
    }
}

/// The grammar and how it is served, or why it is not.
fn reason(
    found: Option<OldUrl<'_>>,
    now: u64,
) -> Result<(&'static str, &'static str), UnservedReason> {
    let Some(OldUrl { site, rule, result }) = found else {
        return Err(UnservedReason {
            grammar: None,
            reason: "unknown",
            detail: NO_LIST.to_owned(),
        });
    };
    let grammar = rule.grammar.name();
    let refused = |reason, detail| UnservedReason {
        grammar: Some(grammar),
        reason,
        detail,
    };
    let translated = result.map_err(|unmapped| {
        let detail = match &unmapped {
            // Otherwise each image would be a separate reason.
            Unmapped::Source(address) => format!("images at {}", host(address)),
            unmapped => unmapped.to_string(),
        };
        refused(unmapped.reason(), detail)
    })?;
    rule.authorise(&translated, site.unsigned, site.originals, now)
        .map_err(|denied| refused("denied", denied.to_string()))?;
    let how = match rule.answer {
        ResponseMode::Here => "in place",
        ResponseMode::Redirect => "redirected",
    };
    Ok((grammar, how))
}

/// Up to the host, or the first folder of a relative URL.
fn host(address: &str) -> String {
    let from = address.find("://").map_or(0, |at| at + 3);
    match address[from..].find('/') {
        Some(end) => address[..=from + end].to_owned(),
        None => "another place".to_owned(),
    }
}
