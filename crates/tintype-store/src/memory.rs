//! A store in memory with the same guarantees, for tests: nothing survives the process.
//!
//! Names are flat as in a bucket: `a` and `a/b` can both exist.

use std::collections::BTreeMap;
use std::fs;
use std::ops::{Bound, Range};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;

use crate::key::RESERVED;
use crate::{
    Attributes, Body, Condition, Counts, ETag, Error, Get, Key, KeyHash, ListedOriginal, Meta,
    Object, ObjectKind, OriginalPage, OwnObject, Survey, WriteSource,
};

#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<State>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, (Bytes, Meta)>,
    writes: u64,
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn put(
        &self,
        object: &Object,
        source: WriteSource<'_>,
        condition: &Condition,
        attributes: &Attributes,
    ) -> Result<Meta, Error> {
        let announced = source.len();
        let bytes = match source {
            WriteSource::Bytes(bytes) => bytes,
            WriteSource::File { path, .. } => {
                let path = path.to_owned();
                let read = move || fs::read(path).map_err(Error::io("reading a spooled file"));
                crate::disk::blocking::run(read).await?.into()
            }
        };
        let actual = bytes.len() as u64;
        if actual != announced {
            return Err(Error::SourceChanged { announced, actual });
        }
        self.state()
            .put(object.path(), bytes, condition, attributes)
    }

    pub(crate) fn head(&self, object: &Object) -> Option<Meta> {
        self.state().current(&object.path())
    }

    pub(crate) fn get(
        &self,
        object: &Object,
        range: Option<Range<u64>>,
        if_match: Option<&ETag>,
    ) -> Result<Option<Get>, Error> {
        let Some((bytes, meta)) = self.state().objects.get(&object.path()).cloned() else {
            return Ok(None);
        };
        let range = meta.select(range, if_match)?;
        // Both ends are within bytes that are in memory.
        let part = bytes.slice(range.start as usize..range.end as usize);
        Ok(Some(Get {
            meta,
            range,
            body: Body::bytes(part),
        }))
    }

    pub(crate) fn delete(&self, object: &Object, condition: &Condition) -> Result<bool, Error> {
        let (path, mut state) = (object.path(), self.state());
        condition.check(|| Ok(state.current(&path)))?;
        Ok(state.objects.remove(&path).is_some())
    }

    pub(crate) fn delete_variants(&self, original: &KeyHash) -> u64 {
        let (folder, mut state) = (Object::variants(original), self.state());
        let before = state.objects.len();
        state.objects.retain(|path, _| !path.starts_with(&folder));
        (before - state.objects.len()) as u64
    }

    pub(crate) fn copy(
        &self,
        from: &Key,
        to: &Key,
        condition: &Condition,
        attributes: &Attributes,
    ) -> Result<Meta, Error> {
        let mut state = self.state();
        let (bytes, meta) = state
            .objects
            .get(from.as_str())
            .cloned()
            .ok_or(Error::NotFound)?;
        let attributes = attributes.of_copy(&meta.attributes);
        state.put(to.as_str().to_owned(), bytes, condition, &attributes)
    }

    pub(crate) fn list(
        &self,
        prefix: &str,
        delimiter: bool,
        cursor: Option<&str>,
        limit: usize,
    ) -> OriginalPage {
        let (state, cursor) = (self.state(), cursor.unwrap_or_default());
        let mut page = OriginalPage::default();
        let mut position = cursor.to_owned();
        for (path, (_, meta)) in state.after(prefix.max(cursor), cursor) {
            let Some(rest) = path.strip_prefix(prefix) else {
                break;
            };
            let own = path
                .split_once('/')
                .is_some_and(|(first, _)| first == RESERVED);
            let slash = rest.find('/').filter(|_| delimiter);
            let dir = slash.map(|slash| &path[..=prefix.len() + slash]);
            // A cursor that ends with a slash is a folder that was processed.
            let done = cursor.ends_with('/') && path.starts_with(cursor);
            if own || done || dir.is_some_and(|dir| dir <= cursor || dir == position) {
                continue;
            }
            if page.files.len() + page.dirs.len() == limit {
                page.cursor = Some(position);
                break;
            }
            match dir {
                Some(dir) => {
                    dir.clone_into(&mut position);
                    page.dirs.push(dir.to_owned());
                }
                None => {
                    let Ok(key) = Key::existing(path) else {
                        continue;
                    };
                    position.clone_from(path);
                    let Meta {
                        size,
                        etag,
                        modified,
                        ..
                    } = meta.clone();
                    page.files.push(ListedOriginal {
                        key,
                        size,
                        etag,
                        modified,
                    });
                }
            }
        }
        page
    }

    pub(crate) fn survey(&self, kind: ObjectKind, cursor: Option<&str>, limit: usize) -> Survey {
        let (state, folder) = (self.state(), kind.folder());
        let after = format!("{folder}{}", cursor.unwrap_or_default());
        let mut found: Vec<_> = state
            .after(&after, &after)
            .map_while(|(path, (_, meta))| Some((path.strip_prefix(&folder)?, meta)))
            .take(limit + 1)
            .collect();
        let more = found.len() > limit;
        found.truncate(limit);
        let own = |(name, meta): &(&str, &Meta)| {
            Some(OwnObject {
                object: kind.object(name)?,
                size: meta.size,
                modified: meta.modified,
            })
        };
        Survey {
            objects: found.iter().filter_map(own).collect(),
            cursor: found
                .last()
                .filter(|_| more)
                .map(|(name, _)| (*name).to_owned()),
        }
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }
}

impl State {
    fn current(&self, path: &str) -> Option<Meta> {
        self.objects.get(path).map(|(_, meta)| meta.clone())
    }

    /// Objects from `start` on, but without `last` itself.
    fn after<'a>(
        &'a self,
        start: &str,
        last: &'a str,
    ) -> impl Iterator<Item = (&'a String, &'a (Bytes, Meta))> {
        self.objects
            .range::<str, _>((Bound::Included(start), Bound::Unbounded))
            .filter(move |(path, _)| *path != last)
    }

    fn put(
        &mut self,
        path: String,
        bytes: Bytes,
        condition: &Condition,
        attributes: &Attributes,
    ) -> Result<Meta, Error> {
        condition.check(|| Ok(self.current(&path)))?;
        self.writes += 1;
        let meta = Meta {
            size: bytes.len() as u64,
            etag: ETag::new(format!("memory-{}", self.writes)),
            modified: SystemTime::now(),
            attributes: attributes.clone(),
        };
        self.objects.insert(path, (bytes, meta.clone()));
        Ok(meta)
    }
}
