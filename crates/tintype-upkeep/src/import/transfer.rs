//! Copies one original: compare, read, write, compare again.

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};
use tintype_server::originals::digest::repr_digest;
use tintype_server::originals::spool::Spool;
use tintype_server::records::blocks::{self, Blocks};
use tintype_server::records::record::Record;
use tintype_store::{Attributes, Body, Condition, ContentHash, HexId, Meta, Object, Store};

use super::buffered::Buffered;
use super::endpoint::Endpoint;
use super::fields;
use super::item::{SourceItem, TargetObject};
use crate::hash::sha256;

pub(super) struct Transfer {
    pub(super) from: Endpoint,
    pub(super) to: Endpoint,
    /// Holds originals in transit.
    pub(super) spool: Spool,
    /// Takedowns of FROM, if that is a store.
    pub(super) blocks: Option<Blocks>,
    pub(super) records: bool,
    pub(super) overwrite: bool,
    pub(super) dry_run: bool,
    pub(super) read_back: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransferOutcome {
    Copied,
    /// Copied and decoded, because another program had stored it with gzip.
    Unpacked,
    /// It exists already.
    Same,
    /// Another original has its name.
    Conflict,
    /// Taken down, so that its bytes cannot be read. The takedown itself was copied.
    Blocked,
    /// Would have been copied without --dry-run.
    Would,
}

impl Transfer {
    pub(super) async fn one(&self, item: &SourceItem) -> anyhow::Result<TransferOutcome> {
        if let Some(block) = &item.block {
            let Endpoint::Store(store) = &self.to else {
                return Ok(TransferOutcome::Blocked);
            };
            if !self.dry_run && self.records {
                let (ids, block) = (blocks::ids(&item.key, item.sha256), Arc::new(block.clone()));
                blocks::carry_over(store, ids.map(|id| (id, block.clone()))).await?;
            }
            return Ok(TransferOutcome::Blocked);
        }
        let record = self.record(item).await?;
        let there = self.stat(item).await?;
        if let Some(there) = &there {
            if self.is_same(item, record.as_ref(), there).await? {
                if !self.dry_run {
                    self.set_fields_of_same(item, record.as_ref(), there)
                        .await?;
                }
                return Ok(TransferOutcome::Same);
            }
            if !self.overwrite {
                return Ok(TransferOutcome::Conflict);
            }
        }
        if self.dry_run {
            return Ok(TransferOutcome::Would);
        }
        let buffered = self.read(item).await?;
        if let Some(known) = self.known(item, record.as_ref()).await? {
            ensure!(
                known == buffered.sha256(),
                "the bytes do not match its record; run `tintype verify` there"
            );
        }
        let packed = buffered.sha256();
        let buffered = buffered.unpacked(&self.spool).await?;
        self.write(item, &buffered, record.as_ref(), there.as_ref())
            .await?;
        Ok(match buffered.sha256() == packed {
            true => TransferOutcome::Copied,
            false => TransferOutcome::Unpacked,
        })
    }

    async fn record(&self, item: &SourceItem) -> anyhow::Result<Option<Record>> {
        match &self.from {
            _ if !self.records => Ok(None),
            Endpoint::Service(_) => Ok(item.record.clone()),
            Endpoint::Store(store) => {
                let read = fields::read(store, &item.key).await?;
                Ok(read.map(|stored| stored.record))
            }
        }
    }

    async fn stat(&self, item: &SourceItem) -> anyhow::Result<Option<TargetObject>> {
        match &self.to {
            Endpoint::Service(remote) => remote.stat(&item.key).await,
            Endpoint::Store(store) => {
                let meta = store.head(&Object::Original(item.key.clone())).await?;
                Ok(meta.map(TargetObject::from))
            }
        }
    }

