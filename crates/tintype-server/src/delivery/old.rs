//! Old URLs: paths that no route matches but a former server had. Served like the canonical URL, or redirected to
//! it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, Uri, header};
use jiff::Timestamp;

use super::{RequestContext, answer, spec_answer, with_facts};
use crate::app::App;
use crate::config::{OldUrl, Site};
use crate::error::{Code, Error};
use crate::http::respond::cross_origin;
use crate::old_urls::{ResponseMode, Translated, Unmapped};
use crate::telemetry::access_log::LogFacts;
use crate::url::{Access, signed_path, variant_path};

/// The fallback for paths that no route matches.
pub(crate) async fn old(State(app): State<Arc<App>>, request: Request) -> Response {
    let (request, _) = request.into_parts();
    let uri = &request.uri;
    let now = Timestamp::now();
    let seconds = now.as_second().try_into().unwrap_or_default();
    let Some(found) = app.config.sites.old_url(uri.path(), uri.query(), seconds) else {
        return nothing_there(request.uri).await.into_response();
    };
    let mut facts = LogFacts::default();
    let response = answer(&request, counted(&app, &request, &found, now, &mut facts)).await;
    with_facts(response, facts)
}

/// The 404 for an unknown path. Omits its last segments, which may contain a signature.
pub(crate) async fn nothing_there(uri: Uri) -> Error {
    const MOST_CHARACTERS: usize = 40;
    let first = uri.path().split('/').nth(1).unwrap_or_default();
    let first: String = first.chars().take(MOST_CHARACTERS).collect();
    let detail = format!(
        "there is nothing at /{first}: images are at /t/{{key}}/{{spec}}, originals at /o/{{key}}, the API at /api/v1"
    );
    Error::new(Code::NotFound).detail(detail)
}

async fn counted(
    app: &Arc<App>,
    request: &Parts,
    found: &OldUrl<'_>,
    now: Timestamp,
    facts: &mut LogFacts,
) -> Result<Response, Error> {
    let (result, response) = match &found.result {
        Err(unmapped) => (unmapped.reason(), Err(refusal(found, unmapped))),
        Ok(translated) => match of(app, request, found, translated, now, facts).await {
            // Counted as denied, not as failed: the site requires a signature, or the signature has expired.
            Err(error) if error.status() == StatusCode::FORBIDDEN => ("denied", Err(error)),
            Err(error) => ("failed", Err(error)),
            Ok(response) if response.status() == StatusCode::MOVED_PERMANENTLY => {
                ("redirect", Ok(response))
            }
            Ok(response) => ("here", Ok(response)),
        },
    };
    let host = request.headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok());
    let grammar = found.rule.grammar.name();
    app.metrics.old_urls().count(grammar, host, result);
    response
}

async fn of(
    app: &Arc<App>,
    request: &Parts,
    found: &OldUrl<'_>,
    translated: &Translated,
    now: Timestamp,
    facts: &mut LogFacts,
) -> Result<Response, Error> {
    let OldUrl { site, rule, .. } = found;
    facts.site = Some(site.name.as_str().into());
    facts.spec = Some(translated.spec.unsigned().into());
    let seconds = now.as_second().try_into().unwrap_or_default();
    rule.authorise(translated, site.unsigned, site.originals, seconds)?;
    let path = canonical(site, translated);
    if rule.answer == ResponseMode::Redirect {
        return Ok(moved(site, &path, translated));
    }
    let ask = RequestContext {
        app,
        request,
        site,
        key: &translated.key,
        spec: &translated.spec,
        location: Some(super::address(site, &path)),
        now,
    };
    spec_answer(&ask, facts).await
}

/// The canonical path, signed if the old URL was signed and the site has a key.
fn canonical(site: &Site, translated: &Translated) -> String {
    let Translated { key, spec, access } = translated;
    match site.signing_keys.first() {
        Some(signing_key) if *access == Access::Signed => {
            signed_path(key, spec.clone(), signing_key)
        }
        _ => variant_path(key, spec),
    }
}

/// Redirects to the site's public URL, which may be on another host than the old one.
fn moved(site: &Site, path: &str, translated: &Translated) -> Response {
    let base = site.public_url.as_deref().unwrap_or_default();
    let location = HeaderValue::try_from(format!("{base}{path}"));
    let location = location.expect("a canonical path and a public URL are visible ASCII");
    let kept = match translated.spec.expires {
        None => "public, max-age=86400",
        Some(_) => "no-store",
    };
    let mut response = StatusCode::MOVED_PERMANENTLY.into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    cross_origin(headers);
    response
}

fn refusal(found: &OldUrl<'_>, unmapped: &Unmapped) -> Error {
    /// How long a shared cache may keep it: the configuration changes only at start.
    const SECONDS: u64 = 60;
    let code = match unmapped {
        Unmapped::Signature => Code::SignatureInvalid,
        Unmapped::Unsigned => Code::SignatureMissing,
        Unmapped::Gone(_) => Code::Gone,
        _ => Code::NotMapped,
    };
    let error = Error::new(code)
        .detail(unmapped.to_string())
        .member("grammar", found.rule.grammar.name());
    match unmapped {
        Unmapped::Signature | Unmapped::Unsigned => error,
        _ => error.cache_for(SECONDS),
    }
}
