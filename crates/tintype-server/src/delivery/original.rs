//! Delivers the original itself, bit for bit, with ranges.

use std::time::Instant;

use axum::response::Response;
use http::header;
use tintype_store::Object;

use super::RequestContext;
use crate::error::Error;
use crate::http::respond::{Disposition, Representation};
use crate::originals::changing::Retries;
use crate::originals::coding::Coding;
use crate::records::media_type::is_active_name;
use crate::records::record::Record;
use crate::telemetry::access_log::{LogFacts, Step};
use crate::url::Download;

pub(super) async fn answer(
    ask: &RequestContext<'_>,
    download: Option<&Download>,
    facts: &mut LogFacts,
) -> Result<Response, Error> {
    let mut stored = ask.record(facts).await?;
    let mut retries = Retries::default();
    loop {
        match send(ask, download, &stored.record, facts).await {
            Err(error) if error.is_outdated() => {
                retries.again().await?;
                stored = ask.renewed(&stored.record, facts).await?;
            }
            answer => return answer,
        }
    }
}

async fn send(
    ask: &RequestContext<'_>,
    download: Option<&Download>,
    record: &Record,
    facts: &mut LogFacts,
) -> Result<Response, Error> {
    let request = ask.request;
    let coding = Coding::of(record, &request.headers);
    let representation = representation(ask, download, record, coding);
    let decision = coding.decide(
        &request.method,
        &request.headers,
        &representation,
        record.size,
    );
    let body = match decision.wanted(record.size) {
        None => None,
        Some(range) => {
            let object = Object::Original(ask.key.clone());
            // Stores do not accept an empty range.
            let range = (range != (0..record.size)).then_some(range);
            let etag = &record.etag;
            // Measured until the first bytes; the rest depends on the client.
            let began = Instant::now();
            let got = ask.app.store.get(&object, range, Some(etag)).await;
            facts.steps_mut().fetch = Some(Step::since(began));
            let got = got?;
            let got = got.ok_or_else(|| Error::no_original(ask.key))?;
            Some(got.body)
        }
    };
    let cache_control = ask.cache_control(record.version());
    let limit = ask.app.config.uploads.max_upload_bytes;
    let mut response = coding.answer(
        decision,
        &representation,
        cache_control,
        record,
        body,
        limit,
    );
    response.headers_mut().extend(ask.of_address(record));
    Ok(response)
}

fn representation(
    ask: &RequestContext<'_>,
    download: Option<&Download>,
    record: &Record,
    coding: Coding,
) -> Representation {
    // The store's ETag changes when the original moves to another store; the content hash does not.
    let etag = match record.sha256 {
        Some(sha256) => sha256.first::<16>().to_string(),
        None => record.etag.to_string(),
    };
    let etag = match coding {
        Coding::Stored => etag,
        Coding::Decoded => format!("{etag}-decoded"),
    };
    let name = match download {
        Some(Download::Named(name)) => name.as_str(),
        Some(Download::KeyName) | None => ask.key.file_name(),
    };
    // What a browser would execute is only offered for saving, never shown on our origin; nor is an image whose
    // file name would make it a page once it is saved.
    let is_attachment = download.is_some() || record.media_type.is_active() || is_active_name(name);
    let disposition = if is_attachment {
        Disposition::Attachment
    } else {
        Disposition::Inline
    }
    .with_name(name);
    let representation = Representation::new(&etag, record.media_type.as_str())
        .last_modified(record.modified.into())
        .cross_origin()
        .header(header::CONTENT_DISPOSITION, disposition);
    coding.label(representation, record)
}
