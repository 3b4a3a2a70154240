//! A bucket in memory: objects, multipart uploads, and conditions of writes.

use std::collections::BTreeMap;
use std::time::SystemTime;

use http::HeaderMap;
use md5::{Digest, Md5};

use super::content::Content;
use super::response::Refusal;

/// For every part but the last.
const SMALLEST_PART: u64 = 5 * 1024 * 1024;

/// How writes handle `If-None-Match` and `If-Match`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conditions {
    /// Enforced, as on AWS.
    #[default]
    Kept,
    /// Silently ignored, as on Garage.
    Ignored,
    /// 501.
    Refused,
}

#[derive(Clone)]
pub(super) struct Stored {
    pub(super) content: Content,
    /// Without quotes.
    pub(super) etag: String,
    pub(super) modified: SystemTime,
    /// The object's own headers: type, metadata and the like.
    pub(super) headers: HeaderMap,
    /// Its checksum as it was sent: header and value.
    pub(super) checksum: Option<(&'static str, String)>,
}

pub(super) struct Upload {
    pub(super) key: String,
    pub(super) begun: SystemTime,
    headers: HeaderMap,
    pub(super) parts: BTreeMap<u64, Stored>,
}

#[derive(Default)]
pub(super) struct Bucket {
    pub(super) objects: BTreeMap<String, Stored>,
    pub(super) uploads: BTreeMap<String, Upload>,
    pub(super) conditions: Conditions,
    pub(super) unversioned: bool,
    begun: u64,
}

impl Stored {
    pub(super) fn new(content: Content, headers: HeaderMap) -> Self {
        Self {
            etag: hex(&content.md5()),
            content,
            modified: SystemTime::now(),
            headers,
            checksum: None,
        }
    }
}

impl Bucket {
    /// Checks the conditions of a write of this name.
    pub(super) fn allows(&self, key: &str, headers: &HeaderMap) -> Result<(), Refusal> {
        let absent = headers.contains_key("if-none-match");
        let matching = headers.get("if-match");
        if !absent && matching.is_none() {
            return Ok(());
        }
        match self.conditions {
            Conditions::Ignored => return Ok(()),
            Conditions::Refused => return Err(Refusal(501, "NotImplemented")),
            Conditions::Kept => {}
        }
        let current = self.objects.get(key);
        match (current, matching) {
            (None, Some(_)) => Err(Refusal(404, "NoSuchKey")),
            (Some(current), Some(etag)) if etag.as_bytes() == quoted(&current.etag).as_bytes() => {
                Ok(())
            }
            (None, None) => Ok(()),
            _ => Err(Refusal(412, "PreconditionFailed")),
        }
    }

    /// Drops the last byte, like a server that loses data.
    pub(super) fn shorten(&mut self, key: &str) {
        if let Some(object) = self.objects.get_mut(key) {
            let len = object.content.len().saturating_sub(1);
            object.content = object.content.slice(0, len);
        }
    }

    pub(super) fn begin(&mut self, key: &str, headers: HeaderMap) -> String {
        self.begun += 1;
        let id = format!("upload-{}", self.begun);
        let upload = Upload {
            key: key.to_owned(),
            begun: SystemTime::now(),
            headers,
            parts: BTreeMap::new(),
        };
        self.uploads.insert(id.clone(), upload);
        id
    }

    pub(super) fn upload(&mut self, key: &str, id: &str) -> Result<&mut Upload, Refusal> {
        let upload = self.uploads.get_mut(id).filter(|upload| upload.key == key);
        upload.ok_or(Refusal(404, "NoSuchUpload"))
    }

    /// Assembles the named parts; on success the upload no longer exists.
    pub(super) fn complete(
        &mut self,
        key: &str,
        id: &str,
        named: &[(u64, String)],
        conditions: &HeaderMap,
    ) -> Result<Stored, Refusal> {
        self.allows(key, conditions)?;
        let upload = self.upload(key, id)?;
        let mut parts = Vec::new();
        for (index, (number, etag)) in named.iter().enumerate() {
            let part = upload.parts.get(number).filter(|part| part.etag == *etag);
            let part = part.ok_or(Refusal(400, "InvalidPart"))?;
            if index > 0 && *number <= named[index - 1].0 {
                return Err(Refusal(400, "InvalidPartOrder"));
            }
            if index + 1 < named.len() && part.content.len() < SMALLEST_PART {
                return Err(Refusal(400, "EntityTooSmall"));
            }
            parts.push(part.content.clone());
        }
        if parts.is_empty() {
            return Err(Refusal(400, "MalformedXML"));
        }
        let mut object = Stored::new(Content::joined(&parts), upload.headers.clone());
        let sums: Vec<u8> = parts.iter().flat_map(Content::md5).collect();
        object.etag = format!("{}-{}", hex(&Md5::digest(&sums)), parts.len());
        self.uploads.remove(id);
        self.objects.insert(key.to_owned(), object.clone());
        Ok(object)
    }
}

pub(super) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
