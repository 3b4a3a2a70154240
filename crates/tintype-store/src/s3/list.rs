//! Listings in byte order of the keys, from any position.
//!
//! A cursor is the last key or folder that was processed, so that any replica can continue from there.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::EncodingType;
use percent_encoding::percent_decode_str;

use super::attributes;
use super::bucket::Bucket;
use super::client;
use super::failure::{Failure, FailureKind};
use super::operation::Operation;
use crate::key::RESERVED;
use crate::{
    ETag, Error, Key, KeyHash, ListedOriginal, MAX_PAGE, Object, ObjectKind, OriginalPage,
    OwnObject, Survey,
};

/// Requests for one page: skipping entries may end a page early, but not never.
const MOST_REQUESTS: u32 = 8;
/// Sorts after everything below a folder.
const LAST: char = '\u{10ffff}';

/// One page from the server, in order.
struct ListedPage {
    entries: Vec<Entry>,
    more: bool,
}

enum Entry {
    /// With its slash.
    Folder(String),
    File {
        name: String,
        size: u64,
        /// Some servers omit it.
        etag: Option<ETag>,
        modified: SystemTime,
    },
}

impl Entry {
    fn name(&self) -> &str {
        match self {
            Self::Folder(name) | Self::File { name, .. } => name,
        }
    }
}

