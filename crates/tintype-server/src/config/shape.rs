//! Recognises texts that cannot be a value of any option: leftovers of shells, templates and secret managers. No
//! message repeats the text, which may be a secret.

/// Why a text cannot be meant, and what to do.
pub(super) fn misshapen(text: &str, is_secret: bool) -> Option<(&'static str, &'static str)> {
    let between = |open: char, close: char| text.starts_with(open) && text.ends_with(close);
    if between('{', '}') || (between('[', ']') && text.contains('"')) {
        return Some((
            "JSON rather than a value",
            "use one of its values: in ECS `valueFrom` ends in the key of the secret, as in arn:…:secret:NAME:KEY::",
        ));
    }
    if text.len() > 1 && (between('"', '"') || between('\'', '\'')) {
        return Some((
            "in quotes, which would become part of the value",
            "leave the quotes out: only a shell removes them",
        ));
    }
    if is_placeholder(text) {
        return Some((
            "a placeholder that was not filled in",
            "replace it before the service starts",
        ));
    }
    if is_secret && (text.starts_with("arn:") || text.contains("://")) {
        return Some((
            "the address of a secret rather than the secret",
            "in ECS write it under `secrets`, not under `environment`",
        ));
    }
    let is_path = text.starts_with('/') && std::path::Path::new(text).is_file();
    if is_secret && (is_path || text.starts_with("/run/secrets/")) {
        return Some((
            "the path of a file rather than its content",
            "add _FILE (in a file _file) to the name of the option",
        ));
    }
    None
}

/// `${NAME}`, `$(NAME)`, `{{ … }}` or `<…>`. A looser rule would match secrets made of arbitrary characters.
fn is_placeholder(text: &str) -> bool {
    let is_name = |text: &str| {
        let in_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':' | b'-' | b'.');
        !text.is_empty() && text.bytes().all(in_name)
    };
    let encloses_name = |open: &str, close: char| {
        let after = text.split(open).skip(1);
        after
            .filter_map(|after| after.split_once(close))
            .any(|(inside, _)| is_name(inside))
    };
    let is_whole = text.starts_with('<') && text.ends_with('>');
    let is_braced = text.find("{{").is_some_and(|at| text[at..].contains("}}"));
    encloses_name("${", '}') || encloses_name("$(", ')') || is_braced || is_whole
}

/// A text that is safe to show: parts of a URL that may be secret are left out.
pub(super) fn shown(text: &str) -> String {
    let shown = text.split(',').map(shown_address);
    shown.collect::<Vec<_>>().join(",")
}

fn shown_address(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let cut = rest.find(['?', '#']).unwrap_or(rest.len());
    let (place, more) = rest.split_at(cut);
    let host_ends = place.find('/').unwrap_or(place.len());
    let (host, path) = place.split_at(host_ends);
    let host = match host.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => host.to_owned(),
    };
    let more = match more {
        "" | "?network=allow" => more,
        _ => "?…",
    };
    format!("{scheme}://{host}{path}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn possible_secrets_in_a_url_are_not_shown() {
        for (text, expected) in [
            ("s3://media/originals", "s3://media/originals"),
            ("file:///srv?network=allow", "file:///srv?network=allow"),
            (
                "https://cdn.example/purge?key=S",
                "https://cdn.example/purge?…",
            ),
            ("https://u:S@cdn.example/#S", "https://…@cdn.example/?…"),
            (
                "http://one:6081,http://S@two:6081",
                "http://one:6081,http://…@two:6081",
            ),
            ("image/*", "image/*"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }
}
