//! The HTTP API, from the OpenAPI document that the service itself serves.

mod schema;

use serde_json::{Map, Value};

use super::page::{Page, ReferenceEntry};
use crate::api::DOCUMENT;
use crate::config::Scope;
use crate::error::Code;

/// In order of importance to readers.
const METHODS: [&str; 7] = ["put", "post", "get", "head", "patch", "delete", "options"];

const UNTAGGED: &str = "service";

pub(super) fn write(page: &mut Page) {
    page.section("api", "HTTP API");
    page.prose(include_str!("prose/api.md"));
    let scopes = Scope::ALL.map(|scope| format!("`{scope}`")).join(", ");
    page.prose(&format!("The scopes are {scopes}."));
    // A test parses it as well.
    let Ok(document) = serde_json::from_str::<Value>(DOCUMENT) else {
        return;
    };
    let document = Api(document);
    for (id, title) in document.parts() {
        page.part(&format!("api-{id}"), &title);
        for operation in document.operations(&id) {
            document.operation(page, &operation);
        }
    }
    page.part("api-schemas", "Objects");
    for (name, schema) in document.all("schemas") {
        schema::write(page, name, schema);
    }
    page.part("api-headers", "Response headers");
    let rows = document.all("headers").map(|(name, header)| {
        let text = schema::text(header, "description");
        [
            format!("`{}`", schema::hyphenated(name)),
            text,
            schema::kind(&header["schema"]),
        ]
    });
    page.table(["header", "what", "form"], rows.collect());
}

struct Api(Value);

struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    /// Of the path and of the operation.
    parameters: Vec<&'a Value>,
    value: &'a Value,
}

impl Api {
    /// Tags and their descriptions; the last one collects what has no tag.
    fn parts(&self) -> Vec<(String, String)> {
        let tags = self.0["tags"].as_array().into_iter().flatten();
        let tags = tags.map(|tag| {
            let title = schema::text(tag, "description");
            (
                schema::text(tag, "name"),
                title.trim_end_matches('.').to_owned(),
            )
        });
        let others = (UNTAGGED.to_owned(), "About the service".to_owned());
        tags.chain([others]).collect()
    }

    fn operations<'a>(&'a self, part: &str) -> Vec<Operation<'a>> {
        let mut found = Vec::new();
        let mut paths: Vec<_> = members(&self.0["paths"]).collect();
        // In the order of the document, which the parsed value has lost.
        paths.sort_by_key(|(path, _)| DOCUMENT.find(&format!("\"{path}\":")));
        for (path, item) in paths {
            let shared = item["parameters"].as_array().into_iter().flatten();
            for method in METHODS
                .into_iter()
                .filter(|method| item.get(method).is_some())
            {
                let value = &item[method];
                if value["tags"][0].as_str().unwrap_or(UNTAGGED) == part {
                    let own = value["parameters"].as_array().into_iter().flatten();
                    found.push(Operation {
                        path,
                        method,
                        parameters: shared.clone().chain(own).collect(),
                        value,
                    });
                }
            }
        }
        found
    }

    fn operation(&self, page: &mut Page, operation: &Operation<'_>) {
        let Operation {
            path,
            method,
            value,
            ..
        } = operation;
        let summary = schema::text(value, "summary");
        let description = schema::text(value, "description");
        let name = format!("{} {path}", method.to_uppercase());
        page.entry(ReferenceEntry {
            id: format!("call-{}", schema::text(value, "operationId")),
            name: &name,
            text: &format!("**{summary}.** {description}"),
            facts: vec![
                ("Parameters", self.parameters(operation)),
                ("Body", body(&value["requestBody"])),
                ("Responses", self.answers(&value["responses"])),
                ("Refusals", self.refusals(&value["responses"])),
            ],
            ..ReferenceEntry::default()
        });
    }

    fn parameters(&self, operation: &Operation<'_>) -> String {
        let parameters = operation.parameters.iter().map(|parameter| {
            let name = schema::text(parameter, "name");
            let place = schema::text(parameter, "in");
            let text = schema::text(parameter, "description");
            let kind = schema::kind(&parameter["schema"]);
            let text = if text.is_empty() {
                text
            } else {
                format!(": {text}")
            };
            format!("`{name}` ({place}, {kind}){text}")
        });
        let parameters: Vec<_> = parameters
            .map(|text| text.trim_end_matches('.').to_owned())
            .collect();
        parameters.join("\n")
    }

    /// Responses, one per line.
    fn answers(&self, responses: &Value) -> String {
        let answers = self.responses(responses, false).map(|(status, response)| {
            let description = schema::text(response, "description");
            let mut contents = members(&response["content"]);
            let of = contents
                .next()
                .map(|(_, content)| schema::kind(&content["schema"]));
            let of = of.filter(|of| of.contains('['));
            let of = of.map(|of| format!(", {of}")).unwrap_or_default();
            format!("**{status}** {}{of}", description.trim_end_matches('.'))
        });
        answers.collect::<Vec<_>>().join("\n")
    }

    /// The error codes; for `HEAD`, which has no bodies, the descriptions.
    fn refusals(&self, responses: &Value) -> String {
        let refusals = self.responses(responses, true).map(|(status, response)| {
            let description = schema::text(response, "description");
            let codes = description.split('`').skip(1).step_by(2).map(linked);
            let codes = codes.collect::<Vec<_>>().join(", ");
            match codes.is_empty() {
                true => format!("**{status}** {}", description.trim_end_matches('.')),
                false => format!("**{status}** {codes}"),
            }
        });
        refusals.collect::<Vec<_>>().join(" · ")
    }

    fn responses<'a>(
        &'a self,
        responses: &'a Value,
        refused: bool,
    ) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let all = members(responses).map(|(status, response)| (status, self.resolved(response)));
        all.filter(move |(status, _)| status.starts_with(['4', '5']) == refused)
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str().and_then(|to| to.strip_prefix('#')) {
            Some(pointer) => self.0.pointer(pointer).unwrap_or(value),
            None => value,
        }
    }

    fn all(&self, kind: &str) -> impl Iterator<Item = (&str, &Value)> {
        members(&self.0["components"][kind])
    }
}

/// A code, linked to its description.
fn linked(code: &str) -> String {
    match Code::named(code) {
        Some(code) => format!("[{0}](#error-{0})", code.as_str()),
        None => format!("`{code}`"),
    }
}

fn body(body: &Value) -> String {
    let content = members(&body["content"]);
    let kinds = content.map(|(kind, content)| {
        let of = schema::kind(&content["schema"]);
        format!("`{kind}`, {of}")
    });
    kinds.collect::<Vec<_>>().join(" · ")
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let members = value.as_object().into_iter().flat_map(Map::iter);
    members.map(|(name, value)| (name.as_str(), value))
}
