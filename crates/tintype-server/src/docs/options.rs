//! Every option, with its help from `config/tintype.toml`.

use super::page::{Page, ReferenceEntry};
use crate::config::{Group, documented};

pub(super) fn write(page: &mut Page) {
    page.section("configuration", "Configuration");
    page.prose(include_str!("prose/configuration.md"));
    for Group {
        title,
        notes,
        options,
    } in documented()
    {
        if !title.is_empty() {
            let id = title.to_lowercase().replace(' ', "-");
            page.part(&format!("options-{id}"), title);
        }
        page.prose(&notes);
        for option in options {
            let secret = option.is_secret.then_some(("warm", "secret".to_owned()));
            let default = Some(format!("`{}`", option.default));
            let default = default.filter(|_| !option.default.is_empty());
            page.entry(ReferenceEntry {
                id: format!("option-{}", option.name),
                name: option.name,
                badges: secret.into_iter().collect(),
                text: &option.help,
                facts: vec![
                    ("Environment", format!("`{}`", option.variable)),
                    ("Default", default.unwrap_or_default()),
                    (
                        "Per site",
                        if option.is_of_site { "yes" } else { "" }.to_owned(),
                    ),
                ],
            });
        }
    }
}
