//! What handlers parse from a request: caller, key, query, JSON body, conditions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::{FromRequestParts, Query};
use http::header::{CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, Uri};
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;
use tintype_store::Key;

use super::TokenSeen;
use crate::app::App;
use crate::auth::{Caller, Principal};
use crate::error::{Code, Error};
use crate::http::respond::conditional::Tags;
use crate::originals::put::Conflict;
use crate::records::patch::RecordPatch;
use crate::url::decode;

/// Fits a batch of 1,000 keys of 900 bytes with their escapes.
const MAX_JSON_BYTES: usize = 4 * 1024 * 1024;
const MAX_ACTOR_BYTES: usize = 256;

/// Extracted first by every handler.
impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |now| now.as_secs());
        let principal = Principal::of(&parts.headers, &app.config.tokens, now)?;
        if let Some(TokenSeen(seen)) = parts.extensions.get() {
            // Set only once, because a request has one caller.
            let _ = seen.set(principal.id.clone());
        }
        let on_behalf_of = match parts.headers.get("tintype-actor") {
            None => None,
            Some(value) => Some(actor(value.as_bytes())?),
        };
        Ok(Self {
            principal,
            on_behalf_of,
        })
    }
}

fn actor(bytes: &[u8]) -> Result<String, Error> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    if text.trim().is_empty() || text.len() > MAX_ACTOR_BYTES || text.chars().any(char::is_control)
    {
        return Err(Error::invalid(
            "Tintype-Actor",
            format!("must be 1 to {MAX_ACTOR_BYTES} bytes of text"),
        ));
    }
    Ok(text.to_owned())
}

/// The key of a new original, from the percent-encoded path.
pub(super) fn new_key(uri: &Uri, base: &str) -> Result<Key, Error> {
    Ok(Key::parse(&decoded(uri, base)?)?)
}

/// The key of an existing original. Adopted originals may have names that new ones may not.
pub(super) fn existing_key(uri: &Uri, base: &str) -> Result<Key, Error> {
    Ok(Key::existing(&decoded(uri, base)?)?)
}

/// Decodes the path once. A path that could be read as two names is refused, not repaired.
fn decoded(uri: &Uri, base: &str) -> Result<String, Error> {
    let raw = uri.path().strip_prefix(base).unwrap_or_default();
    let text = decode(raw)?;
    if raw.to_ascii_lowercase().contains("%2f") {
        return Err(Error::new(Code::InvalidKey).detail("key has a slash in percent-encoding"));
    }
    Ok(text.into_owned())
}

pub(super) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Error> {
    // Collected into a map first: the deserializer would silently pick one value of a repeated name.
    let pairs: Vec<(String, String)> = Query::try_from_uri(uri)
        .map(|Query(pairs)| pairs)
        .map_err(|error| Error::invalid("query", error.body_text()))?;
    let mut seen = BTreeMap::new();
    for (name, value) in pairs {
        if seen.insert(name.clone(), value).is_some() {
            return Err(Error::invalid(&name, "is given twice"));
        }
    }
    Query::try_from_uri(uri)
        .map(|Query(query)| query)
        .map_err(|error| {
            let reason = error.body_text();
            let reason = reason
                .strip_prefix("Failed to deserialize query string: ")
                .unwrap_or(&reason);
            Error::invalid("query", reason)
        })
}

pub(super) async fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Error> {
    let bytes = json_bytes(headers, body).await?;
    serde_json::from_slice(&bytes).map_err(|error| Error::invalid("body", error))
}

pub(super) async fn record_patch(headers: &HeaderMap, body: Body) -> Result<RecordPatch, Error> {
    RecordPatch::parse(&json_bytes(headers, body).await?)
}

async fn json_bytes(headers: &HeaderMap, body: Body) -> Result<bytes::Bytes, Error> {
    if let Some(value) = headers.get(CONTENT_TYPE) {
        let essence = value
            .to_str()
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        if essence != "application/json" && !essence.ends_with("+json") {
            return Err(Error::new(Code::UnsupportedMediaType)
                .detail("the body must be application/json or application/merge-patch+json"));
        }
    }
    match Limited::new(body, MAX_JSON_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Error::new(Code::TooLarge)
                .detail(format!("body is over the limit of {MAX_JSON_BYTES} bytes"))
                .member("limit", MAX_JSON_BYTES))
        }
        Err(error) => Err(Error::body(error)),
    }
}

