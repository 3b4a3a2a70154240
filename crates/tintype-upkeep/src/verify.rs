//! Whether the originals still are what was uploaded.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde_json::json;
use sha2::{Digest, Sha256};
use tintype_server::records::{self, FoundRecord};
use tintype_store::{
    Body, ContentHash, Error, HexId, Key, KeyHash, Kind, Listed, Object, Own, Store,
};
use tokio_util::sync::CancellationToken;

use crate::walk::Ticket;
use crate::{Report, Summary, chain, stores};

/// A record is written before an original that is not to be seen yet, and deleted after it: one this
/// young may belong to a change that is under way.
const UNDER_WAY: Duration = Duration::from_secs(60 * 60);

/// What the summary counts.
const COUNTS: [&str; 10] = [
    "originals",
    "bytes",
    "missing",
    "changed",
    "unreadable",
    "bad_records",
    "stale",
    "no_record",
    "not_hashed",
    "packed",
];

#[derive(Clone, Debug)]
pub struct Options {
    /// Only keys that start with this.
    pub prefix: String,
    /// Originals read at a time.
    pub jobs: usize,
    /// A key, or the path of a record: those come after all originals.
    pub after: Option<String>,
}

/// Reads every original and compares it with its record. Changes nothing.
pub fn verify(
    store: Arc<Store>,
    options: Options,
    report: Report,
) -> BoxFuture<'static, anyhow::Result<Summary>> {
    Box::pin(async move {
        let verifier = Verifier {
            store,
            options,
            report,
        };
        verifier.run().await
    })
}

struct Verifier {
    store: Arc<Store>,
    options: Options,
    report: Report,
}

enum Finding {
    Missing,
    Changed,
    Unreadable(String),
    /// The record, and not the original.
    BadRecord(KeyHash, String),
    Stale,
    NoRecord,
    NotHashed,
    Packed(String),
}

/// What came of looking at one key.
struct Checked {
    key: String,
    bytes: u64,
    finding: Option<Finding>,
}

type Checking = Result<(Ticket, Option<Checked>), Error>;

impl Verifier {
    async fn run(self) -> anyhow::Result<Summary> {
        let report = &self.report;
        let after = self.options.after.as_deref();
        let are_done = after.is_some_and(|after| after.starts_with(&Kind::Record.folder()));
        let mut bad_records = HashSet::new();
        let mut broken = None;
        if !are_done {
            broken = self.take(self.originals(), &mut bad_records).await?;
        }
        let of_records = self.take(self.records(), &mut bad_records).await?;
        let broken = of_records.or(broken);
        let found = report.counted("originals");
        if found == 0 && !are_done && broken.is_none() && !report.is_interrupted() {
            report.aside(&stores::nothing_found(&self.options.prefix, after))?;
        }
        let broken = broken.map(|error| {
            anyhow::Error::new(error).context("the store cannot be gone through to its end")
        });
        Ok(summary(report).broken_by(broken))
    }

    fn originals(&self) -> impl Stream<Item = Checking> {
        let Options {
            prefix,
            jobs,
            after,
        } = self.options.clone();
        stores::originals(self.store.clone(), prefix, after)
            .take_until(self.report.stop().cancelled())
            .inspect_ok(|_| self.report.found(1))
            .map_ok(|listed| {
                let ticket = self.report.begin(Some(listed.key.as_str().to_owned()));
                let checking = original(self.store.clone(), listed, self.report.stop().clone());
                async move { Ok((ticket, checking.await?)) }
            })
            .try_buffer_unordered(jobs)
    }

    fn records(&self) -> impl Stream<Item = Checking> {
        let Options {
            prefix,
            jobs,
            after,
        } = &self.options;
        stores::own(self.store.clone(), Kind::Record, after.as_deref())
            .take_until(self.report.stop().cancelled())
            .map_ok(|page| stream::iter(page.into_iter().map(Ok)))
            .try_flatten()
            .map_ok(move |own| {
                let ticket = self.report.begin(Some(own.object.path()));
                let checking = record(self.store.clone(), own, prefix);
                async move { Ok((ticket, checking.await?)) }
            })
            .try_buffer_unordered(*jobs)
    }

