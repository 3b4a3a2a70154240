//! The public side: variants, originals, and the public part of a record.
//!
//! In order: parse the path, check the signature (before any store is touched), redirect another spelling by an
//! author to the canonical URL, then read the record, check its state, and respond. A spelling that only a proxy
//! has changed is served directly, with the canonical URL in a header.

mod freshness;
mod old;
mod original;
mod variant;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use tintype_store::Key;

use crate::app::App;
use crate::config::Site;
use crate::error::{Code, Error};
use crate::http::respond::{Representation, cross_origin};
use crate::invalidation::tags::CacheTags;
use crate::records::StoredRecord;
use crate::records::record::{Record, short_hash};
use crate::telemetry::access_log::{LogFacts, SourceFacts, Step};
use crate::url::{
    Access, DeliveryPath, FormatItem, Originals, SpecUrl, Spelling, Version, authorise,
    original_path, parse_original_path, parse_path, variant_path,
};
use crate::variants::Origin;
use freshness::Freshness;
pub(crate) use old::{nothing_there, old};

const METHODS: &str = "GET, HEAD, OPTIONS";

/// How long a shared cache may keep a 404.
const NOT_FOUND_SECONDS: u64 = 5;

/// A record read this recently is not read again because of an unknown version.
const VERSION_REFRESH: Duration = Duration::from_secs(1);

const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");

/// Serves `/t/{key}/{spec}`.
pub(crate) async fn rendering(State(app): State<Arc<App>>, request: Request) -> Response {
    let (request, _) = request.into_parts();
    let mut facts = LogFacts::default();
    let response = answer(&request, spec(&app, &request, &mut facts)).await;
    with_facts(response, facts)
}

/// Serves `/o/{key}`.
pub(crate) async fn original(State(app): State<Arc<App>>, request: Request) -> Response {
    let (request, _) = request.into_parts();
    let mut facts = LogFacts::default();
    let response = answer(&request, plain_original(&app, &request, &mut facts)).await;
    with_facts(response, facts)
}

/// Attaches the log facts, to refusals too: what was requested is known by then.
fn with_facts(mut response: Response, facts: LogFacts) -> Response {
    response.extensions_mut().insert(facts);
    response
}

async fn answer(request: &Parts, work: impl Future<Output = Result<Response, Error>>) -> Response {
    let mut response = match request.method {
        Method::GET | Method::HEAD => match work.await {
            Ok(response) => return response,
            Err(error) => error.into_response(),
        },
        Method::OPTIONS => preflight(),
        _ => Error::new(Code::MethodNotAllowed)
            .allow(METHODS)
            .into_response(),
    };
    // Pages of other origins may read why there is no image.
    cross_origin(response.headers_mut());
    response
}

fn preflight() -> Response {
    let headers = [
        (header::ALLOW, METHODS),
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "*"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// An authorised request, and everything that the response depends on.
struct RequestContext<'a> {
    app: &'a Arc<App>,
    request: &'a Parts,
    site: &'a Site,
    key: &'a Key,
    spec: &'a SpecUrl,
    /// The canonical URL, where the request used another spelling.
    location: Option<HeaderValue>,
    now: Timestamp,
}

async fn spec(app: &Arc<App>, request: &Parts, facts: &mut LogFacts) -> Result<Response, Error> {
    if let Some(response) = cached(app, request, facts).await {
        return Ok(response);
    }
    let uri = &request.uri;
    let path = parse_path(uri.path(), uri.query())?;
    let site = app.config.sites.of(&path.key);
    facts.site = Some(site.name.as_str().into());
    facts.spec = Some(path.spec.unsigned().into());
    let now = Timestamp::now();
    let seconds = now.as_second().try_into().unwrap_or_default();
    let access = authorise(
        &path,
        &site.signing_keys,
        site.unsigned,
        site.originals,
        seconds,
    )?;
    if path.spelling == Spelling::Other {
        return Ok(moved(site, &path, access));
    }
    let ask = RequestContext {
        app,
        request,
        site,
        key: &path.key,
        spec: &path.spec,
        location: (path.spelling == Spelling::Alike)
            .then(|| address(site, &variant_path(&path.key, &path.spec))),
        now,
    };
    spec_answer(&ask, facts).await
}

/// The cached response, if nothing that it depends on has changed.
async fn cached(app: &Arc<App>, request: &Parts, facts: &mut LogFacts) -> Option<Response> {
    let cached = app.response_cache.get(request)?;
    let stored = app.records.load(&cached.key).await.ok()??;
    let sha256 = stored.record.sha256;
    if !Arc::ptr_eq(&stored, &cached.stored) || app.blocks.of(&cached.key, sha256).is_some() {
        return None;
    }
    let variant = app.variants.in_memory(&cached.name)?;
    app.metrics.cache("variants", Origin::Memory.as_str());
    *facts = cached.facts.clone();
    Some(cached.answer(&app.variants, request, &variant))
}

/// Serves an authorised request, whatever grammar its URL was in.
async fn spec_answer(ask: &RequestContext<'_>, facts: &mut LogFacts) -> Result<Response, Error> {
    let merged = ask.spec.with_preset(&ask.site.presets)?;
    match merged.format {
        FormatItem::Json => ask.public_record(facts).await,
        FormatItem::Original => original::answer(ask, merged.download.as_ref(), facts).await,
        FormatItem::Auto | FormatItem::Image(_) => variant::answer(ask, &merged, facts).await,
    }
}

async fn plain_original(
    app: &Arc<App>,
    request: &Parts,
    facts: &mut LogFacts,
) -> Result<Response, Error> {
    let uri = &request.uri;
    let path = parse_original_path(uri.path(), uri.query())?;
    let site = app.config.sites.of(&path.key);
    facts.site = Some(site.name.as_str().into());
    if site.originals != Originals::Public {
        let detail = "originals need a signature here: use /t/{key}/f_original~sig_…";
        return Err(Error::new(Code::SignatureMissing).detail(detail));
    }
    let canonical = || address(site, &original_path(&path.key));
    if path.spelling == Spelling::Other {
        return Ok(redirect(canonical()));
    }
    let spec = SpecUrl::default();
    let now = Timestamp::now();
    let ask = RequestContext {
        app,
        request,
        site,
        key: &path.key,
        spec: &spec,
        location: (path.spelling == Spelling::Alike).then(canonical),
        now,
    };
    original::answer(&ask, None, facts).await
}

/// Redirects to the canonical spelling, signed anew if the old signature was right.
fn moved(site: &Site, path: &DeliveryPath, access: Access) -> Response {
    let key = site
        .signing_keys
        .first()
        .filter(|_| access == Access::Signed);
    redirect(address(site, &path.canonical_path(key)))
}

/// The URL of a canonical path, as clients of the site see it.
fn address(site: &Site, path: &str) -> HeaderValue {
    let address = format!("{}{path}", site.base_path());
    HeaderValue::try_from(address).expect("a canonical path is visible ASCII")
}

fn redirect(location: HeaderValue) -> Response {
    let mut response = StatusCode::PERMANENT_REDIRECT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, location);
    // A pure function of the URL, so it never changes.
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=86400"),
    );
    cross_origin(headers);
    response
}

