//! A parser for the part of Markdown that our own texts use.

/// Text is raw, with its lines joined.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum MarkdownBlock {
    /// Without its marks.
    Heading(String),
    Paragraph(String),
    List(Vec<String>),
    Code(String),
    /// The first row is the head.
    Table(Vec<Vec<String>>),
}

/// Blocks are separated by blank lines and by a change of kind.
pub(super) fn blocks(text: &str) -> Vec<MarkdownBlock> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let code: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(MarkdownBlock::Code(code.join("\n")));
        } else if let Some(heading) = line.strip_prefix('#') {
            let heading = heading.trim_start_matches('#').trim();
            blocks.push(MarkdownBlock::Heading(heading.to_owned()));
        } else if line.starts_with('|') {
            let mut rows = vec![cells(line)];
            while let Some(line) = lines.next_if(|line| line.starts_with('|')) {
                rows.push(cells(line));
            }
            rows.retain(|row| {
                !row.iter()
                    .all(|cell| cell.bytes().all(|b| b"-:".contains(&b)))
            });
            blocks.push(MarkdownBlock::Table(rows));
        } else if let Some(first) = line.strip_prefix("- ") {
            let mut items = vec![first.to_owned()];
            while let Some(line) = lines.next_if(|line| !line.is_empty()) {
                match (line.strip_prefix("- "), items.last_mut()) {
                    (None, Some(item)) => *item = format!("{item} {}", line.trim()),
                    (item, _) => items.push(item.unwrap_or(line).to_owned()),
                }
            }
            blocks.push(MarkdownBlock::List(items));
        } else if !line.is_empty() {
            let mut paragraph = line.to_owned();
            let goes_on = |line: &&str| {
                let is_other = line.starts_with(['|', '#']) || line.starts_with("```");
                !line.is_empty() && !is_other
            };
            while let Some(line) = lines.next_if(goes_on) {
                paragraph = format!("{paragraph} {line}");
            }
            blocks.push(MarkdownBlock::Paragraph(paragraph));
        }
    }
    blocks
}

fn cells(line: &str) -> Vec<String> {
    let line = line.trim().trim_matches('|');
    line.split('|').map(|cell| cell.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_apart_by_blank_lines_and_kinds() {
        let text = "# A\n\none\n`two`\n\n| a | b |\n|---|---|\n| c | |\n\n- d\n  e\n- f\n\n```sh\ng\n\nh\n```\n";
        let text_of = |text: &str| text.to_owned();
        let row = |cells: [&str; 2]| cells.map(text_of).to_vec();
        assert_eq!(
            blocks(text),
            [
                MarkdownBlock::Heading(text_of("A")),
                MarkdownBlock::Paragraph(text_of("one `two`")),
                MarkdownBlock::Table(vec![row(["a", "b"]), row(["c", ""])]),
                MarkdownBlock::List(vec![text_of("d e"), text_of("f")]),
                MarkdownBlock::Code(text_of("g\n\nh")),
            ]
        );
    }
}
