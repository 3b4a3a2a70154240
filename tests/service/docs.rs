//! The reference lists everything that a service of this release accepts and returns. Only a development service shows
//! it: a public one does not reveal what it is. What it sends to a browser, it may send to everybody who reaches it.

use crate::corpus;
use crate::harness::{ALL_SCOPES, App, Start, free_port, tintype, token};

fn printed(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let output = tintype(folder.path()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_service_for_development_shows_it_and_no_other_does() {
    let page = App::dev().get("/").expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-store");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(page.text().contains("id=\"error-not-mapped\""));

    App::production().get("/").refused(404, "not-found");
}

#[test]
fn it_is_a_page_to_be_read() {
    let app = App::dev();
    assert!(app.head("/").expect(200).body.is_empty());
    let refused = app.call("POST", "/", &[], b"");
    refused.refused(405, "method-not-allowed");
    assert_eq!(refused.header("allow"), "GET, HEAD");
}

#[test]
fn every_metric_of_a_service_at_work_is_on_it() {
    let app = App::dev();
    app.upload("a.jpg", &corpus::tower());
    app.get("/t/a.jpg/w_64~f_jpeg").expect(200);
    app.get("/t/a.jpg/w_0").expect(400);
    let page = app.get("/").expect(200).text();
    let metrics = app.admin("/metrics").text();
    let names = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# HELP "));
    let names: Vec<_> = names.map(|line| line.split(' ').next().unwrap()).collect();
    assert!(names.len() > 40, "{names:?}");
    for name in names {
        assert!(page.contains(&format!("id=\"metric-{name}\"")), "{name}");
    }
}

#[test]
fn every_option_is_in_the_file_on_the_page_and_in_the_help() {
    let (page, help) = (printed(&["docs"]), printed(&["config", "--help"]));
    let file = include_str!("../../config/tintype.toml");
    let options = file.lines().take_while(|line| *line != "[presets]");
    let options = options.filter_map(|line| line.strip_prefix('#')?.split_once(" = \""));
    let options: Vec<_> = options.filter(|(name, _)| !name.contains(' ')).collect();
    assert!(options.len() > 45, "{options:?}");
    for (name, default) in options {
        assert!(page.contains(&format!("id=\"option-{name}\"")), "{name}");
        let variable = format!("TINTYPE_{}", name.to_uppercase());
        let line = format!("{variable} {}", default.trim_end_matches('"'));
        let lines = help
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut lines = lines.map(|words| words.join(" "));
        assert!(lines.any(|told| told == line.trim()), "{line} in {help}");
    }
}

/// `dev` is no secret; every other accepted token is.
#[test]
fn no_secret_is_handed_out() {
    let with_token = "\"token\":\"dev\"";
    assert!(App::dev().get("/").text().contains(with_token));
    let (plain, configured) = token("ops", ALL_SCOPES);
    let own = Start::dev().env("TINTYPE_TOKENS", &configured).run();
    let page = own.get("/").expect(200).text();
    assert!(page.contains("\"token\":null"));
    let secret = plain.rsplit('_').next().unwrap();
    assert!(!page.contains(secret));
}

#[test]
fn where_the_api_is_elsewhere_there_is_nothing_to_play_with() {
    let api = format!("127.0.0.1:{}", free_port());
    let app = Start::dev().env("TINTYPE_API_BIND", &api).run();
    let page = app.get("/").expect(200).text();
    assert!(!page.contains("id=\"service\""));
    assert!(page.contains("id=\"item-w\""));
}

#[test]
fn the_command_writes_the_same_without_a_playground() {
    let page = printed(&["docs"]);
    assert!(page.starts_with("<!DOCTYPE html>"));
    assert!(page.contains("tintype serve --dev"));
    assert!(!page.contains("id=\"service\""));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.html");
    assert_eq!(printed(&["docs", "--output", file.to_str().unwrap()]), "");
    // Identical to the last byte; `assert_eq` would fill the screen.
    assert!(std::fs::read_to_string(file).unwrap() == page);
}

#[test]
fn the_readme_leads_to_what_is_there() {
    let readme = include_str!("../../README.md");
    let headings = readme.lines().filter_map(|line| line.strip_prefix("## "));
    let anchors: Vec<_> = headings
        .map(|heading| heading.to_lowercase().replace(' ', "-"))
        .collect();
    let links = readme.split("](#").skip(1);
    let links: Vec<_> = links.map(|text| text.split(')').next().unwrap()).collect();
    for link in &links {
        assert!(anchors.iter().any(|anchor| anchor == link), "#{link}");
    }
    for anchor in &anchors {
        assert!(
            links.contains(&&**anchor),
            "{anchor} is not in the contents"
        );
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = readme
        .split("](")
        .skip(1)
        .map(|text| text.split(')').next().unwrap());
    for file in files.filter(|file| !file.starts_with(['#', 'h'])) {
        let file = file.split('#').next().unwrap();
        assert!(root.join(file).exists(), "{file}");
    }
}
