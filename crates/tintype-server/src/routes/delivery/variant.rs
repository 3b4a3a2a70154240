//! A picture made from an original.

use axum::response::Response;
use http::{HeaderValue, header};
use tintype_imaging::geometry::{self, Defaults};
use tintype_imaging::spec::{Format, Resolved};

use super::Ask;
use super::prepared::{Prepared, accept_class};
use crate::access_log::LogFacts;
use crate::error::{Code, Error};
use crate::record::Record;
use crate::respond::{Disposition, Representation};
use crate::url::{AcceptClass, Download, FormatItem, Merged};
use crate::variants::{self, Variant, file_name};

pub(super) async fn answer(ask: &Ask<'_>, merged: &Merged) -> Result<Response, Error> {
    let mut stored = ask.record().await?;
    let mut again = true;
    let (name, fetched) = loop {
        let resolved = resolve(ask, merged, &stored.record)?;
        let name = variants::name(ask.key, &stored.record, &resolved);
        match variants::fetch(ask.app, name, ask.key, &stored, resolved).await {
            // The bytes are no longer those of the record, which is derived anew.
            Err(error) if error.code() == Code::PreconditionFailed && again => {
                again = false;
                ask.app.records.rederive(ask.key).await?;
                stored = ask.record().await?;
            }
            fetched => break (name, fetched?),
        }
    };
    let (variant, origin, work) = fetched;
    let mut facts = LogFacts {
        cache: Some(origin.as_str()),
        ..LogFacts::default()
    };
    if let Some(work) = work {
        facts.queue = Some(work.waited);
        facts.fetch = Some(work.fetched);
        facts.decode = Some(work.timings.decode);
        facts.resize = Some(work.timings.resize);
        facts.encode = Some(work.timings.encode);
    }
    let prepared = Prepared {
        key: ask.key.clone(),
        representation: representation(ask, merged, &stored.record, &variant),
        cache_control: ask.cache_control(stored.record.version()),
        stored,
        name,
    };
    let response = prepared.answer(ask.request, &variant, facts);
    if ask.spec.expires.is_none() {
        ask.app.prepared.keep(ask.request, prepared);
    }
    Ok(response)
}

/// What is said of the bytes at this address.
fn representation(
    ask: &Ask<'_>,
    merged: &Merged,
    record: &Record,
    variant: &Variant,
) -> Representation {
    let mut representation = ask.tagged(record, variant.representation.clone());
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

/// Everything filled in: the record's size and focal point, the client's formats, our qualities.
fn resolve(ask: &Ask<'_>, merged: &Merged, record: &Record) -> Result<Resolved, Error> {
    let image = record.image.as_ref().ok_or_else(|| {
        let detail = format!("{} is not a picture that can be read", record.media_type);
        Error::new(Code::UnsupportedFormat).detail(detail)
    })?;
    let pixels = image.upright().pixels();
    if pixels > ask.app.imaging.max_pixels {
        return Err(Error::new(Code::TooManyPixels)
            .detail(format!("the picture has {pixels} pixels"))
            .member("limit", ask.app.imaging.max_pixels));
    }
    let format = match merged.format {
        FormatItem::Image(format) => format,
        _ => match accept_class(ask.request) {
            AcceptClass::Avif => Format::Avif,
            AcceptClass::Webp => Format::Webp,
            AcceptClass::Legacy if image.alpha && !is_opaque(merged) => Format::Png,
            AcceptClass::Legacy => Format::Jpeg,
        },
    };
    let quality = ask.app.config.quality.of(format);
    let defaults = Defaults {
        format,
        quality,
        focal: record.focal(),
    };
    Ok(geometry::resolve(
        image.upright(),
        &merged.request,
        &defaults,
    )?)
}

/// A background without transparency leaves none in the picture.
fn is_opaque(merged: &Merged) -> bool {
    merged
        .request
        .background
        .is_some_and(|background| background.a == 255)
}
