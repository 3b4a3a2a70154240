//! Parses one line of an access log.

/// The request of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LoggedRequest<'a> {
    pub(super) method: &'a str,
    /// Path and query, as received.
    pub(super) target: &'a str,
    pub(super) status: Option<u16>,
}

/// `None` if the line has no request.
pub(super) fn parse(line: &str) -> Option<LoggedRequest<'_>> {
    let bare = line.split_whitespace().next()?;
    if bare.starts_with('/') || bare.starts_with("http://") || bare.starts_with("https://") {
        return Some(LoggedRequest {
            method: "GET",
            target: path(bare)?,
            status: None,
        });
    }
    // In quotes, also if the line is JSON.
    let quoted = |method: &'static str| {
        let (_, rest) = line.split_once(&format!("\"{method} "))?;
        Some((method, rest))
    };
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    let (method, rest) = methods.into_iter().find_map(quoted)?;
    let (request, after) = rest.split_once('"')?;
    let target = request.split_whitespace().next()?;
    let status = after.split_whitespace().next();
    Some(LoggedRequest {
        method,
        target: path(target)?,
        status: status.and_then(|status| status.parse().ok()),
    })
}

/// Without scheme, host and fragment.
fn path(target: &str) -> Option<&str> {
    let target = target.split('#').next()?;
    let path = match target.split_once("://") {
        Some(("http" | "https", rest)) => &rest[rest.find('/')?..],
        _ => target,
    };
    path.starts_with('/').then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_every_common_log_are_read() {
        let common =
            r#"127.0.0.1 - - [10/Oct/2020:13:55:36 +0000] "GET /a.jpg?w=3 HTTP/1.1" 200 2326"#;
        let combined = format!(r#"{common} "https://example.org/\"x" "Mozilla/5.0 \"GET /b\"""#);
        let json = r#"{"request":"GET /a.jpg?w=3 HTTP/1.1","status":200}"#;
        for (line, status) in [
            (common, Some(200)),
            (combined.as_str(), Some(200)),
            (json, None),
            ("/a.jpg?w=3", None),
            ("https://old.example.org/a.jpg?w=3#top", None),
        ] {
            let expected = LoggedRequest {
                method: "GET",
                target: "/a.jpg?w=3",
                status,
            };
            assert_eq!(parse(line), Some(expected), "{line}");
        }
        let posted = parse(r#"::1 - - [x] "POST /upload HTTP/2.0" 404 0"#).unwrap();
        assert_eq!((posted.method, posted.status), ("POST", Some(404)));
        for line in [
            "",
            "nothing",
            r#"::1 - - [x] "-" 400 0"#,
            "\"GET \"",
            "http://host",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
