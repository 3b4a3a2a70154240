//! Everything that can be requested, set, counted or refused is on the page under its own anchor, and no link is
//! broken.

use std::collections::HashSet;

use tintype_imaging::probe::SourceFormat;

use super::*;
use crate::api::DOCUMENT;
use crate::config::documented;
use crate::error::Code;
use crate::telemetry::metrics::{Exposition, Metrics};
use crate::url::ITEMS;

fn html() -> String {
    document(None).html
}

/// Values of an attribute.
fn all<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    let after = html.split(&start).skip(1);
    after.map(|text| text.split('"').next().unwrap()).collect()
}

#[test]
fn nothing_is_missing() {
    let html = html();
    let ids: HashSet<_> = all(&html, "id").into_iter().collect();
    let items = ITEMS.iter().map(|item| format!("item-{}", item.name));
    let codes = Code::ALL
        .iter()
        .map(|code| format!("error-{}", code.as_str()));
    let options = documented();
    let options = options.iter().flat_map(|group| &group.options);
    let options = options.map(|option| format!("option-{}", option.name));
    let metrics = Metrics::new("1", []).encode();
    let exposition = Exposition::of(&metrics).to_prometheus();
    let metrics = exposition
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "));
    let metrics = metrics.map(|line| format!("metric-{}", line.split(' ').next().unwrap()));
    let api: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
    let paths = api["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|path| path.as_object().unwrap().values());
    let operations = operations.filter_map(|operation| operation["operationId"].as_str());
    let operations = operations.map(|id| format!("call-{id}"));
    let fields = include_str!("../../../../deploy/log.md").lines();
    let fields: Vec<_> = fields.filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<_> = items
        .chain(codes)
        .chain(options)
        .chain(metrics)
        .chain(operations)
        .collect();
    assert!(
        expected.len() > 22 + 40 + 50 + 40 + 10,
        "{}",
        expected.len()
    );
    for id in expected {
        assert!(ids.contains(&*id), "{id} is not on the page");
    }
    let shown = ids
        .iter()
        .filter(|id| id.starts_with("log-") && id.matches('-').count() > 1);
    assert!(
        shown.count() >= fields.len(),
        "{} fields of the log",
        fields.len()
    );
}

/// In the same words and order; what comes out stands beside.
#[test]
fn the_readme_has_every_format() {
    let readme = include_str!("../../../../README.md");
    let (_, formats) = readme.split_once("\n## Formats\n").unwrap();
    let (formats, _) = formats.split_once("\n## ").unwrap();
    let rows = formats.lines().filter(|line| line.starts_with("| "));
    let rows: Vec<_> = rows.skip_while(|row| row.starts_with("| |")).collect();
    let inputs =
        SourceFormat::ALL.map(|format| format!("| {} | {} |", format.title(), format.text()));
    assert_eq!(rows.len(), inputs.len(), "{rows:#?}");
    for (row, input) in rows.into_iter().zip(inputs) {
        assert!(row.starts_with(&input), "{row}\nshould begin with\n{input}");
    }
}

/// A family without a series would be shown by no registry, and so be missing everywhere.
#[test]
fn no_metric_hides_until_it_is_counted() {
    let source = include_str!("../telemetry/metrics/mod.rs");
    let registers = [
        "r.add(",
        "r.with_unit(",
        "r.durations(",
        "r.0.register_with_unit(",
    ];
    let registered: usize = registers
        .iter()
        .map(|call| source.matches(call).count())
        .sum();
    assert!(registered > 40, "{registered}");
    assert_eq!(html().matches(" id=\"metric-tintype_").count(), registered);
}

#[test]
fn every_anchor_is_one_and_every_link_leads_to_one() {
    let html = html();
    let ids = all(&html, "id");
    let unique: HashSet<_> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len());
    let links = all(&html, "href");
    for link in links.iter().filter_map(|link| link.strip_prefix('#')) {
        assert!(unique.contains(link), "#{link}");
    }
    assert!(links.len() > 300, "{}", links.len());
}

/// It can be saved as a file, and served under a policy that allows nothing from elsewhere.
#[test]
fn the_page_needs_nothing_from_anywhere() {
    let html = html();
    for outside in [
        " src=",
        "@import",
        "url(",
        "<link rel=\"stylesheet\"",
        " style=",
        " onclick=",
    ] {
        assert!(!html.contains(outside), "{outside}");
    }
    for marker in html.split('%').filter(|part| part.len() < 12) {
        assert!(
            !marker.chars().all(|c| c.is_ascii_uppercase()) || marker.is_empty(),
            "%{marker}%"
        );
    }
    let policy = document(None).policy;
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
}

/// The compiler already requires both; this checks that they are sentences.
#[test]
fn codes_have_their_cause_and_cure() {
    for code in Code::ALL {
        for text in [code.cause(), code.cure()] {
            assert!(text.len() > 20 && text.ends_with('.'), "{code:?}: {text}");
            assert_eq!(text.matches('`').count() % 2, 0, "{code:?}: {text}");
        }
    }
}
