//! The options as people read of them: in the groups and the words of `config/tintype.toml`.

use super::options::{OPTIONS, SITE_OPTIONS, env_name};

const FILE: &str = include_str!("../../../../config/tintype.toml");

/// Options under one heading.
#[derive(Debug, Default)]
pub struct Group {
    /// Empty for what comes before the first heading.
    pub title: &'static str,
    /// What is said of all of them, in Markdown.
    pub notes: String,
    pub options: Vec<Documented>,
}

#[derive(Debug)]
pub struct Documented {
    pub name: &'static str,
    /// Its name in the environment.
    pub variable: String,
    /// Empty where there is none, or where it depends on other things.
    pub default: &'static str,
    pub is_secret: bool,
    /// In Markdown.
    pub help: String,
}

/// The names of what a site's own table may hold.
pub fn site_options() -> impl Iterator<Item = &'static str> {
    SITE_OPTIONS.iter().map(|option| option.name)
}

pub fn documented() -> Vec<Group> {
    let mut groups = vec![Group::default()];
    // What is said of the options that follow, as long as no blank line comes between.
    let mut said: Vec<String> = Vec::new();
    let mut is_said = false;
    for line in FILE.lines().chain([""]) {
        let Some(group) = groups.last_mut() else {
            break;
        };
        if let Some(title) = line.strip_prefix("# ---- ") {
            let title = title.trim_end_matches(['-', ' ']);
            groups.push(Group {
                title,
                ..Group::default()
            });
        } else if let Some(option) = line.strip_prefix('#').and_then(option) {
            let help = markdown(&said);
            group.options.push(Documented { help, ..option });
            is_said = true;
        } else if let Some(text) = line.strip_prefix('#') {
            if std::mem::take(&mut is_said) {
                said.clear();
            }
            // What touches its mark is an example.
            let text = match text.strip_prefix(' ') {
                Some(text) => text.to_owned(),
                None if text.is_empty() => String::new(),
                None => format!("  {text}"),
            };
            said.push(text);
        } else {
            if !is_said {
                group.notes.push_str(&markdown(&said));
            }
            said.clear();
            is_said = false;
        }
    }
    groups
}

/// `name = "default"`, the name being one of ours.
fn option(line: &'static str) -> Option<Documented> {
    let (name, _) = line.split_once(" = ")?;
    let option = OPTIONS.iter().find(|option| option.name == name)?;
    Some(Documented {
        name: option.name,
        variable: env_name(name),
        default: option.default,
        is_secret: option.secret,
        help: String::new(),
    })
}

/// Lines of a comment; what is set in is as it would stand in the file.
fn markdown(lines: &[String]) -> String {
    let mut text = String::new();
    let mut in_code = false;
    for line in lines {
        let is_code = line.starts_with("  ") || (in_code && line.is_empty());
        if is_code != in_code {
            text.push_str("\n```\n");
            in_code = is_code;
        }
        text.push_str(line.strip_prefix("  ").unwrap_or(line));
        text.push('\n');
    }
    if in_code {
        text.push_str("```\n");
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_explained() {
        let groups = documented();
        let mut names: Vec<_> = OPTIONS.iter().map(|option| option.name).collect();
        for option in groups.iter().flat_map(|group| &group.options) {
            assert!(option.help.trim().len() > 20, "{option:?}");
            names.retain(|name| *name != option.name);
        }
        assert!(names.is_empty(), "{names:?}");
        let group = |title| groups.iter().find(|group| group.title == title).unwrap();
        assert!(group("").notes.contains("wins over this file"));
        assert!(group("Caches in front").notes.contains("Whom to tell"));
        assert!(group("Sites").notes.contains("```\n[sites.magazine]\n"));
        let keys = &group("Stores").options;
        let of = |name| keys.iter().find(|option| option.name == name).unwrap();
        assert_eq!(of("s3_bucket_key").help, of("s3_encryption").help);
    }
}
