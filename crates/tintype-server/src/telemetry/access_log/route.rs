//! The parts of a path for logs and metrics: a label with few values, and the key.

/// All routes.
pub(crate) const ROUTES: [&str; 12] = [
    "variant", "original", "json", "files", "records", "list", "batch", "copy", "move", "purge",
    "openapi", "other",
];

/// Works for requests that never reached a handler, too.
pub(super) fn route(path: &str) -> &'static str {
    if let Some(rest) = path.strip_prefix("/t/") {
        let spec = rest.rsplit('/').next().unwrap_or_default();
        let is_item = |wanted| spec.split('~').any(|item| item == wanted);
        return match () {
            () if is_item("f_original") => "original",
            () if is_item("f_json") => "json",
            () => "variant",
        };
    }
    if path.starts_with("/o/") {
        return "original";
    }
    let Some(rest) = path.strip_prefix("/api/v1/") else {
        return "other";
    };
    match rest.split('/').next().unwrap_or_default() {
        "files" => "files",
        "records" => "records",
        "list" => "list",
        "batch" => "batch",
        "copy" => "copy",
        "move" => "move",
        "purge" => "purge",
        "openapi.json" => "openapi",
        _ => "other",
    }
}

/// The key as spelt in the path. The spec is omitted because it may be signed; so are paths with a signature
/// elsewhere.
pub(crate) fn key(path: &str) -> Option<&str> {
    let key = if let Some(rest) = path.strip_prefix("/t/") {
        rest.rsplit_once('/')?.0
    } else {
        ["/o/", "/api/v1/files/", "/api/v1/records/"]
            .iter()
            .find_map(|prefix| path.strip_prefix(prefix))?
    };
    let is_signature = |segment: &str| segment.split('~').any(|item| item.starts_with("sig_"));
    (!key.is_empty() && !key.split('/').any(is_signature)).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_of_few_names_and_perhaps_a_key() {
        for (path, expected_route, expected_key) in [
            ("/t/a/b.jpg/w_100~sig_x", "variant", Some("a/b.jpg")),
            ("/t/a/b.jpg/w_1~sig_x/w_2", "variant", None),
            ("/t/a/sig_x/w_2", "variant", None),
            ("/t/design_1.jpg/w_2", "variant", Some("design_1.jpg")),
            ("/t/w_100", "variant", None),
            ("/t/a.jpg/f_original", "original", Some("a.jpg")),
            ("/t/a.jpg/f_original~v_1~sig_x", "original", Some("a.jpg")),
            ("/t/a.jpg/exp_1~f_json", "json", Some("a.jpg")),
            ("/t/f_json/w_100", "variant", Some("f_json")),
            ("/t/a.jpg/f_jsons", "variant", Some("a.jpg")),
            ("/t//w_100", "variant", None),
            ("/o/a/b.jpg", "original", Some("a/b.jpg")),
            ("/o/", "original", None),
            ("/api/v1/files/a%20b.jpg", "files", Some("a%20b.jpg")),
            ("/api/v1/files", "files", None),
            ("/api/v1/records/a.jpg", "records", Some("a.jpg")),
            ("/api/v1/uploads/123", "other", None),
            ("/api/v1/list", "list", None),
            ("/api/v1/nonsense", "other", None),
            ("/api/v2/files/a.jpg", "other", None),
            ("/", "other", None),
            ("*", "other", None),
            ("", "other", None),
        ] {
            assert!(ROUTES.contains(&route(path)), "{path}");
            assert_eq!(
                (route(path), key(path)),
                (expected_route, expected_key),
                "{path}"
            );
        }
    }
}
