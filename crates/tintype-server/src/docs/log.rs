//! The fields of the log. They are defined in `deploy/log.md`, which a test compares with what the service logs.

use super::markdown::{MarkdownBlock, blocks};
use super::page::{Page, ReferenceEntry};

const FIELDS: &str = include_str!("../../../../deploy/log.md");

pub(super) fn write(page: &mut Page) {
    page.section("log", "Log");
    let mut part = String::new();
    // The first block is the title of the file.
    for block in blocks(FIELDS).into_iter().skip(1) {
        match block {
            MarkdownBlock::Heading(title) => {
                let title = title.trim_matches('`');
                part = title.to_lowercase().replace(' ', "-");
                page.part(&format!("log-{part}"), title);
            }
            MarkdownBlock::Table(rows) => {
                for row in rows.iter().skip(1) {
                    field(page, &part, row);
                }
            }
            block => page.block(&block),
        }
    }
}

fn field(page: &mut Page, part: &str, row: &[String]) {
    let [name, text, ..] = row else { return };
    let name = name.trim_matches('`');
    page.entry(ReferenceEntry {
        id: format!("log-{part}-{name}"),
        name,
        text,
        ..ReferenceEntry::default()
    });
}
