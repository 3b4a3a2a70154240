//! An upload, from the first byte of its body to the response.
//!
//! Checks come in the order of their cost: who the client is, the declared length, whether there is room, then what
//! the bytes are. If one of the first three fails nothing of the body is read, so a client that waits for `100
//! Continue` never sends it. The type is found in the bytes alone; the type that a client claims is ignored.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tintype_imaging::sniff::{Sniffed, sniff};
use tintype_store::Key;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Code, Error};
use crate::originals::digest::ExpectedDigests;
use crate::originals::idempotency::IdempotencyKey;
use crate::originals::put::{BytesFrom, Conflict, Placed, Placement};
use crate::originals::spool::{self, HEAD_BYTES, Reservation, Spooled};
use crate::records::media_type::MediaType;
use crate::records::patch::{EditableFields, RecordPatch};
use crate::records::probing::ProbeInput;
use crate::telemetry::access_log::Step;
use crate::workers::Priority;

/// An upload request without its bytes.
pub(crate) struct UploadRequest<'a> {
    pub caller: &'a Caller,
    pub key: Key,
    pub conflict: Conflict,
    pub idempotency: Option<IdempotencyKey>,
    pub patch: RecordPatch,
}

/// Checks before a body is read: its declared length, and room for it.
pub(crate) async fn reserve(app: &App, declared: Option<u64>) -> Result<Reservation, Error> {
    let limit = app.config.uploads.max_upload_bytes;
    if declared.is_some_and(|declared| declared > limit) {
        return Err(too_large(limit));
    }
    // If the spool is in the store's own folder, that may be another one than at the start.
    if app.store.spool_dir().is_some() {
        app.store.check().await?;
    }
    app.spool.reserve(declared).map_err(|full| no_room(&full))
}

/// A complete body whose checksums match.
pub(crate) struct ReceivedBody {
    pub spooled: Spooled,
    pub sniffed: Sniffed,
}

/// Receives a body and verifies its checksums. If the key is known already, a type that is not allowed is refused
/// as soon as the first bytes show it.
pub(crate) async fn receive<S, E>(
    app: &App,
    reservation: Reservation,
    body: S,
    expected: &ExpectedDigests,
    key: Option<&Key>,
) -> Result<ReceivedBody, Error>
where
    S: Stream<Item = Result<Bytes, E>>,
    E: std::error::Error + Send + Sync + 'static,
{
    let mut body = std::pin::pin!(body);
    let mut first = Vec::new();
    let mut head = Vec::new();
    while head.len() < HEAD_BYTES {
        let Some(chunk) = body.next().await else {
            break;
        };
        if let Ok(bytes) = &chunk {
            let missing = HEAD_BYTES - head.len();
            head.extend_from_slice(&bytes[..bytes.len().min(missing)]);
        }
        let failed = chunk.is_err();
        first.push(chunk);
        if failed {
            break;
        }
    }
    let sniffed = sniff(&head);
    drop(head);
    if let Some(key) = key {
        check_type(app, &MediaType::of(sniffed, key))?;
    }
    let limit = app.config.uploads.max_upload_bytes;
    let whole = stream::iter(first).chain(body);
    let spooled = reservation
        .write(whole, limit, expected)
        .await
        .map_err(refused)?;
    expected.verify(spooled.digests()).map_err(|mismatch| {
        Error::new(Code::DigestMismatch)
            .detail(mismatch.to_string())
            .member("field", mismatch.header.as_str())
    })?;
    Ok(ReceivedBody { spooled, sniffed })
}

/// Stores what was received.
pub(crate) async fn place(
    app: &App,
    upload: UploadRequest<'_>,
    received: ReceivedBody,
) -> Result<Placed, Error> {
    let ReceivedBody { spooled, sniffed } = received;
    // Shared with the threads that read it, which may outlive a cancelled request.
    let spooled = Arc::new(spooled);
    let media_type = MediaType::of(sniffed, &upload.key);
    check_type(app, &media_type)?;
    let input = ProbeInput::Spooled(spooled.clone());
    let facts = app
        .probing
        .facts(sniffed, media_type, input, None, Priority::Request)
        .await;
    let placement = Placement {
        caller: upload.caller,
        wished: upload.key,
        conflict: upload.conflict,
        idempotency: upload.idempotency,
        origin: BytesFrom::Spooled(&spooled),
        facts,
        size: spooled.len(),
        sha256: Some(spooled.digests().sha256),
        created: None,
        base: EditableFields::default(),
        patch: upload.patch,
    };
    let began = Instant::now();
    let mut placed = placement.place(app).await?;
    placed.put = Some(Step::since(began));
    // A replay stores nothing.
    if !placed.replayed {
        let result = if placed.created {
            "created"
        } else {
            "replaced"
        };
        app.metrics.upload(result, spooled.len());
    }
    Ok(placed)
}

fn check_type(app: &App, media_type: &MediaType) -> Result<(), Error> {
    if app.config.uploads.allows_type(media_type.essence()) {
        return Ok(());
    }
    Err(Error::new(Code::TypeNotAllowed)
        .detail(format!(
            "the content is {media_type}, which is not allowed here"
        ))
        .member("media_type", media_type.as_str()))
}

fn refused<E: std::error::Error + Send + Sync + 'static>(error: spool::Error<E>) -> Error {
    match error {
        spool::Error::Full(full) => no_room(&full),
        spool::Error::TooLarge { limit } => too_large(limit),
        spool::Error::Length { .. } => Error::new(Code::InvalidRequest).detail(error.to_string()),
        spool::Error::Body(error) => Error::body(error),
        spool::Error::Io(error) => Error::new(Code::SpoolUnavailable)
            .cause(format!("the spool cannot be written: {error}")),
    }
}

fn too_large(limit: u64) -> Error {
    Error::new(Code::TooLarge)
        .detail(format!(
            "the body is larger than the limit of {limit} bytes"
        ))
        .member("limit", limit)
}

fn no_room(full: &spool::SpoolFull) -> Error {
    Error::new(Code::InsufficientStorage)
        .detail(full.to_string())
        .retry_after(30)
}
