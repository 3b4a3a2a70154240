//! Delivers a variant, an image made from an original.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderName, HeaderValue, header};
use tintype_imaging::geometry::{self, Defaults};
use tintype_imaging::probe::{SetRights, SourceFormat};
use tintype_imaging::render;
use tintype_imaging::spec::{Background, Format, Metadata, Resolved, Rgba, Size};

use super::RequestContext;
use super::freshness::Freshness;
use crate::error::{Code, Error};
use crate::http::respond::{Disposition, Representation};
use crate::originals::changing::Retries;
use crate::records::StoredRecord;
use crate::records::record::Record;
use crate::telemetry::access_log::LogFacts;
use crate::telemetry::otlp::Span;
use crate::url::{Download, FormatItem, Merged};
use crate::variants::formats::{self, Nature};
use crate::variants::response_cache::{CachedResponse, accepted};
use crate::variants::{self, Fetched, Origin, Variant, VariantName, file_name};

/// The variant to respond with.
struct ChosenVariant {
    name: VariantName,
    fetched: Fetched,
    /// A better format is being made in the background, or it is not known yet which one that is.
    interim: bool,
    /// This is the first frame, although an animation was requested.
    is_still: bool,
}

/// Sent if the first frame is shown instead of the animation, which has too many frames or is not ready yet.
const ANIMATION: HeaderName = HeaderName::from_static("tintype-animation");

pub(super) async fn answer(
    ask: &RequestContext<'_>,
    merged: &Merged,
    facts: &mut LogFacts,
) -> Result<Response, Error> {
    let mut stored = ask.record(facts).await?;
    let mut retries = Retries::default();
    let chosen = loop {
        match choose(ask, merged, &stored).await {
            // The bytes no longer match the record, which is derived anew.
            Err(error) if error.is_outdated() => {
                retries.again().await?;
                stored = ask.renewed(&stored.record, facts).await?;
            }
            chosen => break chosen?,
        }
    };
    let Fetched {
        variant,
        origin,
        work,
    } = chosen.fetched;
    facts.cache = Some(origin.as_str());
    if let Some(work) = work {
        work.add_to(facts.steps_mut());
    }
    let freshness = Freshness {
        interim: chosen.interim,
        ..ask.freshness(stored.record.version())
    };
    let mut representation = representation(ask, merged, &stored.record, &variant);
    if chosen.is_still {
        let first = HeaderValue::from_static("first-frame");
        representation = representation.header(ANIMATION, first);
    }
    let cached = CachedResponse {
        key: ask.key.clone(),
        representation,
        cache_control: ask.kept_for(freshness),
        stored,
        name: chosen.name,
        facts: LogFacts {
            cache: Some(Origin::Memory.as_str()),
            steps: None,
            ..facts.clone()
        },
    };
    let response = cached.answer(&ask.app.variants, ask.request, &variant);
    if ask.spec.expires.is_none() && !chosen.interim {
        ask.app.response_cache.keep(ask.request, cached);
    }
    Ok(response)
}

/// Returns the best format that is available now, and has a better one made in the background.
async fn choose(
    ask: &RequestContext<'_>,
    merged: &Merged,
    stored: &Arc<StoredRecord>,
) -> Result<ChosenVariant, Error> {
    let app = ask.app;
    let choices = choices(ask, merged, &stored.record)?;
    let name = |resolved: &Resolved| variants::name(ask.key, &stored.record, resolved);
    let is_open = merged.format == FormatItem::Auto && is_open(&stored.record);
    let (mut chosen, mut interim) = (0, is_open);
    if let Some((instead, reason)) = app.variants.deferral(&stored.record, &choices) {
        let best = name(&choices[0]);
        if !app.variants.is_made(best, ask.key, stored).await {
            (chosen, interim) = (instead, true);
            app.metrics.format_deferred(reason.as_str());
            app.variants
                .make_later(best, ask.key, stored, choices[0].clone());
        }
    }
    let span = ask.request.extensions.get::<Span>().copied();
    let fetch = |resolved: &Resolved| {
        let (name, resolved) = (name(resolved), resolved.clone());
        app.variants.fetch(name, ask.key, stored, resolved, span)
    };
    let fetched = match (fetch(&choices[chosen]).await, choices.get(chosen + 1)) {
        // The animation took more work than predicted.
        (Err(error), Some(still)) if choices[chosen].animated && error.is_too_much() => {
            if error.code().retryable() {
                let moving = &choices[chosen];
                let best = name(moving);
                app.variants
                    .make_later(best, ask.key, stored, moving.clone());
                interim = true;
            }
            chosen += 1;
            fetch(still).await?
        }
        (fetched, _) => fetched?,
    };
    let is_asked = merged.request.animate == Some(true);
    Ok(ChosenVariant {
        name: name(&choices[chosen]),
        fetched,
        interim,
        is_still: is_asked && stored.record.is_animated() && !choices[chosen].animated,
    })
}