impl Bucket {
    pub(super) async fn list(
        &self,
        prefix: &str,
        delimiter: bool,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<OriginalPage, Error> {
        let mut page = OriginalPage::default();
        if is_reserved(prefix) {
            return Ok(page);
        }
        let mut position = cursor.unwrap_or_default().to_owned();
        for _ in 0..MOST_REQUESTS {
            let left = limit - page.files.len() - page.dirs.len();
            let found = self.find(prefix, delimiter, &position, left).await?;
            let before = position.clone();
            for entry in found.entries {
                if entry.name() <= position.as_str() {
                    continue;
                }
                if is_reserved(entry.name()) {
                    position = folder(entry.name()).to_owned();
                    continue;
                }
                entry.name().clone_into(&mut position);
                match entry {
                    Entry::Folder(name) => page.dirs.push(name),
                    Entry::File {
                        name,
                        size,
                        etag,
                        modified,
                    } => {
                        let file = self.listed(name, size, etag, modified).await?;
                        page.files.extend(file);
                    }
                }
            }
            if !found.more {
                return Ok(page);
            }
            if page.files.len() + page.dirs.len() >= limit {
                break;
            }
            if position == before {
                let text = "the server says that there are more entries, but does not return them";
                return Err(Error::unavailable(Operation::ListObjectsV2.doing(), text));
            }
        }
        page.cursor = Some(position);
        Ok(page)
    }

    /// An original; `None` for a name that no key can have, which cannot be requested.
    async fn listed(
        &self,
        name: String,
        size: u64,
        etag: Option<ETag>,
        modified: SystemTime,
    ) -> Result<Option<ListedOriginal>, Error> {
        let Ok(key) = Key::existing(&name) else {
            return Ok(None);
        };
        let etag = match etag {
            Some(etag) => etag,
            None => {
                let path = self.path(&Object::Original(key.clone()))?;
                match self.stat(&path).await? {
                    Some(found) => found.meta.etag,
                    None => return Ok(None),
                }
            }
        };
        Ok(Some(ListedOriginal {
            key,
            size,
            etag,
            modified,
        }))
    }

    pub(super) async fn survey(
        &self,
        kind: ObjectKind,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Survey, Error> {
        let folder = kind.folder();
        let position = cursor.map(|cursor| format!("{folder}{cursor}"));
        let position = position.unwrap_or_default();
        let found = self.find(&folder, false, &position, limit).await?;
        let last = found.entries.last().map(Entry::name);
        let last = last.and_then(|name| name.strip_prefix(&folder));
        let cursor = last.filter(|_| found.more).map(str::to_owned);
        let own = |entry| match entry {
            Entry::Folder(_) => None,
            Entry::File {
                name,
                size,
                modified,
                ..
            } => Some(OwnObject {
                object: kind.object(name.strip_prefix(&folder)?)?,
                size,
                modified,
            }),
        };
        Ok(Survey {
            objects: found.entries.into_iter().filter_map(own).collect(),
            cursor,
        })
    }

    /// The full names of an original's variants, at most `limit` of them, and whether there are more.
    pub(super) async fn variants(
        &self,
        original: &KeyHash,
        limit: usize,
    ) -> Result<(Vec<String>, bool), Error> {
        let found = self
            .find(&Object::variants(original), false, "", limit)
            .await?;
        let names = found.entries.iter();
        let names = names.map(|entry| format!("{}{}", self.location, entry.name()));
        Ok((names.collect(), found.more))
    }

    /// Removes leftovers of testing the server's conditions, if the process died meanwhile; returns how many.
    pub(super) async fn sweep_trials(&self, older_than: Duration) -> Result<u64, Failure> {
        let (folder, mut position, mut swept) = (format!("{RESERVED}/probe/"), String::new(), 0);
        loop {
            let found = self.find(&folder, false, &position, MAX_PAGE).await?;
            let is_old = |entry: &&Entry| match entry {
                Entry::Folder(_) => false,
                Entry::File { modified, .. } => {
                    let age = SystemTime::now().duration_since(*modified);
                    age.is_ok_and(|age| age >= older_than)
                }
            };
            let names = found.entries.iter().filter(is_old);
            let names: Vec<_> = names
                .map(|entry| format!("{}{}", self.location, entry.name()))
                .collect();
            swept += names.len() as u64;
            self.delete_all(names).await?;
            match found.entries.last() {
                Some(last) if found.more => last.name().clone_into(&mut position),
                _ => return Ok(swept),
            }
        }
    }

    /// Entries after `position`; all names are without the location.
    async fn find(
        &self,
        prefix: &str,
        delimiter: bool,
        position: &str,
        limit: usize,
    ) -> Result<ListedPage, Failure> {
        match self
            .list_page(prefix, delimiter, position, limit, false)
            .await
        {
            // A name with a control character cannot be written in XML. Encoding is not always requested, because
            // some servers claim to encode names but do not.
            Err(failure) if failure.kind == FailureKind::Garbled => {
                self.list_page(prefix, delimiter, position, limit, true)
                    .await
            }
            outcome => outcome,
        }
    }

    async fn list_page(
        &self,
        prefix: &str,
        delimiter: bool,
        position: &str,
        limit: usize,
        encoded: bool,
    ) -> Result<ListedPage, Failure> {
        let after = match position {
            "" => None,
            // A folder was processed as a whole.
            folder if folder.ends_with('/') => Some(format!("{}{folder}{LAST}", self.location)),
            key => Some(format!("{}{key}", self.location)),
        };
        let request = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .prefix(format!("{}{prefix}", self.location))
            .set_delimiter(delimiter.then(|| "/".to_owned()))
            .set_start_after(after)
            .set_encoding_type(encoded.then_some(EncodingType::Url))
            .max_keys(i32::try_from(limit).unwrap_or(i32::MAX))
            .customize()
            .config_override(client::listing());
        let listing = self.call(Operation::ListObjectsV2, prefix, request.send());
        let output = listing.await?;
        let decoded = output.encoding_type == Some(EncodingType::Url);
        Ok(self.found(output, decoded))
    }

    fn found(&self, output: ListObjectsV2Output, decode: bool) -> ListedPage {
        let name = |name: Option<String>| {
            let name = name?;
            let name = if decode {
                let spaced = name.replace('+', " ");
                percent_decode_str(&spaced).decode_utf8().ok()?.into_owned()
            } else {
                name
            };
            name.strip_prefix(&self.location).map(str::to_owned)
        };
        let files = output.contents.unwrap_or_default().into_iter();
        let files = files.filter_map(|object| {
            Some(Entry::File {
                name: name(object.key)?,
                size: object.size.and_then(|size| size.try_into().ok())?,
                etag: object.e_tag.as_deref().map(attributes::etag),
                modified: attributes::time(object.last_modified),
            })
        });
        let folders = output.common_prefixes.unwrap_or_default().into_iter();
        let folders = folders.filter_map(|folder| Some(Entry::Folder(name(folder.prefix)?)));
        let mut entries: Vec<_> = files.chain(folders).collect();
        entries.sort_unstable_by(|one, other| one.name().cmp(other.name()));
        ListedPage {
            entries,
            more: output.is_truncated == Some(true),
        }
    }
}

/// Whether a name is tintype's own. Case-insensitive, as for keys.
fn is_reserved(name: &str) -> bool {
    let first = name.split_once('/').map(|(first, _)| first);
    first.is_some_and(|first| first.eq_ignore_ascii_case(RESERVED))
}

/// The first folder of a name, with its slash.
fn folder(name: &str) -> &str {
    name.find('/').map_or(name, |slash| &name[..=slash])
}
