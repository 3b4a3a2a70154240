//! Every error code with its cause and cure.

use super::page::{Page, ReferenceEntry, code};
use crate::error::{Code, Error};
use crate::url::parse_spec;

pub(super) fn write(page: &mut Page) {
    page.section("errors", "Errors");
    page.prose(include_str!("prose/errors.md"));
    page.raw(&code(&example()));
    page.prose("`instance` is the request id, which is also in the header `Tintype-Request-Id` and in the log.");
    for code in Code::ALL {
        let status = code.status();
        let class = if status.is_server_error() {
            "bad"
        } else {
            "warm"
        };
        let mut badges = vec![(class, status.as_u16().to_string())];
        if code.retryable() {
            badges.push(("", "retryable".to_owned()));
        }
        page.entry(ReferenceEntry {
            id: format!("error-{}", code.as_str()),
            name: code.as_str(),
            badges,
            text: code.title(),
            facts: vec![
                ("Cause", code.cause().to_owned()),
                ("Cure", code.cure().to_owned()),
            ],
        });
    }
}

/// A response as the service sends it.
fn example() -> String {
    let refused = parse_spec("w_9000~h_480").err().map(Error::from);
    let problem = refused.map(|error| error.problem(Some("aef99de1dfbcd0b600000001")));
    let problem = problem.and_then(|problem| serde_json::to_string_pretty(&problem).ok());
    problem.unwrap_or_default()
}
