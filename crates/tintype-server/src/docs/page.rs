//! The body of the page as it is built, and its table of contents.

use super::html::{breakable, escape, inline};
use super::markdown::{MarkdownBlock, blocks};

#[derive(Default)]
pub(super) struct Page {
    pub(super) body: String,
    pub(super) contents: Vec<Chapter>,
}

/// An entry of the table of contents.
pub(super) struct Chapter {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) parts: Vec<(String, String)>,
}

/// A named entry that readers look up: it has an anchor, and the search finds it.
#[derive(Default)]
pub(super) struct ReferenceEntry<'a> {
    pub(super) id: String,
    pub(super) name: &'a str,
    /// Shown beside the name, each with a CSS class, which may be empty.
    pub(super) badges: Vec<(&'static str, String)>,
    /// Markdown.
    pub(super) text: &'a str,
    /// Terms and their descriptions in inline Markdown, on one line or several.
    pub(super) facts: Vec<(&'a str, String)>,
}

impl Page {
    pub(super) fn section(&mut self, id: &str, title: &str) {
        if !self.contents.is_empty() {
            self.body.push_str("</section>\n");
        }
        let heading = anchored(2, id, title);
        self.raw(&format!("<section aria-labelledby=\"{id}\">\n{heading}"));
        self.contents.push(Chapter {
            id: id.to_owned(),
            title: title.to_owned(),
            parts: Vec::new(),
        });
    }

    pub(super) fn part(&mut self, id: &str, title: &str) {
        self.raw(&anchored(3, id, title));
        if let Some(chapter) = self.contents.last_mut() {
            chapter.parts.push((id.to_owned(), title.to_owned()));
        }
    }

    pub(super) fn raw(&mut self, html: &str) {
        self.body.push_str(html);
        self.body.push('\n');
    }

    /// Markdown without headings.
    pub(super) fn prose(&mut self, text: &str) {
        for block in blocks(text) {
            self.block(&block);
        }
    }

    pub(super) fn block(&mut self, block: &MarkdownBlock) {
        let html = match block {
            MarkdownBlock::Heading(text) => format!("<h4>{}</h4>", inline(text)),
            MarkdownBlock::Paragraph(text) => format!("<p>{}</p>", inline(text)),
            MarkdownBlock::Code(text) => code(text),
            MarkdownBlock::List(items) => {
                let items = items
                    .iter()
                    .map(|item| format!("<li>{}</li>", inline(item)));
                format!("<ul>{}</ul>", items.collect::<String>())
            }
            MarkdownBlock::Table(rows) => table(rows),
        };
        self.raw(&html);
    }

    /// Cells in inline Markdown.
    pub(super) fn table<const N: usize>(&mut self, head: [&str; N], rows: Vec<[String; N]>) {
        let head = head.map(str::to_owned).to_vec();
        let rows = rows.into_iter().map(|row| row.to_vec());
        let rows: Vec<_> = [head].into_iter().chain(rows).collect();
        self.block(&MarkdownBlock::Table(rows));
    }

    pub(super) fn entry(&mut self, entry: ReferenceEntry<'_>) {
        let ReferenceEntry {
            id,
            name,
            badges,
            text,
            facts,
        } = entry;
        let id = escape(&id);
        let shown = breakable(name);
        self.raw(&format!(
            "<div class=\"entry\" id=\"{id}\" data-name=\"{}\"><div class=\"name\"><a href=\"#{id}\"><code>{shown}</code></a>",
            escape(name)
        ));
        for (class, badge) in badges {
            let badge = inline(&badge);
            self.raw(&format!("<span class=\"badge {class}\">{badge}</span>"));
        }
        self.raw("</div><div class=\"text\">");
        self.prose(text);
        if !facts.is_empty() {
            let facts = facts.iter().filter(|(_, fact)| !fact.is_empty());
            let facts = facts.map(|(word, fact)| {
                let (word, fact) = (escape(word), lines(fact));
                format!("<div><dt>{word}</dt><dd>{fact}</dd></div>")
            });
            self.raw(&format!("<dl>{}</dl>", facts.collect::<String>()));
        }
        self.raw("</div></div>");
    }

    /// Returns the finished body and its chapters.
    pub(super) fn finish(mut self) -> (String, Vec<Chapter>) {
        self.body.push_str("</section>\n");
        (self.body, self.contents)
    }
}

fn lines(text: &str) -> String {
    match text.contains('\n') {
        false => inline(text),
        true => {
            let lines = text
                .lines()
                .map(|line| format!("<span>{}</span>", inline(line)));
            lines.collect()
        }
    }
}

fn anchored(level: u8, id: &str, title: &str) -> String {
    let title = escape(title);
    format!("<h{level} id=\"{id}\"><a href=\"#{id}\">{title}</a></h{level}>")
}

/// A scrollable region must be reachable by keyboard.
pub(super) fn code(text: &str) -> String {
    let text = escape(text);
    format!("<pre tabindex=\"0\"><code>{text}</code></pre>")
}

fn table(rows: &[Vec<String>]) -> String {
    let row = |cells: &Vec<String>, tag: &str| {
        let cells = cells
            .iter()
            .map(|cell| format!("<{tag}>{}</{tag}>", inline(cell)));
        format!("<tr>{}</tr>", cells.collect::<String>())
    };
    let head = rows
        .first()
        .map(|cells| row(cells, "th"))
        .unwrap_or_default();
    let body: String = rows.iter().skip(1).map(|cells| row(cells, "td")).collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>"
    )
}
