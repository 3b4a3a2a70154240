//! Requests that may be repeated without doing their work twice, without a database.
//!
//! A request that creates an object stores the hash of the idempotency key with it, as a store attribute: a replay
//! tries the same names and finds its own object. A request that replaces an object cannot be recognised that way
//! once another has replaced it again, so it leaves an intent under `.tintype/idem/`, which has what was there
//! before and, afterwards, the response. A replay never overwrites an object that is newer than the intent.
//!
//! Deliberately absent: a lock. Two concurrent attempts both go by what the store holds, and the store lets one of
//! them win.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tintype_store::{
    Attributes, Condition, ContentHash, ETag, HexId, Key, Object, Store, WriteSource,
};

use crate::error::{Code, Error};
use crate::originals::rename::Suffixes;
use crate::records::record::RecordView;

const HEADER: &str = "idempotency-key";

/// The draft standard asks for a unique value such as a UUID; this leaves room for prefixes.
const MAX_KEY_BYTES: usize = 255;

/// How long an intent is valid.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// An intent is a name, two hashes and a record; a record with the largest `meta` fits.
const MAX_INTENT_BYTES: u64 = 1024 * 1024;

/// Hash of an idempotency key and the token that used it, so that one client's keys mean nothing to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdempotencyKey([u8; 32]);

impl IdempotencyKey {
    pub fn from_headers(headers: &HeaderMap, principal: &str) -> Result<Option<Self>, Error> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let invalid = || {
            Error::new(Code::InvalidRequest)
                .detail(format!(
                    "idempotency-key must be 1 to {MAX_KEY_BYTES} printable ASCII characters, once"
                ))
                .member("field", "Idempotency-Key")
        };
        if values.next().is_some() {
            return Err(invalid());
        }
        let text = value.to_str().map_err(|_| invalid())?.trim();
        // A structured field has a string in quotes; most clients send it bare.
        let text = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(text);
        let printable = text.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
        if text.is_empty() || text.len() > MAX_KEY_BYTES || !printable {
            return Err(invalid());
        }
        Ok(Some(Self::new(principal, text)))
    }

    pub fn new(principal: &str, key: &str) -> Self {
        let hash = Sha256::new_with_prefix(b"tintype idempotency\0")
            .chain_update((principal.len() as u64).to_be_bytes())
            .chain_update(principal)
            .chain_update(key);
        Self(hash.finalize().into())
    }

    /// The attribute of objects that this request creates.
    pub fn attribute(&self) -> String {
        HexId(self.0).to_string()
    }

    pub fn suffixes(&self) -> Suffixes {
        Suffixes::Derived(self.0)
    }

    fn object(&self) -> Object {
        Object::Idem(HexId(self.0))
    }
}

/// What a request was about to replace, and its response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    pub key: Key,
    pub sha256: Option<ContentHash>,
    pub at: Timestamp,
    /// The store ETag of the object to be replaced; `None` if there was none.
    pub before: Option<ETag>,
    pub answer: Option<StoredResponse>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredResponse {
    pub created: bool,
    pub etag: ETag,
    pub told: RecordView,
}

/// An intent as stored, for compare-and-swap.
#[derive(Debug)]
pub struct StoredIntent {
    pub intent: Intent,
    pub etag: ETag,
}

impl Intent {
    pub fn new(key: &Key, sha256: Option<ContentHash>, before: Option<&ETag>) -> Self {
        Self {
            key: key.clone(),
            sha256,
            at: Timestamp::now(),
            before: before.cloned(),
            answer: None,
        }
    }

    /// Refuses a different request under the same key.
    pub fn check(&self, key: &Key, sha256: Option<ContentHash>) -> Result<(), Error> {
        let same = self.key == *key && self.sha256 == sha256;
        if same { Ok(()) } else { Err(mismatch()) }
    }

    pub fn condition(&self) -> Condition {
        match &self.before {
            Some(etag) => Condition::Match(etag.clone()),
            None => Condition::Absent,
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.at).unsigned_abs() > KEPT
    }
}

pub fn mismatch() -> Error {
    Error::new(Code::IdempotencyMismatch)
        .detail("this idempotency key was used for another request")
        .member("field", "Idempotency-Key")
}