/// Parses `on_conflict` and `max_length`, which every call names alike.
pub(super) fn conflict(
    key: &Key,
    on_conflict: Option<&str>,
    max_length: Option<usize>,
) -> Result<Conflict, Error> {
    if max_length == Some(0) {
        return Err(Error::invalid("max_length", "must be at least 1"));
    }
    let conflict = match on_conflict {
        Some("rename") => return Ok(Conflict::Rename { max_length }),
        None | Some("fail") => Conflict::Fail,
        Some("overwrite") => Conflict::Overwrite,
        Some(_) => {
            return Err(Error::invalid(
                "on_conflict",
                "must be fail, rename or overwrite",
            ));
        }
    };
    let length = key.as_str().chars().count();
    match max_length {
        Some(limit) if length > limit => Err(Error::new(Code::NameTooLong)
            .detail(format!("the key has {length} characters, limit is {limit}"))
            .member("limit", limit)),
        _ => Ok(conflict),
    }
}

/// Parses the conditional headers, which take precedence over `otherwise`.
pub(super) fn conflict_or_condition(
    headers: &HeaderMap,
    otherwise: Conflict,
) -> Result<Conflict, Error> {
    let condition = if_match(headers)?;
    match (condition, headers.get(IF_NONE_MATCH)) {
        (Some(_), Some(_)) => Err(Error::invalid(
            "If-None-Match",
            "cannot be combined with If-Match",
        )),
        (Some(tags), None) => Ok(Conflict::Match(tags)),
        (None, Some(value)) if value.as_bytes().trim_ascii() == b"*" => Ok(Conflict::Absent),
        (None, Some(_)) => Err(Error::invalid("If-None-Match", "must be * on an upload")),
        (None, None) => Ok(otherwise),
    }
}

/// Parses `If-Match`. A weak ETag never matches for a change (RFC 9110, 13.1.1).
pub(super) fn if_match(headers: &HeaderMap) -> Result<Option<Tags>, Error> {
    let tags = Tags::of(headers, &IF_MATCH).transpose();
    tags.map_err(|unreadable| Error::invalid("If-Match", unreadable))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(path: &str) -> Result<String, Code> {
        let uri: Uri = format!("/api/v1/files/{path}").parse().unwrap();
        new_key(&uri, "/api/v1/files/")
            .map(|key| key.to_string())
            .map_err(|error| error.code())
    }

    #[test]
    fn a_key_is_decoded_once_and_refused_rather_than_repaired() {
        assert_eq!(key("photos/l%C3%B6we.jpg").unwrap(), "photos/löwe.jpg");
        assert_eq!(key("100%25.jpg").unwrap(), "100%.jpg");
        assert_eq!(key("a%2541.jpg").unwrap(), "a%41.jpg");
        assert_eq!(key("a+b.jpg").unwrap(), "a+b.jpg");
        for bad in [
            "photos%2Flion.jpg",
            "photos%2flion.jpg",
            "a%ff.jpg",
            "a%C3.jpg",
            "a%0g.jpg",
            "a%.jpg",
            "a%4",
            "a//b",
            "a/../b",
            "%2e%2e/b",
            "a%00b",
            "a%5Cb",
            ".tintype/x",
            "a/",
        ] {
            assert_eq!(key(bad), Err(Code::InvalidKey), "{bad}");
        }
    }

    #[test]
    fn a_query_has_each_name_once_and_no_unknown_ones() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct TestQuery {
            limit: Option<u32>,
        }
        let asked = |text: &str| {
            let uri: Uri = format!("/api/v1/list{text}").parse().unwrap();
            query::<TestQuery>(&uri)
                .map(|asked| asked.limit)
                .map_err(|error| error.code())
        };
        assert_eq!(asked(""), Ok(None));
        assert_eq!(asked("?limit=5"), Ok(Some(5)));
        for bad in ["?limit=x", "?limit=1&limit=1", "?limits=1"] {
            assert_eq!(asked(bad), Err(Code::InvalidRequest), "{bad}");
        }
    }

    #[test]
    fn max_length_holds_whatever_is_done_about_a_conflict() {
        let key = Key::parse("ü/lion.jpg").unwrap();
        let code = |what, max| conflict(&key, what, max).map_err(|error| error.code());
        assert_eq!(code(None, None), Ok(Conflict::Fail));
        assert_eq!(code(Some("overwrite"), Some(10)), Ok(Conflict::Overwrite));
        assert_eq!(code(Some("fail"), Some(9)), Err(Code::NameTooLong));
        // A key that will be shortened may be too long at first.
        assert_eq!(
            code(Some("rename"), Some(9)),
            Ok(Conflict::Rename {
                max_length: Some(9)
            })
        );
        assert_eq!(code(Some("rename"), Some(0)), Err(Code::InvalidRequest));
        assert_eq!(code(Some("replace"), None), Err(Code::InvalidRequest));
    }
}
