//! JSON schemas in words.

use serde_json::Value;

use super::members;
use crate::docs::page::{Page, ReferenceEntry};

pub(super) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// The name of a header, given its component name such as `ETag` or `WwwAuthenticate`.
pub(super) fn hyphenated(name: &str) -> String {
    if name == "ETag" {
        return name.to_owned();
    }
    let mut hyphenated = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !hyphenated.is_empty() {
            hyphenated.push('-');
        }
        hyphenated.push(c);
    }
    hyphenated.replace("Www-", "WWW-")
}

pub(super) fn write(page: &mut Page, name: &str, schema: &Value) {
    let mut body = text(schema, "description");
    let required: Vec<_> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    let lines = members(&schema["properties"]).map(|(member, schema)| {
        let needed = required.iter().any(|name| name.as_str() == Some(member));
        let needed = if needed || required.is_empty() {
            ""
        } else {
            ", not always"
        };
        let description = text(schema, "description");
        let description = match description.is_empty() {
            true => description,
            false => format!(": {description}"),
        };
        format!("- `{member}` {}{needed}{description}", kind(schema))
    });
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() {
        body = format!("{body}\n\n{}.", kind(schema));
    }
    page.entry(ReferenceEntry {
        id: format!("schema-{name}"),
        name,
        text: &format!("{body}\n\n{}", lines.join("\n")),
        ..ReferenceEntry::default()
    });
}

/// The type of a value in a few words; named objects are linked.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|to| to.rsplit('/').next()) {
        return format!("[{name}](#schema-{name})");
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(kinds) = schema[choice]
            .as_array()
            .filter(|_| schema["properties"].is_null())
        {
            return kinds.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(value) = schema.get("const") {
        return format!("`{}`", plain(value));
    }
    if let Some(words) = schema["enum"].as_array() {
        let words = words.iter().map(|word| format!("`{}`", plain(word)));
        return words.collect::<Vec<_>>().join(", ");
    }
    let kinds: Vec<_> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(plain).collect(),
        Value::String(kind) => vec![kind.clone()],
        _ => vec!["anything".to_owned()],
    };
    match &*kinds.join(" or ") {
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" if !schema["properties"].is_null() => {
            let fields =
                members(&schema["properties"]).map(|(name, schema)| match schema.get("const") {
                    Some(value) => format!("`{name}`: `{}`", plain(value)),
                    None => format!("`{name}`"),
                });
            format!("object of {}", fields.collect::<Vec<_>>().join(", "))
        }
        kinds => format!("{kinds}{}", range(schema)),
    }
}

fn range(schema: &Value) -> String {
    let limit = |name: &str| schema.get(name).map(plain);
    let length = [limit("minLength"), limit("maxLength")];
    let unit = if length.iter().any(Option::is_some) {
        " characters"
    } else {
        ""
    };
    let [least, most] = match length {
        [None, None] => [limit("minimum"), limit("maximum")],
        length => length,
    };
    match (least, most) {
        (Some(least), Some(most)) => format!(", {least} to {most}{unit}"),
        (Some(least), None) => format!(", {least}{unit} or more"),
        (None, Some(most)) => format!(", {most}{unit} at most"),
        (None, None) => String::new(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