/// The intent under a key, with the ETag for replacing it; an expired one counts as absent but has to be replaced.
pub enum FoundIntent {
    Nothing,
    Expired(ETag),
    Intent(Box<StoredIntent>),
}

pub async fn find(store: &Store, key: &IdempotencyKey) -> Result<FoundIntent, Error> {
    let Some(got) = store.get(&key.object(), None, None).await? else {
        return Ok(FoundIntent::Nothing);
    };
    let etag = got.meta.etag.clone();
    let bytes = got.body.into_bytes(MAX_INTENT_BYTES).await?;
    let intent: Intent = serde_json::from_slice(&bytes).map_err(|error| {
        Error::new(Code::Internal).cause(format!("an intent cannot be read: {error}"))
    })?;
    if intent.is_over(Timestamp::now()) {
        return Ok(FoundIntent::Expired(etag));
    }
    Ok(FoundIntent::Intent(Box::new(StoredIntent { intent, etag })))
}

/// `None` if the condition did not hold because another request uses the same key.
pub async fn write(
    store: &Store,
    key: &IdempotencyKey,
    intent: &Intent,
    condition: &Condition,
) -> Result<Option<ETag>, Error> {
    let bytes = serde_json::to_vec(intent).map_err(|error| {
        Error::new(Code::Internal).cause(format!("an intent cannot be written: {error}"))
    })?;
    let source = WriteSource::Bytes(bytes.into());
    match store
        .put(&key.object(), source, condition, &Attributes::default())
        .await
    {
        Ok(meta) => Ok(Some(meta.etag)),
        Err(tintype_store::Error::Precondition { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Result<Option<IdempotencyKey>, Code> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, value.parse().unwrap());
        IdempotencyKey::from_headers(&headers, "site").map_err(|error| error.code())
    }

    #[test]
    fn a_key_means_the_same_with_and_without_quotes() {
        let key = parse("8e03978e-40d5").unwrap();
        assert!(key.is_some());
        assert_eq!(parse("\"8e03978e-40d5\"").unwrap(), key);
        assert_ne!(parse("8e03978e-40d6").unwrap(), key);
    }

    #[test]
    fn a_key_belongs_to_the_token_that_used_it() {
        assert_ne!(
            IdempotencyKey::new("a", "bc"),
            IdempotencyKey::new("ab", "c")
        );
        assert_eq!(
            IdempotencyKey::new("a", "bc"),
            IdempotencyKey::new("a", "bc")
        );
    }

    #[test]
    fn an_empty_overlong_or_repeated_key_is_refused() {
        assert_eq!(parse(""), Err(Code::InvalidRequest));
        assert_eq!(parse("\"\""), Err(Code::InvalidRequest));
        assert_eq!(parse("a b"), Err(Code::InvalidRequest));
        assert_eq!(parse("\"a"), Err(Code::InvalidRequest));
        assert_eq!(parse(&"k".repeat(256)), Err(Code::InvalidRequest));
        assert!(parse(&"k".repeat(255)).is_ok());
        let mut headers = HeaderMap::new();
        headers.append(HEADER, "a".parse().unwrap());
        headers.append(HEADER, "a".parse().unwrap());
        assert!(IdempotencyKey::from_headers(&headers, "site").is_err());
        headers.clear();
        assert_eq!(
            IdempotencyKey::from_headers(&headers, "site").unwrap(),
            None
        );
    }

    #[test]
    fn an_intent_speaks_for_one_request_and_one_day() {
        let key = Key::parse("a.jpg").unwrap();
        let [one, other] = [1, 2].map(|n| Some(HexId([n; 32])));
        let intent = Intent::new(&key, one, Some(&ETag::new("e1")));
        assert!(intent.check(&key, one).is_ok());
        let code = |key: &Key, sha256| intent.check(key, sha256).unwrap_err().code();
        assert_eq!(code(&key, other), Code::IdempotencyMismatch);
        assert_eq!(
            code(&Key::parse("b.jpg").unwrap(), one),
            Code::IdempotencyMismatch
        );
        assert_eq!(intent.condition(), Condition::Match(ETag::new("e1")));
        assert!(!intent.is_over(intent.at + Duration::from_secs(23 * 3600)));
        assert!(intent.is_over(intent.at + Duration::from_secs(25 * 3600)));
    }
}
