//! Delivers a variant, an image made from an original.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderValue, header};
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
struct Given {
    name: VariantName,
    fetched: Fetched,
    /// A better format is being made.
    interim: bool,
}

pub(super) async fn answer(
    ask: &RequestContext<'_>,
    merged: &Merged,
    facts: &mut LogFacts,
) -> Result<Response, Error> {
    let mut stored = ask.record(facts).await?;
    let mut retries = Retries::default();
    let given = loop {
        match give(ask, merged, &stored).await {
            // The bytes no longer match the record, which is derived anew.
            Err(error) if error.is_outdated() => {
                retries.again().await?;
                stored = ask.renewed(&stored.record, facts).await?;
            }
            given => break given?,
        }
    };
    let Fetched {
        variant,
        origin,
        work,
    } = given.fetched;
    facts.cache = Some(origin.as_str());
    if let Some(work) = work {
        work.add_to(facts.steps_mut());
    }
    let freshness = Freshness {
        interim: given.interim,
        ..ask.freshness(stored.record.version())
    };
    let cached = CachedResponse {
        key: ask.key.clone(),
        representation: representation(ask, merged, &stored.record, &variant),
        cache_control: ask.kept_for(freshness),
        stored,
        name: given.name,
        facts: LogFacts {
            cache: Some(Origin::Memory.as_str()),
            steps: None,
            ..facts.clone()
        },
    };
    let response = cached.answer(&ask.app.variants, ask.request, &variant);
    if ask.spec.expires.is_none() && !given.interim {
        ask.app.response_cache.keep(ask.request, cached);
    }
    Ok(response)
}

/// Returns the best format that is available now, and has a better one made in the background.
async fn give(
    ask: &RequestContext<'_>,
    merged: &Merged,
    stored: &Arc<StoredRecord>,
) -> Result<Given, Error> {
    let app = ask.app;
    let choices = choices(ask, merged, &stored.record)?;
    let name = |resolved: &Resolved| variants::name(ask.key, &stored.record, resolved);
    let (mut chosen, mut interim) = (0, false);
    if let Some((instead, reason)) = app.variants.gives_way(&stored.record, &choices) {
        let best = name(&choices[0]);
        if !app.variants.is_made(best, ask.key, stored).await {
            (chosen, interim) = (instead, true);
            app.metrics.format_deferred(reason.as_str());
            app.variants
                .make_later(best, ask.key, stored, choices[0].clone());
        }
    }
    let name = name(&choices[chosen]);
    let resolved = choices[chosen].clone();
    let span = ask.request.extensions.get::<Span>().copied();
    let fetched = app
        .variants
        .fetch(name, ask.key, stored, resolved, span)
        .await?;
    Ok(Given {
        name,
        fetched,
        interim,
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

/// What could be answered, best first: one where the address names a format, else every format that the
/// client takes and that can hold a picture of this size.
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
        return Ok(vec![resolved]);
    }
    let nature = Nature {
        drawn: image.drawn == Some(true),
        transparent: image.alpha && !is_opaque(merged),
    };
    let accepted = accepted(ask.request);
    // Every client takes JPEG and PNG.
    let stored = image.format.known().map(SourceFormat::as_str);
    let takes_original = stored != Some(Format::Webp.name()) || accepted.webp;
    let mut choices = Vec::new();
    for format in formats::in_order(accepted, nature) {
        let mut resolved = resolve(ask, merged, record, upright, format)?;
        resolved.own_coding =
            takes_original && stored != Some(format.name()) && resolved.is_original(upright);
        // Whatever its size turns out to be, where only the picture tells it.
        if render::check_size(format, geometry::most(&resolved)).is_ok() {
            choices.push(resolved);
        }
    }
    Ok(choices)
}

/// Everything filled in: the record's size, focal point and rights, our qualities.
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
    };
    let resolved = geometry::resolve(upright, &merged.request, &defaults)?;
    Ok(Resolved {
        progressive: ask.app.config.pictures.jpeg_progressive && format == Format::Jpeg,
        rights: match resolved.metadata {
            Metadata::Copyright => record.set_rights.clone(),
            Metadata::None | Metadata::Keep => SetRights::default(),
        },
        ..resolved
    })
}

/// An opaque background leaves no transparency in the image.
fn is_opaque(merged: &Merged) -> bool {
    matches!(
        merged.request.background,
        Some(Background::Colour(Rgba { a: 255, .. }))
    )
}