    /// Whether the original exists already, with as little reading as is safe.
    async fn is_same(
        &self,
        item: &SourceItem,
        record: Option<&Record>,
        there: &TargetObject,
    ) -> anyhow::Result<bool> {
        if there.mark.as_ref() == Some(&mark(item)) {
            return Ok(true);
        }
        let is_packed = match record.filter(|record| record.etag == item.etag) {
            Some(record) => record.encoding.is_some(),
            // Only originals with a content coding have another size in TO.
            None => there.size != item.size && self.is_packed(item).await?,
        };
        if there.size != item.size && !is_packed {
            return Ok(false);
        }
        let here = match self.known(item, record).await? {
            Some(known) if !is_packed => known,
            _ => {
                let buffered = self.read(item).await?.unpacked(&self.spool).await?;
                if buffered.len() != there.size {
                    return Ok(false);
                }
                buffered.sha256()
            }
        };
        match (&self.to, &there.digest) {
            (_, Some(digest)) => Ok(*digest == repr_digest(here)),
            (Endpoint::Store(store), None) => {
                let object = Object::Original(item.key.clone());
                let got = store.get(&object, None, Some(&there.etag)).await?;
                let got = got.context("it was deleted while it was checked")?;
                Ok(read_whole(got.body).await? == here)
            }
            (Endpoint::Service(_), None) => {
                bail!("the service has not hashed what it has under this name; try again later")
            }
        }
    }

    async fn is_packed(&self, item: &SourceItem) -> anyhow::Result<bool> {
        match &self.from {
            Endpoint::Service(remote) => remote.is_packed(&item.key).await,
            Endpoint::Store(store) => {
                let meta = store.head(&Object::Original(item.key.clone())).await?;
                Ok(meta.is_some_and(|meta| meta.attributes.encoding.is_some()))
            }
        }
    }

    /// The hash of an original that the source knows without reading it.
    async fn known(
        &self,
        item: &SourceItem,
        record: Option<&Record>,
    ) -> anyhow::Result<Option<ContentHash>> {
        let of_record = record.filter(|record| record.etag == item.etag);
        let told = of_record.and_then(|record| record.sha256);
        if let Some(sha256) = told.or(item.sha256) {
            return Ok(Some(sha256));
        }
        let Endpoint::Store(store) = &self.from else {
            return Ok(None);
        };
        let meta = store.head(&Object::Original(item.key.clone())).await?;
        Ok(meta
            .filter(|meta| meta.etag == item.etag)
            .and_then(|meta| meta.attributes.sha256))
    }

    async fn read(&self, item: &SourceItem) -> anyhow::Result<Buffered> {
        let store = match &self.from {
            Endpoint::Service(remote) => return remote.read(item, &self.spool).await,
            Endpoint::Store(store) => store,
        };
        let object = Object::Original(item.key.clone());
        let changed = "it was changed since it was listed; import again";
        let got = match store.get(&object, None, Some(&item.etag)).await {
            Err(tintype_store::Error::Precondition { .. }) | Ok(None) => bail!(changed),
            got => got?.context(changed)?,
        };
        let encoding = got.meta.attributes.encoding;
        let buffered = Buffered::read(&self.spool, got.body, item.size).await?;
        // Other programs may change files in place, even while they are read.
        let after = store.head(&object).await?;
        ensure!(after.is_some_and(|meta| meta.etag == item.etag), changed);
        Ok(buffered.of_coding(encoding))
    }

    async fn write(
        &self,
        item: &SourceItem,
        buffered: &Buffered,
        record: Option<&Record>,
        replaces: Option<&TargetObject>,
    ) -> anyhow::Result<()> {
        let store = match &self.to {
            Endpoint::Store(store) => store,
            Endpoint::Service(remote) => {
                if let Some(encoding) = &buffered.encoding {
                    bail!(
                        "it has the content coding {encoding}, which cannot be decoded, and a service accepts no encoded uploads"
                    );
                }
                let fields = self.fields(item, record, Some(buffered.sha256()));
                return remote.write(&item.key, buffered, &fields, replaces).await;
            }
        };
        let key = &item.key;
        if let Some(ahead) = record.and_then(fields::ahead) {
            fields::write(store, key, &ahead, true).await?;
        }
        let condition = match replaces {
            None => Condition::Absent,
            Some(there) => Condition::Match(there.etag.clone()),
        };
        let attributes = Attributes {
            nonce: Some(mark(item)),
            sha256: Some(buffered.sha256()),
            idempotency: None,
            encoding: buffered.encoding.clone(),
        };
        let object = Object::Original(key.clone());
        let meta = store
            .put(&object, buffered.source(), &condition, &attributes)
            .await?;
        if self.read_back {
            self.compare(store, &object, &meta, buffered).await?;
        }
        if let Some(record) = record {
            let moved = moved(item, record, &meta, buffered.sha256());
            fields::write(store, key, &moved, true).await?;
        }
        Ok(())
    }