/// Headers of the variant at this URL.
fn representation(
    ask: &RequestContext<'_>,
    merged: &Merged,
    record: &Record,
    variant: &Variant,
) -> Representation {
    let mut representation = ask.addressed(record, variant.representation.clone());
    if merged.format == FormatItem::Auto {
        let accept = HeaderValue::from_static("accept");
        representation = representation.header(header::VARY, accept);
    }
    match &merged.download {
        None => representation,
        Some(Download::KeyName) => {
            let name = file_name(ask.key.file_name(), variant.format);
            representation.disposition(Disposition::Attachment.with_name(&name))
        }
        Some(Download::Named(name)) => {
            representation.disposition(Disposition::Attachment.with_name(name))
        }
    }
}

/// Returns the possible responses, best first: the format that the URL names, or every format that the client accepts
/// and that can hold an image of this size. An animation comes before a still image.
fn choices(
    ask: &RequestContext<'_>,
    merged: &Merged,
    record: &Record,
) -> Result<Vec<Resolved>, Error> {
    let image = record.image.as_ref().ok_or_else(|| {
        let detail = format!("{} cannot be decoded as an image", record.media_type);
        Error::new(Code::UnsupportedFormat).detail(detail)
    })?;
    if let Some(refusal) = image.refusal(ask.app.probing.limits()) {
        ask.app.metrics.decode_rejected(&refusal);
        return Err(refusal);
    }
    let upright = image.upright().ok_or_else(|| {
        Error::new(Code::UnsupportedFormat).detail("the size of the image is not known")
    })?;
    if let FormatItem::Image(format) = merged.format {
        let resolved = resolve(ask, merged, record, upright, format)?;
        render::check_size(format, resolved.output())?;
        let still = resolved.animated.then(|| still(resolved.clone()));
        return Ok(Some(resolved).into_iter().chain(still).collect());
    }
    let nature = Nature {
        drawn: image.drawn == Some(true),
        transparent: image.alpha && !is_opaque(merged),
    };
    let accepted = accepted(ask.request);
    // Every client accepts JPEG and PNG.
    let stored = image.format.known().map(SourceFormat::as_str);
    let takes_original = stored != Some(Format::Webp.name()) || accepted.webp;
    let mut choices = Vec::new();
    if merged.request.animate == Some(true) {
        let format = formats::moving(accepted);
        let resolved = resolve(ask, merged, record, upright, format)?;
        if resolved.animated && render::check_size(format, resolved.output()).is_ok() {
            choices.push(resolved);
        }
    }
    for format in formats::in_order(accepted, nature) {
        let mut resolved = still(resolve(ask, merged, record, upright, format)?);
        resolved.own_coding =
            takes_original && stored != Some(format.name()) && resolved.is_original(upright);
        // If the size depends on the content, the largest possible size decides.
        if render::check_size(format, geometry::most(&resolved)).is_ok() {
            choices.push(resolved);
        }
    }
    Ok(choices)
}

/// Whether the best format may turn out to be another one, once the pixels have been looked at.
fn is_open(record: &Record) -> bool {
    let image = record.image.as_ref();
    image.is_some_and(|image| image.pending && image.may_be_drawn())
}

fn still(resolved: Resolved) -> Resolved {
    Resolved {
        animated: false,
        ..resolved
    }
}

/// Resolves the spec with the record's size, focal point and rights, and the configured qualities.
fn resolve(
    ask: &RequestContext<'_>,
    merged: &Merged,
    record: &Record,
    upright: Size,
    format: Format,
) -> Result<Resolved, Error> {
    let defaults = Defaults {
        format,
        quality: ask.app.config.pictures.quality.of(format),
        focal: record.focal(),
        frames: record.frames(),
    };
    let resolved = geometry::resolve(upright, &merged.request, &defaults)?;
    let resolved = ask.app.config.pictures.complete(resolved, upright);
    Ok(Resolved {
        rights: match resolved.metadata {
            Metadata::Copyright | Metadata::Keep => record.set_rights.clone(),
            Metadata::None => SetRights::default(),
        },
        ..resolved
    })
}

/// Returns whether the background is opaque, which leaves no transparency in the image.
fn is_opaque(merged: &Merged) -> bool {
    matches!(
        merged.request.background,
        Some(Background::Colour(Rgba { a: 255, .. }))
    )
}