impl RequestContext<'_> {
    /// The record, unless its state hides the original from everybody.
    async fn record(&self, facts: &mut LogFacts) -> Result<Arc<StoredRecord>, Error> {
        let began = Instant::now();
        let stored = self.believed().await;
        facts.steps_mut().record = Some(Step::since(began));
        facts.source = stored
            .as_ref()
            .ok()
            .and_then(|stored| SourceFacts::of(&stored.record));
        stored
    }

    async fn believed(&self) -> Result<Arc<StoredRecord>, Error> {
        // The same response for an embargo, since even the name may be confidential.
        let missing = || Error::no_original(self.key).cache_for(NOT_FOUND_SECONDS);
        let mut stored = self.app.records.load(self.key).await?;
        // An unknown version may have been written by another replica; a cached record is read again once.
        if let (Some(known), Some(asked)) = (&stored, self.spec.version)
            && known.record.version() != Some(asked)
            && known.is_older_than(VERSION_REFRESH)
        {
            stored = self.app.records.load_fresh(self.key).await?;
        }
        let stored = stored.ok_or_else(missing)?;
        let record = &stored.record;
        if let Some(block) = self.app.blocks.of(self.key, record.sha256) {
            return Err(Error::new(Code::Blocked).detail(block.reason.clone()));
        }
        if let Some(until) = record.state.embargoed_until(self.now) {
            let left = until.as_second().saturating_sub(self.now.as_second());
            let left = u64::try_from(left).unwrap_or_default();
            return Err(missing().cache_for(left.min(NOT_FOUND_SECONDS)));
        }
        Ok(stored)
    }

    /// The record of the bytes that are there now, when they no longer match `self`'s record.
    async fn renewed(
        &self,
        outdated: &Record,
        facts: &mut LogFacts,
    ) -> Result<Arc<StoredRecord>, Error> {
        self.app.records.renew(self.key, &outdated.etag).await?;
        self.record(facts).await
    }

    fn freshness(&self, current: Option<Version>) -> Freshness {
        let pinned = self.spec.preset.is_none()
            && self.spec.version.is_some()
            && self.spec.version == current;
        let now = u64::try_from(self.now.as_second()).unwrap_or_default();
        let left = self.spec.expires.map(|expires| expires.saturating_sub(now));
        Freshness {
            pinned,
            at_most: left,
            private: left.is_some(),
            interim: false,
        }
    }

    fn cache_control(&self, current: Option<Version>) -> HeaderValue {
        self.kept_for(self.freshness(current))
    }

    fn kept_for(&self, freshness: Freshness) -> HeaderValue {
        let config = &self.app.config;
        freshness::cache_control(freshness, config.caching.max_age, config.caching.s_maxage)
    }

    fn tags(&self, record: &Record) -> [(HeaderName, HeaderValue); 2] {
        let preset = self.spec.preset.as_ref().map(|preset| preset.as_str());
        let tags = CacheTags::of(self.key, record, &self.site.name, preset);
        [
            (SURROGATE_KEY, tags.separated_by(" ")),
            (CACHE_TAG, tags.separated_by(",")),
        ]
    }

    /// Headers that belong to the URL rather than to the bytes: cache tags for purging, and the canonical URL where
    /// another spelling was requested.
    fn of_address(&self, record: &Record) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let location = self.location.clone();
        let location = location.map(|location| (header::CONTENT_LOCATION, location));
        self.tags(record).into_iter().chain(location)
    }

    fn addressed(&self, record: &Record, representation: Representation) -> Representation {
        let add =
            |representation: Representation, (name, value)| representation.header(name, value);
        self.of_address(record).fold(representation, add)
    }

    async fn public_record(&self, facts: &mut LogFacts) -> Result<Response, Error> {
        let stored = self.record(facts).await?;
        let record = &stored.record;
        let text = record.public_json().to_string();
        let etag = short_hash(text.as_bytes()).to_string();
        let representation = Representation::new(&etag, "application/json")
            .last_modified(record.modified.into())
            .cross_origin();
        let mut response = crate::http::respond::bytes(
            &self.request.method,
            &self.request.headers,
            &representation,
            self.cache_control(record.version()),
            text.into(),
        );
        response.headers_mut().extend(self.of_address(record));
        Ok(response)
    }
}