    /// Reads the copy back, and deletes it if it differs.
    async fn compare(
        &self,
        store: &Store,
        object: &Object,
        meta: &Meta,
        buffered: &Buffered,
    ) -> anyhow::Result<()> {
        let got = match store.get(object, None, Some(&meta.etag)).await {
            // Replaced by another writer meanwhile.
            Err(tintype_store::Error::Precondition { .. }) | Ok(None) => return Ok(()),
            got => got?.context("it went away")?,
        };
        if read_whole(got.body).await? == buffered.sha256() {
            return Ok(());
        }
        let condition = Condition::Match(meta.etag.clone());
        store.delete(object, &condition).await?;
        bail!("the bytes read back differ from those written; the copy was removed");
    }

    /// An interrupted import may not have written the record.
    async fn set_fields_of_same(
        &self,
        item: &SourceItem,
        record: Option<&Record>,
        there: &TargetObject,
    ) -> anyhow::Result<()> {
        let Some(record) = record else {
            return Ok(());
        };
        match &self.to {
            Endpoint::Service(remote) => {
                let fields = self.fields(item, Some(record), record.sha256);
                remote.set_fields(&item.key, &fields).await
            }
            Endpoint::Store(store) => {
                let sha256 = self.known(item, Some(record)).await?;
                let Some(sha256) = sha256 else {
                    return Ok(());
                };
                // An original that was decoded has other bytes in TO, whose facts are derived anew.
                let describes = record.etag == item.etag && record.encoding.is_none();
                let moved = fields::moved(record, describes, &there.etag, sha256);
                fields::write(store, &item.key, &moved, self.overwrite).await
            }
        }
    }

    fn fields(
        &self,
        item: &SourceItem,
        record: Option<&Record>,
        sha256: Option<ContentHash>,
    ) -> serde_json::Map<String, serde_json::Value> {
        let blocks = self.blocks.as_ref();
        let block = blocks.and_then(|blocks| blocks.of(&item.key, sha256));
        fields::editable(record, block.as_deref())
    }
}

async fn read_whole(body: Body) -> anyhow::Result<ContentHash> {
    let read = sha256(body).await;
    let (_, hash) = read.context("an original was cut off while it was read")?;
    Ok(hash)
}

fn moved(item: &SourceItem, record: &Record, meta: &Meta, sha256: ContentHash) -> Record {
    let describes = record.etag == item.etag;
    let encoding = record.encoding.clone();
    Record {
        size: meta.size,
        encoding: encoding.filter(|_| meta.attributes.encoding.is_some()),
        ..fields::moved(record, describes, &meta.etag, sha256)
    }
}

/// Stored with a copy and identifies the copied version, so that the next run need not read either.
fn mark(item: &SourceItem) -> String {
    let hash = Sha256::new_with_prefix(b"tintype import\0")
        .chain_update(item.size.to_be_bytes())
        .chain_update(item.etag.as_str());
    let hash: [u8; 32] = hash.finalize().into();
    format!("import-{}", HexId(hash))
}

impl From<Meta> for TargetObject {
    fn from(meta: Meta) -> Self {
        Self {
            size: meta.size,
            etag: meta.etag,
            digest: meta.attributes.sha256.map(repr_digest),
            mark: meta.attributes.nonce,
        }
    }
}
