//! `GET /api/v1/list`: originals by prefix, page by page.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::Uri;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tintype_store::{ListedOriginal, MAX_PAGE};

use super::request::query;
use crate::app::App;
use crate::auth::Caller;
use crate::config::Scope;
use crate::error::Error;
use crate::records::FoundRecord;

/// Records that one page reads at the same time.
const AT_ONCE: usize = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    #[serde(default)]
    prefix: String,
    delimiter: Option<String>,
    cursor: Option<String>,
    limit: Option<usize>,
    records: Option<u8>,
}

#[derive(Serialize)]
pub(super) struct Listing {
    dirs: Vec<String>,
    files: Vec<File>,
    cursor: Option<String>,
}

#[derive(Serialize)]
struct File {
    key: String,
    size: u64,
    etag: String,
    modified: Timestamp,
    /// Only with `records=1`. Null while nothing is known of an adopted original.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<Value>,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<Listing>, Error> {
    let params: ListQuery = query(&uri)?;
    caller
        .principal
        .require_prefix(Scope::List, &params.prefix)?;
    let with_records = match params.records {
        None | Some(0) => false,
        Some(1) => {
            caller
                .principal
                .require_prefix(Scope::Read, &params.prefix)?;
            true
        }
        Some(_) => return Err(Error::invalid("records", "must be 0 or 1")),
    };
    let delimiter = match params.delimiter.as_deref() {
        None => false,
        Some("/") => true,
        Some(_) => return Err(Error::invalid("delimiter", "must be /")),
    };
    let limit = params.limit.unwrap_or(MAX_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Error::invalid("limit", format!("must be 1 to {MAX_PAGE}")));
    }
    let page = app
        .store
        .list(&params.prefix, delimiter, params.cursor.as_deref(), limit)
        .await?;
    let files = stream::iter(page.files)
        .map(|listed| file(&app, listed, with_records))
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(Json(Listing {
        dirs: page.dirs,
        files,
        cursor: page.cursor,
    }))
}

async fn file(app: &App, listed: ListedOriginal, with_record: bool) -> Result<File, Error> {
    let record = if with_record {
        // Read but not derived: a listing must not read every original of an adopted folder.
        let stored = match app.records.inspect(&listed.key).await? {
            FoundRecord::Stored(stored) => Some(stored),
            // A damaged record must not hide the others.
            FoundRecord::Nothing | FoundRecord::Damaged { .. } => None,
        };
        Some(
            stored
                .filter(|stored| stored.record.etag == listed.etag)
                .map_or(Value::Null, |stored| {
                    let block = app.blocks.of(&listed.key, stored.record.sha256);
                    stored.record.api_json(block.as_deref())
                }),
        )
    } else {
        None
    };
    Ok(File {
        key: listed.key.as_str().to_owned(),
        size: listed.size,
        etag: listed.etag.as_str().to_owned(),
        modified: Timestamp::try_from(listed.modified).unwrap_or(Timestamp::UNIX_EPOCH),
        record,
    })
}
