//! Attributes as object metadata, in both directions.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::DateTime;

use crate::{Attributes, ETag, Error, HexId, Meta};

const IDEMPOTENCY: &str = "tintype-idempotency";
const NONCE: &str = "tintype-nonce";
const SHA256: &str = "tintype-sha256";
/// Our own nonce, for writes whose caller gave none.
const WRITE: &str = "tintype-write";
const OURS: [&str; 4] = [IDEMPOTENCY, NONCE, SHA256, WRITE];

/// One write, which recognises whether an object is its own: after a lost response, a retry finds its own object
/// although the condition requires that there is none.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) attributes: Attributes,
    id: Option<String>,
    /// Metadata of a copied object from other programs.
    foreign: HashMap<String, String>,
}

impl Write {
    pub(super) fn new(attributes: &Attributes) -> Result<Self, Error> {
        let id = match attributes.nonce {
            Some(_) => None,
            None => Some(random()?),
        };
        Ok(Self {
            attributes: attributes.clone(),
            id,
            foreign: HashMap::new(),
        })
    }

    /// Keeps the metadata of other programs that a copied object has.
    pub(super) fn keeping(mut self, found: &FoundObject) -> Self {
        self.attributes = self.attributes.of_copy(&found.meta.attributes);
        let foreign = found
            .metadata
            .iter()
            .filter(|(name, _)| !OURS.contains(&name.as_str()));
        self.foreign
            .extend(foreign.map(|(name, value)| (name.clone(), value.clone())));
        self
    }

    pub(super) fn metadata(&self) -> HashMap<String, String> {
        let Attributes {
            idempotency,
            nonce,
            sha256,
            encoding: _,
        } = &self.attributes;
        let ours = [
            (IDEMPOTENCY, idempotency.clone()),
            (NONCE, nonce.clone()),
            (SHA256, sha256.map(|sha256| sha256.to_string())),
            (WRITE, self.id.clone()),
        ];
        let mut metadata = self.foreign.clone();
        metadata.extend(
            ours.into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?))),
        );
        metadata
    }

    pub(super) fn made(&self, found: &FoundObject) -> bool {
        match &self.id {
            Some(_) => found.metadata.get(WRITE) == self.id.as_ref(),
            None => found.meta.attributes.nonce == self.attributes.nonce,
        }
    }
}

/// 128 random bits as hex.
pub(super) fn random() -> Result<String, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::unavailable("drawing a name", error.to_string()))?;
    Ok(HexId(bytes).to_string())
}

/// An object as the server describes it.
#[derive(Clone, Debug)]
pub(super) struct FoundObject {
    pub(super) meta: Meta,
    /// All metadata, including that of other programs.
    pub(super) metadata: HashMap<String, String>,
}

impl FoundObject {
    pub(super) fn head(head: HeadObjectOutput) -> Result<Self, &'static str> {
        let size = head.content_length.and_then(|size| size.try_into().ok());
        Self::new(
            size,
            head.e_tag,
            head.last_modified,
            head.metadata.unwrap_or_default(),
            head.content_encoding.as_deref(),
        )
    }

    pub(super) fn get(get: &mut GetObjectOutput, size: u64) -> Result<Self, &'static str> {
        let metadata = get.metadata.take().unwrap_or_default();
        let encoding = get.content_encoding.take();
        let modified = get.last_modified;
        Self::new(
            Some(size),
            get.e_tag.take(),
            modified,
            metadata,
            encoding.as_deref(),
        )
    }

    fn new(
        size: Option<u64>,
        etag: Option<String>,
        modified: Option<DateTime>,
        metadata: HashMap<String, String>,
        encoding: Option<&str>,
    ) -> Result<Self, &'static str> {
        let attributes = Attributes {
            idempotency: metadata.get(IDEMPOTENCY).cloned(),
            nonce: metadata.get(NONCE).cloned(),
            sha256: metadata.get(SHA256).and_then(|hex| HexId::parse(hex)),
            encoding: encoding.and_then(self::encoding),
        };
        let meta = Meta {
            size: size.ok_or("the response has no size")?,
            etag: self::etag(&etag.ok_or("the response has no ETag")?),
            modified: time(modified),
            attributes,
        };
        Ok(Self { meta, metadata })
    }
}

/// The codings that a reader has to undo. Some servers keep codings that were only for the transfer, and some
/// programs declare that there is none.
fn encoding(header: &str) -> Option<String> {
    let codings = header
        .split(',')
        .map(|coding| coding.trim().to_ascii_lowercase());
    let codings: Vec<_> = codings
        .filter(|coding| !matches!(coding.as_str(), "" | "aws-chunked" | "identity"))
        .collect();
    let encoding = codings.join(",");
    let is_list = encoding.bytes().all(|b| b.is_ascii_graphic());
    (is_list && (1..=Attributes::MAX_BYTES).contains(&encoding.len())).then_some(encoding)
}

/// Removes the quotes.
pub(super) fn etag(text: &str) -> ETag {
    let text = text.strip_prefix("W/").unwrap_or(text);
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    ETag::new(inner.unwrap_or(text))
}

pub(super) fn quoted(etag: &ETag) -> String {
    format!("\"{etag}\"")
}

/// In whole seconds: headers have no more, and a listing must show the same time.
pub(super) fn time(time: Option<DateTime>) -> SystemTime {
    let seconds = time.map_or(0, |time| u64::try_from(time.secs()).unwrap_or(0));
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.min(u64::from(u32::MAX)))
}

/// The time of a write, which the server does not return; its own time differs by the difference of the clocks.
pub(super) fn now() -> SystemTime {
    time(Some(DateTime::from(SystemTime::now())))
}
