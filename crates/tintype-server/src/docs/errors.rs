//! Every code with its cause and its cure.

use super::page::{Entry, Page};
use crate::error::Code;

pub(super) fn write(page: &mut Page) {
    page.section("errors", "Errors");
    page.prose(include_str!("prose/errors.md"));
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
        page.entry(Entry {
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
