//! Text to HTML.

/// Escapes text and quoted attribute values.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// Lets browsers break long names where a reader would.
pub(super) fn breakable(name: &str) -> String {
    escape(name).replace('_', "_<wbr>")
}

/// Renders a sentence with names in backticks, `**words**` and `[links](to)`. A link into the repository, which the
/// page cannot reach, becomes its text.
pub(super) fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    let mut rest = text;
    while let Some(at) = rest.find(['`', '[', '*']) {
        out.push_str(&escape(&rest[..at]));
        rest = &rest[at..];
        let (html, after) = code(rest)
            .or_else(|| strong(rest))
            .or_else(|| link(rest))
            .unwrap_or_else(|| (rest[..1].to_owned(), &rest[1..]));
        out.push_str(&html);
        rest = after;
    }
    out.push_str(&escape(rest));
    out
}

/// The HTML of the beginning of the text, and the rest of the text.
type Begun<'a> = Option<(String, &'a str)>;

fn code(text: &str) -> Begun<'_> {
    let (code, after) = text.strip_prefix('`')?.split_once('`')?;
    Some((format!("<code>{}</code>", escape(code)), after))
}

fn strong(text: &str) -> Begun<'_> {
    let (words, after) = text.strip_prefix("**")?.split_once("**")?;
    Some((format!("<strong>{}</strong>", inline(words)), after))
}

fn link(text: &str) -> Begun<'_> {
    let (label, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (target, after) = rest.split_once(')')?;
    if label.contains(['[', ']']) {
        return None;
    }
    let label = inline(label);
    let link = match target.starts_with(['#', 'h']) {
        true => format!("<a href=\"{}\">{label}</a>", escape(target)),
        false => label,
    };
    Some((link, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup_unless_it_is_meant() {
        for (text, expected) in [
            ("a < b & \"c\"", "a &lt; b &amp; &quot;c&quot;"),
            ("`w_<1>` is", "<code>w_&lt;1&gt;</code> is"),
            (
                "**now** `**not**`",
                "<strong>now</strong> <code>**not**</code>",
            ),
            (
                "see [codes](#errors).",
                "see <a href=\"#errors\">codes</a>.",
            ),
            (
                "see [the file](../a.md), [b](#c)",
                "see the file, <a href=\"#c\">b</a>",
            ),
            ("a [b] (c) 2 * 3", "a [b] (c) 2 * 3"),
            ("[`w`](#item-w)", "<a href=\"#item-w\"><code>w</code></a>"),
            ("a [b] and [c](#d)", "a [b] and <a href=\"#d\">c</a>"),
        ] {
            assert_eq!(inline(text), expected);
        }
    }
}