    /// Gives what kept the walk from its end.
    async fn take(
        &self,
        walk: impl Stream<Item = Checking>,
        bad_records: &mut HashSet<KeyHash>,
    ) -> io::Result<Option<Error>> {
        let mut walk = std::pin::pin!(walk);
        let mut broken = None;
        while let Some(checked) = walk.next().await {
            match checked {
                // What was left half way is not done.
                Ok((_, None)) if self.report.is_interrupted() => {}
                Ok((ticket, checked)) => {
                    if let Some(checked) = checked {
                        tell(checked, bad_records, &self.report)?;
                    }
                    self.report.end(ticket);
                }
                Err(error) => broken = Some(error),
            }
        }
        Ok(broken)
    }
}

/// Each on a task of its own, so that hashing takes as many processors as there are. `None`: it went
/// away, or was changed while it was read.
async fn original(
    store: Arc<Store>,
    listed: Listed,
    stop: CancellationToken,
) -> Result<Option<Checked>, Error> {
    let name = listed.key.clone();
    let checked = tokio::spawn(async move {
        let checking = compare(&store, &listed);
        tokio::select! {
            checked = checking => checked,
            () = stop.cancelled() => Ok(None),
        }
    });
    let finding = match checked.await {
        Ok(Ok(checked)) => return Ok(checked),
        Ok(Err(reason)) => reason,
        Err(error) => format!("the check ended unexpectedly: {error}"),
    };
    Ok(Some(Checked {
        key: name.as_str().to_owned(),
        bytes: 0,
        finding: Some(Finding::Unreadable(finding)),
    }))
}

async fn compare(store: &Store, listed: &Listed) -> Result<Option<Checked>, String> {
    let key = &listed.key;
    let done = |bytes, finding| {
        Ok(Some(Checked {
            key: key.as_str().to_owned(),
            bytes,
            finding,
        }))
    };
    let looked = records::look(store, &key.hash()).await;
    let stored = match looked.map_err(chain)? {
        FoundRecord::Stored(stored) => stored,
        FoundRecord::Nothing => return done(0, Some(Finding::NoRecord)),
        FoundRecord::Damaged { reason, .. } => {
            return done(0, Some(Finding::BadRecord(key.hash(), reason)));
        }
    };
    let Some(expected) = stored.record.sha256 else {
        return done(0, Some(Finding::NotHashed));
    };
    let etag = stored.record.etag.clone();
    let object = Object::Original(key.clone());
    match store.get(&object, None, Some(&etag)).await {
        Ok(Some(got)) => {
            let (bytes, found) = hash(got.body).await.map_err(chain)?;
            let packed = stored.record.encoding.clone();
            done(
                bytes,
                match found == expected {
                    true => packed.map(|encoding| Finding::Packed(encoding.name)),
                    false => Some(Finding::Changed),
                },
            )
        }
        Ok(None) => Ok(None),
        // A change since the listing has changed the record as well, and is no finding.
        Err(Error::Precondition { .. }) if listed.etag == etag => Ok(None),
        Err(Error::Precondition { .. }) => match records::read(store, &key.hash()).await {
            Ok(Some(again)) if again.etag != stored.etag => Ok(None),
            _ => done(0, Some(Finding::Stale)),
        },
        Err(error) => Err(chain(error)),
    }
}

async fn hash(mut body: Body) -> Result<(u64, ContentHash), Error> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        bytes += chunk.len() as u64;
        hash.update(&chunk);
    }
    Ok((bytes, HexId(hash.finalize().into())))
}

