//! What people have said of an original: it goes along with the bytes, as far as it is not said
//! already where they go.

use std::collections::HashMap;

use anyhow::Context;
use serde_json::{Map, Value, json};
use tintype_server::records::blocks::Block;
use tintype_server::records::record::{Record, State};
use tintype_store::{
    Attributes, BlockId, Condition, ContentHash, ETag, Key, Object, Source, Store,
};

/// As the service bounds it.
const MAX_JSON_BYTES: u64 = 1024 * 1024;

/// In a record that describes no bytes yet, or none any more; no store makes an empty one.
const NO_ETAG: &str = "";

pub(super) async fn read(store: &Store, key: &Key) -> anyhow::Result<Option<(Record, ETag)>> {
    let object = Object::Record(key.hash());
    let Some(got) = store.get(&object, None, None).await? else {
        return Ok(None);
    };
    let etag = got.meta.etag;
    let bytes = got.body.into_bytes(MAX_JSON_BYTES).await?;
    let record = serde_json::from_slice(&bytes).context("the record cannot be read")?;
    Ok(Some((record, etag)))
}

/// The record for the same bytes in another store. One that does not describe what is there is read
/// for what was said, and the facts are derived anew on first use.
pub(super) fn moved(record: &Record, describes: bool, etag: &ETag, sha256: ContentHash) -> Record {
    Record {
        etag: if describes {
            etag.clone()
        } else {
            ETag::new(NO_ETAG)
        },
        sha256: match describes {
            true => Some(sha256),
            false => record.sha256,
        },
        ..record.clone()
    }
}

/// The record that hides an original before it is there.
pub(super) fn ahead(record: &Record) -> Option<Record> {
    let hidden = record.state != State::Public;
    hidden.then(|| Record {
        etag: ETag::new(NO_ETAG),
        ..record.clone()
    })
}

/// Writes a record unless something else has been said there already. `force`: the bytes were written
/// just now, or overwriting was asked for.
pub(super) async fn write(
    store: &Store,
    key: &Key,
    record: &Record,
    force: bool,
) -> anyhow::Result<()> {
    let condition = match read(store, key).await? {
        None => Condition::Absent,
        Some((there, _)) if there == *record => return Ok(()),
        Some((there, etag)) if force || said(&there, None).is_empty() => Condition::Match(etag),
        Some(_) => return Ok(()),
    };
    let source = Source::Bytes(serde_json::to_vec(record)?.into());
    let object = Object::Record(key.hash());
    let nothing = Attributes::default();
    let put = store.put(&object, source, &condition, &nothing);
    put.await.map(drop).context("the record cannot be written")
}

/// As the API takes it: what is not said is left out.
pub(super) fn said(record: &Record, block: Option<&Block>) -> Map<String, Value> {
    let mut said = Map::new();
    if let Some(point) = &record.focal_point {
        said.insert("focal_point".into(), json!(point));
    }
    if !record.crops.is_empty() {
        said.insert("crops".into(), json!(record.crops));
    }
    if !record.meta.is_empty() {
        said.insert("meta".into(), json!(record.meta));
    }
    match (block, &record.state) {
        (Some(block), _) => {
            let state = json!({"name": "blocked", "reason": block.reason});
            said.insert("state".into(), state);
        }
        (None, State::Public) => {}
        (None, state) => {
            said.insert("state".into(), json!(state));
        }
    }
    said
}

/// Takedowns, by key and by content.
#[derive(Default)]
pub(super) struct Blocks(HashMap<BlockId, Block>);

impl Blocks {
    pub(super) async fn read(store: &Store) -> anyhow::Result<Self> {
        let mut blocks = HashMap::new();
        for id in store.list_blocks().await? {
            let got = store.get(&Object::Block(id), None, None).await?;
            if let Some(got) = got {
                let bytes = got.body.into_bytes(MAX_JSON_BYTES).await?;
                let block = serde_json::from_slice(&bytes);
                blocks.insert(id, block.context("a takedown cannot be read")?);
            }
        }
        Ok(Self(blocks))
    }

    pub(super) fn of(&self, key: &Key, sha256: Option<ContentHash>) -> Option<&Block> {
        ids(key, sha256).find_map(|id| self.0.get(&id))
    }

    /// Those that are there already stay as they are.
    pub(super) async fn write(&self, store: &Store) -> anyhow::Result<()> {
        for (id, block) in &self.0 {
            put(store, *id, block).await?;
        }
        if !self.0.is_empty() {
            store.mark_blocks().await?;
        }
        Ok(())
    }
}

/// Carries over a takedown whose original cannot be had.
pub(super) async fn block(
    store: &Store,
    key: &Key,
    sha256: Option<ContentHash>,
    block: &Block,
) -> anyhow::Result<()> {
    for id in ids(key, sha256) {
        put(store, id, block).await?;
    }
    Ok(store.mark_blocks().await?)
}

async fn put(store: &Store, id: BlockId, block: &Block) -> anyhow::Result<()> {
    let source = Source::Bytes(serde_json::to_vec(block)?.into());
    let (object, nothing) = (Object::Block(id), Attributes::default());
    match store
        .put(&object, source, &Condition::Absent, &nothing)
        .await
    {
        Ok(_) | Err(tintype_store::Error::Precondition { .. }) => Ok(()),
        Err(error) => Err(error).context("a takedown cannot be written"),
    }
}

fn ids(key: &Key, sha256: Option<ContentHash>) -> impl Iterator<Item = BlockId> {
    let content = sha256.map(BlockId::Sha256);
    std::iter::once(BlockId::Key(key.hash())).chain(content)
}
