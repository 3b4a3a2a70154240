//! Another tintype, through its API.

use anyhow::Context;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, HeaderValue, IF_MATCH, IF_NONE_MATCH,
};
use reqwest::{Body, Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde_json::{Map, Value};
use tintype_server::originals::digest::repr_digest;
use tintype_server::originals::spool::Spool;
use tintype_server::records::blocks::Block;
use tintype_server::records::record::Record;
use tintype_server::url::encode_key;
use tintype_store::{ETag, HexId, Key, KeyError, WriteSource};

use super::buffered::Buffered;
use super::item::{SourceItem, TargetObject};
use crate::client::{Client, Refused, send};

/// The service limits the size of a request's head; longer fields are sent in a separate request.
const MAX_FIELDS_BYTES: usize = 4 * 1024;
/// Requests the stored bytes, so that their hash can be compared; they are decoded here.
const ANY_CODING: &str = "gzip, *";

pub(super) struct Remote(Client);

#[derive(Deserialize)]
struct Listing {
    files: Vec<File>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
struct File {
    key: String,
    size: u64,
    etag: String,
    record: Option<Value>,
}

/// One page, with the names that no key can have.
pub(super) struct ListingPage {
    pub(super) items: Vec<SourceItem>,
    pub(super) skipped: Vec<(String, KeyError)>,
    pub(super) cursor: Option<String>,
}

impl Remote {
    pub(super) fn new(base: &str, token: Option<&str>) -> anyhow::Result<Self> {
        Client::far(base, token).map(Self)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.0.request(method, &format!("/api/v1/{path}"))
    }

    fn file(&self, method: Method, key: &Key) -> RequestBuilder {
        self.request(method, &format!("files/{}", encode_key(key)))
    }

    pub(super) async fn page(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        records: bool,
    ) -> anyhow::Result<ListingPage> {
        let mut query = vec![
            ("prefix", prefix),
            ("records", if records { "1" } else { "0" }),
        ];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        // Only its query is used.
        let url = Url::parse_with_params("http://service/", query)?;
        let path = format!("list?{}", url.query().unwrap_or_default());
        let answer = send(self.request(Method::GET, &path)).await?;
        let bytes = answer.bytes().await?;
        let listing: Listing =
            serde_json::from_slice(&bytes).context("the listing cannot be read")?;
        let mut listed = ListingPage {
            items: Vec::new(),
            skipped: Vec::new(),
            cursor: listing.cursor,
        };
        for file in listing.files {
            match Key::existing(&file.key) {
                Ok(key) => listed.items.push(item(key, file)),
                Err(error) => listed.skipped.push((file.key, error)),
            }
        }
        Ok(listed)
    }

    pub(super) async fn read(&self, item: &SourceItem, spool: &Spool) -> anyhow::Result<Buffered> {
        let request = self.file(Method::GET, &item.key);
        let answer = send(request.header(ACCEPT_ENCODING, ANY_CODING)).await?;
        if etag(&answer).as_ref() != Some(&item.etag) {
            anyhow::bail!("it was changed since it was listed; import again");
        }
        let encoding = encoding(&answer);
        let buffered = Buffered::read(spool, answer.bytes_stream(), item.size).await?;
        Ok(buffered.of_coding(encoding))
    }

    /// Whether the original has a content coding from another program.
    pub(super) async fn is_packed(&self, key: &Key) -> anyhow::Result<bool> {
        let request = self.file(Method::HEAD, key);
        let answer = send(request.header(ACCEPT_ENCODING, ANY_CODING)).await?;
        Ok(encoding(&answer).is_some())
    }

    pub(super) async fn stat(&self, key: &Key) -> anyhow::Result<Option<TargetObject>> {
        let answer = match send(self.file(Method::HEAD, key)).await {
            Ok(answer) => answer,
            Err(error) => {
                let status = error.downcast_ref().map(|refused: &Refused| refused.status);
                return match status {
                    Some(StatusCode::NOT_FOUND) => Ok(None),
                    _ => Err(error),
                };
            }
        };
        let header = |name| {
            answer
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let size = header("content-length").and_then(|text| text.parse().ok());
        Ok(Some(TargetObject {
            size: size.context("the response has no length")?,
            etag: etag(&answer).context("the response has no ETag")?,
            digest: header("repr-digest").map(str::to_owned),
            mark: None,
        }))
    }

    pub(super) async fn write(
        &self,
        key: &Key,
        buffered: &Buffered,
        fields: &Map<String, Value>,
        replaces: Option<&TargetObject>,
    ) -> anyhow::Result<()> {
        let mut request = self
            .file(Method::PUT, key)
            .header("repr-digest", repr_digest(buffered.sha256()))
            .header(CONTENT_LENGTH, buffered.len());
        request = match replaces {
            None => request.header(IF_NONE_MATCH, "*"),
            Some(there) => request.header(IF_MATCH, format!("\"{}\"", there.etag)),
        };
        let (first, later) = parts(fields);
        if !first.is_empty() {
            let value = HeaderValue::from_bytes(Value::Object(first).to_string().as_bytes())?;
            request = request.header("tintype-record", value);
        }
        let body = match buffered.source() {
            WriteSource::Bytes(bytes) => Body::from(bytes),
            WriteSource::File { .. } => Body::wrap_stream(buffered.body().await?),
        };
        let answer = send(request.body(body)).await?;
        let told = answer.headers().get("repr-digest").cloned();
        if told.is_none_or(|told| told.as_bytes() != repr_digest(buffered.sha256()).as_bytes()) {
            anyhow::bail!("the service has stored other bytes than were sent");
        }
        match later.is_empty() {
            true => Ok(()),
            false => self.patch(key, later).await,
        }
    }

    /// Sets the editable fields of an existing original, unless it has some already.
    pub(super) async fn set_fields(
        &self,
        key: &Key,
        fields: &Map<String, Value>,
    ) -> anyhow::Result<()> {
        if fields.is_empty() {
            return Ok(());
        }
        let path = format!("records/{}", encode_key(key));
        let answer = send(self.request(Method::GET, &path)).await?;
        let there: Value = serde_json::from_slice(&answer.bytes().await?)?;
        let is_silent = there["focal_point"].is_null()
            && there["state"]["name"] == "public"
            && ["crops", "set_rights", "meta"]
                .iter()
                .all(|name| there[name].as_object().is_none_or(Map::is_empty));
        match is_silent {
            true => self.patch(key, fields.clone()).await,
            false => Ok(()),
        }
    }

    async fn patch(&self, key: &Key, fields: Map<String, Value>) -> anyhow::Result<()> {
        let request = self
            .request(Method::PATCH, &format!("records/{}", encode_key(key)))
            .header("content-type", "application/merge-patch+json")
            .body(Value::Object(fields).to_string());
        send(request).await.map(drop)
    }
}

/// Splits fields into those sent with the upload and those sent afterwards. The state is always sent first.
fn parts(fields: &Map<String, Value>) -> (Map<String, Value>, Map<String, Value>) {
    if Value::Object(fields.clone()).to_string().len() <= MAX_FIELDS_BYTES {
        return (fields.clone(), Map::new());
    }
    fields
        .clone()
        .into_iter()
        .partition(|(name, _)| name == "state")
}

fn item(key: Key, file: File) -> SourceItem {
    let told = file.record.unwrap_or_default();
    let block: Option<Block> = (told["state"]["name"] == "blocked")
        .then(|| serde_json::from_value(told["state"].clone()).ok())
        .flatten();
    let record = match &block {
        // A block is stored elsewhere.
        Some(_) => None,
        None => serde_json::from_value::<Record>(told.clone()).ok(),
    };
    SourceItem {
        key,
        size: file.size,
        etag: ETag::new(file.etag),
        sha256: told["sha256"].as_str().and_then(HexId::parse),
        record,
        block,
    }
}

fn etag(answer: &Response) -> Option<ETag> {
    let text = answer.headers().get(ETAG)?.to_str().ok()?;
    Some(ETag::new(text.trim_matches('"')))
}

fn encoding(answer: &Response) -> Option<String> {
    let text = answer.headers().get(CONTENT_ENCODING)?.to_str().ok()?;
    Some(text.to_ascii_lowercase())
}