/// Only what the walk through the originals cannot find: a record whose original is gone.
async fn record(store: Arc<Store>, own: Own, prefix: &str) -> Result<Option<Checked>, Error> {
    let Object::Record(owner) = own.object else {
        return Ok(None);
    };
    let age = SystemTime::now().duration_since(own.modified);
    if age.is_ok_and(|age| age < UNDER_WAY) {
        return Ok(None);
    }
    let checked = |key: &str, finding| {
        Ok(Some(Checked {
            key: key.to_owned(),
            bytes: 0,
            finding: Some(finding),
        }))
    };
    let record = match records::look(&store, &owner).await {
        Ok(FoundRecord::Stored(stored)) => stored.record,
        Ok(FoundRecord::Damaged { reason, .. }) if prefix.is_empty() => {
            let path = Object::Record(owner).path();
            return checked(&path, Finding::BadRecord(owner, reason));
        }
        Ok(FoundRecord::Nothing | FoundRecord::Damaged { .. }) => return Ok(None),
        // Of a key that cannot be told. With a prefix it may be somebody else's.
        Err(error) if prefix.is_empty() => {
            let path = Object::Record(owner).path();
            return checked(&path, Finding::Unreadable(chain(error)));
        }
        Err(_) => return Ok(None),
    };
    let key = &record.key;
    if !key.starts_with(prefix)
        || is_there(&store, key).await?
        || !is_there_record(&store, key).await?
    {
        return Ok(None);
    }
    checked(key.as_str(), Finding::Missing)
}

async fn is_there(store: &Store, key: &Key) -> Result<bool, Error> {
    let object = Object::Original(key.clone());
    Ok(store.head(&object).await?.is_some())
}

/// Asked after the original, because a delete removes the original first.
async fn is_there_record(store: &Store, key: &Key) -> Result<bool, Error> {
    Ok(store.head(&Object::Record(key.hash())).await?.is_some())
}

/// A damaged record is found from its original and by itself, and told once.
fn tell(checked: Checked, bad_records: &mut HashSet<KeyHash>, report: &Report) -> io::Result<()> {
    let key = checked.key.as_str();
    if let Some(Finding::BadRecord(owner, _)) = &checked.finding
        && !bad_records.insert(*owner)
    {
        return Ok(());
    }
    if !matches!(checked.finding, Some(Finding::Missing)) {
        report.count("originals", 1);
        report.did(key);
    }
    report.count("bytes", checked.bytes);
    let Some(finding) = checked.finding else {
        return Ok(());
    };
    let (name, count, words) = match &finding {
        Finding::Missing => ("missing", "missing", "there is a record, and no original"),
        Finding::Changed => ("changed", "changed", "other bytes than were uploaded"),
        Finding::Unreadable(reason) => ("unreadable", "unreadable", reason.as_str()),
        Finding::BadRecord(_, reason) => ("bad-record", "bad_records", reason.as_str()),
        Finding::Stale => ("stale", "stale", "the record is of what was there before"),
        Finding::NoRecord => ("no-record", "no_record", "never used"),
        Finding::NotHashed => ("not-hashed", "not_hashed", "no hash to compare with"),
        Finding::Packed(encoding) => ("packed", "packed", encoding.as_str()),
    };
    report.count(count, 1);
    let line = json!({"key": key, "finding": name, "problem": words});
    report.line(&line, Some(&format!("{name}: {key}: {words}")))
}

fn summary(report: &Report) -> Summary {
    let [
        originals,
        bytes,
        missing,
        changed,
        unreadable,
        bad_records,
        stale,
        no_record,
        not_hashed,
        packed,
    ] = COUNTS.map(|name| report.counted(name));
    let words = format!(
        "{originals} originals, {bytes} bytes read: {missing} missing, {changed} changed, {unreadable} unreadable, {bad_records} with a damaged record; {stale} stale, {no_record} without a record, {not_hashed} without a hash, {packed} packed"
    );
    let failure = match (missing + changed + unreadable, bad_records) {
        (0, 0) => None,
        (0, records) => Some(format!(
            "{records} records are damaged, and no original; tintype index makes them anew"
        )),
        (damaged, _) => Some(format!(
            "{damaged} originals are damaged; restore them from a backup"
        )),
    };
    let interrupted = format!("{}; nothing was damaged so far", report.how_to_go_on());
    report.summary(report.counts_of_walk(&COUNTS), words, failure, interrupted)
}
