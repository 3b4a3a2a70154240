//! The options as the reference documents them.

use super::option::{ConfigOption, OptionGroup};
use super::options::GROUPS;

/// Options under one heading.
#[derive(Debug)]
pub struct Group {
    /// Empty for notes on all options.
    pub title: &'static str,
    /// Notes on the options of the group, in Markdown.
    pub notes: String,
    pub options: Vec<Documented>,
}

#[derive(Debug)]
pub struct Documented {
    pub name: &'static str,
    /// Name of the environment variable.
    pub variable: String,
    /// Empty if there is none, or if it depends on other options.
    pub default: &'static str,
    pub is_secret: bool,
    /// Whether a site may set its own.
    pub is_of_site: bool,
    /// Markdown.
    pub help: String,
}

/// Sections of text only, by title: the introduction, and tables that are not options. Lines indented by two spaces
/// are literal lines of the file.
pub(super) const HEAD: &str = include_str!("prose/head.md");
pub(super) const TABLES: [(&str, &str); 3] = [
    ("Presets", include_str!("prose/presets.md")),
    ("Sites", include_str!("prose/sites.md")),
    ("Old URLs", include_str!("prose/old-urls.md")),
];

pub fn documented() -> Vec<Group> {
    let section = |title, text: &'static str| Group {
        title,
        notes: markdown(text.lines()),
        options: Vec::new(),
    };
    let tables = TABLES.iter().map(|(title, text)| section(title, text));
    let options = GROUPS.iter().map(group);
    [section("", HEAD)]
        .into_iter()
        .chain(options)
        .chain(tables)
        .collect()
}

fn group(group: &OptionGroup) -> Group {
    let mut help: &[&str] = &[];
    let options = group.options.iter().map(|option| {
        if !option.help.is_empty() {
            help = option.help;
        }
        documented_option(option, help)
    });
    Group {
        title: group.title,
        options: options.collect(),
        notes: markdown(lines(group.notes)),
    }
}

fn documented_option(option: &ConfigOption, help: &[&'static str]) -> Documented {
    Documented {
        name: option.name,
        variable: option.variable(),
        default: option.default,
        is_secret: option.is_secret,
        is_of_site: option.is_of_site,
        help: markdown(lines(help)),
    }
}

/// Lines of a doc comment without their leading space.
pub(super) fn lines(comment: &[&'static str]) -> impl Iterator<Item = &'static str> {
    comment
        .iter()
        .map(|&line| line.strip_prefix(' ').unwrap_or(line))
}

fn markdown(lines: impl Iterator<Item = &'static str>) -> String {
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
    //! `config/tintype.toml` is generated from the option tables, and sets nothing but defaults.

    use std::collections::HashSet;
    use std::path::Path;

    use super::*;
    use crate::config::options::OPTIONS;
    use crate::config::{Config, Dev};

    const FILE: &str = include_str!("../../../../config/tintype.toml");
    const COLUMNS: usize = 96;

    #[test]
    fn every_option_is_explained() {
        let groups = documented();
        let mut names: Vec<_> = OPTIONS.iter().map(|option| option.name).collect();
        let different: HashSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len());
        for option in groups.iter().flat_map(|group| &group.options) {
            assert!(option.help.trim().len() > 20, "{option:?}");
            names.retain(|name| *name != option.name);
        }
        assert!(names.is_empty(), "{names:?}");
        let group = |title| groups.iter().find(|group| group.title == title).unwrap();
        assert!(group("").notes.contains("wins over this file"));
        assert!(
            group("Downstream caches")
                .notes
                .contains("Which caches to purge")
        );
        assert!(group("Sites").notes.contains("```\n[sites.magazine]\n"));
        let keys = &group("Stores").options;
        let of = |name| keys.iter().find(|option| option.name == name).unwrap();
        assert_eq!(of("s3_bucket_key").help, of("s3_encryption").help);
    }

    #[test]
    fn the_documented_file_is_the_defaults() {
        let expected = file();
        if FILE != expected {
            let written = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tintype.toml");
            std::fs::create_dir_all(written.parent().unwrap()).unwrap();
            std::fs::write(&written, expected).unwrap();
            panic!(
                "config/tintype.toml does not match the options: copy target/tintype.toml over it"
            );
        }
        // The file as shipped sets nothing and is valid.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tintype.toml");
        std::fs::write(&path, FILE).unwrap();
        assert!(Config::load([], &path, Some(&Dev::default())).is_ok());
    }

    fn file() -> String {
        let mut text = comment(HEAD.lines());
        for group in &GROUPS {
            text += &heading(group.title);
            if !group.notes.is_empty() {
                text += &format!("{}\n", comment(lines(group.notes)));
            }
            for (at, option) in group.options.iter().enumerate() {
                if at > 0 && !option.help.is_empty() {
                    text.push('\n');
                }
                text += &comment(lines(option.help));
                text += &format!("#{} = {:?}\n", option.name, option.default);
            }
        }
        for (title, prose) in TABLES {
            text += &heading(title);
            text += &match title {
                // The only table that can be active while empty.
                "Presets" => prose.lines().map(in_force).collect(),
                _ => comment(prose.lines()),
            };
        }
        text
    }

    fn heading(title: &str) -> String {
        let dashes = "-".repeat(COLUMNS - "# ----  ".len() - title.len());
        format!("\n# ---- {title} {dashes}\n\n")
    }

    /// Literal lines: table headings are active, examples are commented out.
    fn in_force(line: &str) -> String {
        match line.strip_prefix("  ") {
            Some(table) if table.starts_with('[') => format!("{table}\n"),
            Some(example) => format!("#{example}\n"),
            None if line.is_empty() => String::new(),
            None => format!("# {line}\n"),
        }
    }

    fn comment(lines: impl Iterator<Item = &'static str>) -> String {
        let line = |line: &str| match line {
            "" => String::from("#\n"),
            line => format!("# {line}\n"),
        };
        lines.map(line).collect()
    }
}
