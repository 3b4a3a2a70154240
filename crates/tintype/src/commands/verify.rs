//! `tintype verify`: whether the originals still are what was uploaded.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::Args;
use futures_util::{StreamExt, TryStreamExt};
use serde_json::json;
use sha2::{Digest, Sha256};
use tintype_server::records::{self, FoundRecord};
use tintype_server::service::stores::Stores;
use tintype_store::{
    Body, ContentHash, Error, HexId, Key, KeyHash, Kind, Listed, Object, Own, Store,
};
use tokio_util::sync::CancellationToken;

use super::support::{self, PROGRESS, Report, Telling};
use super::upkeep;
use crate::failure::Failure;

/// A record is written before an original that is not to be seen yet, and deleted after it: one this
/// young may belong to a change that is under way.
const UNDER_WAY: Duration = Duration::from_secs(60 * 60);

/// Read every original and compare it with its record.
///
/// Nothing is changed, and every byte is read: in a bucket that is a request and the transfer for
/// each original. Findings that mean damage (missing, changed, unreadable, bad-record) end it with 1; stale and
/// missing records do not, they are made anew on first use.
#[derive(Args)]
#[command(after_help = format!("\
Examples:
  tintype verify
  tintype verify --prefix photos/2016/ --jobs 16 --json
  tintype verify --after photos/2016/lion.jpg

{PROGRESS}
Originals come first, then records, of which \"after\" is the path.

Findings:
  missing     there is a record, and no original
  changed     other bytes than were uploaded, though the store says that nobody wrote them
  unreadable  the store has it and cannot give it
  bad-record  the record cannot be read; the original may be whole (tintype index makes the record anew)
  stale       the original was changed by somebody else; its record is of what was there before
  no-record   an original that was never used (tintype index makes records ahead)
  not-hashed  its record has no hash yet to compare with
  packed      whole, and stored in a content coding such as gzip by another program, which it is delivered in"))]
pub(crate) struct Arguments {
    /// Only keys that start with this
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    /// Originals read at a time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// Go on after this key, or after this path of a record
    #[arg(long, value_name = "KEY")]
    after: Option<String>,
    #[command(flatten)]
    telling: Telling,
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

#[derive(Default)]
struct Totals {
    originals: u64,
    bytes: u64,
    missing: u64,
    changed: u64,
    unreadable: u64,
    /// Each once, though it is found from its original and by itself.
    bad_records: HashSet<KeyHash>,
    stale: u64,
    no_record: u64,
    not_hashed: u64,
    packed: u64,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let config = upkeep::load()?;
        support::run(async move {
            let stop = support::stop_on_signal()?;
            let store = Stores::open(&config).await?.store;
            self.verify(store, stop).await
        })
    }

    async fn verify(self, store: Arc<Store>, stop: CancellationToken) -> Result<(), Failure> {
        let (report, mut totals) = (Report::telling(&self.telling), Totals::default());
        let jobs = usize::from(self.jobs);
        let (after, folder) = (self.after.as_deref(), Kind::Record.folder());
        // Records come after all originals.
        let are_done = after.is_some_and(|after| after.starts_with(&folder));
        let originals = upkeep::originals(store.clone(), self.prefix.clone(), self.after.clone())
            .take_until(stop.cancelled())
            .try_take_while(|_| std::future::ready(Ok(!are_done)))
            .inspect_ok(|_| report.progress().found(1))
            .map_ok(|listed| {
                let ticket = report.begin(Some(listed.key.as_str().to_owned()));
                let checking = original(store.clone(), listed, stop.clone());
                async move { Ok((ticket, checking.await?)) }
            })
            .try_buffer_unordered(jobs);
        let mut originals = std::pin::pin!(originals);
        let mut broken = None;
        while let Some(checked) = originals.next().await {
            match checked {
                // What was left half way is not done.
                Ok((_, None)) if stop.is_cancelled() => {}
                Ok((ticket, checked)) => {
                    totals.take(checked, &report)?;
                    report.end(ticket);
                }
                Err(error) => broken = Some(error),
            }
        }
        let records = upkeep::own(store.clone(), Kind::Record, after)
            .take_until(stop.cancelled())
            .map_ok(|page| futures_util::stream::iter(page.into_iter().map(Ok)))
            .try_flatten()
            .map_ok(|own| {
                let ticket = report.begin(Some(own.object.path()));
                let checking = record(store.clone(), own, &self.prefix);
                async move { Ok((ticket, checking.await?)) }
            })
            .try_buffer_unordered(jobs);
        let mut records = std::pin::pin!(records);
        while let Some(checked) = records.next().await {
            match checked {
                Ok((ticket, checked)) => {
                    totals.take(checked, &report)?;
                    report.end(ticket);
                }
                Err(error) => broken = Some(error),
            }
        }
        if totals.originals == 0 && !are_done && broken.is_none() && !stop.is_cancelled() {
            report.aside(&upkeep::nothing_found(&self.prefix, after))?;
        }
        totals.tell(&report, stop.is_cancelled())?;
        if let Some(error) = broken {
            return Err(anyhow::Error::new(error)
                .context("the store cannot be gone through to its end")
                .into());
        }
        totals.verdict(stop.is_cancelled(), &report)
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
    let stored = match looked.map_err(|error| upkeep::reason(&error))? {
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
            let (bytes, found) = hash(got.body).await.map_err(support::chain)?;
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
        Err(error) => Err(support::chain(error)),
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
            return checked(&path, Finding::Unreadable(upkeep::reason(&error)));
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

impl Totals {
    fn take(&mut self, checked: Option<Checked>, report: &Report) -> std::io::Result<()> {
        let Some(checked) = checked else {
            return Ok(());
        };
        let key = checked.key.as_str();
        if let Some(Finding::BadRecord(owner, _)) = &checked.finding
            && !self.bad_records.insert(*owner)
        {
            return Ok(());
        }
        if !matches!(checked.finding, Some(Finding::Missing)) {
            self.originals += 1;
            report.progress().did(key);
        }
        self.bytes += checked.bytes;
        let Some(finding) = checked.finding else {
            return Ok(());
        };
        // Counted when it was told apart.
        let mut bad_records = 0;
        let (name, count, words) = match &finding {
            Finding::Missing => (
                "missing",
                &mut self.missing,
                "there is a record, and no original",
            ),
            Finding::Changed => (
                "changed",
                &mut self.changed,
                "other bytes than were uploaded",
            ),
            Finding::Unreadable(reason) => ("unreadable", &mut self.unreadable, reason.as_str()),
            Finding::BadRecord(_, reason) => ("bad-record", &mut bad_records, reason.as_str()),
            Finding::Stale => (
                "stale",
                &mut self.stale,
                "the record is of what was there before",
            ),
            Finding::NoRecord => ("no-record", &mut self.no_record, "never used"),
            Finding::NotHashed => (
                "not-hashed",
                &mut self.not_hashed,
                "no hash to compare with",
            ),
            Finding::Packed(encoding) => ("packed", &mut self.packed, encoding.as_str()),
        };
        *count += 1;
        let line = json!({"key": key, "finding": name, "problem": words});
        report.line(&line, Some(&format!("{name}: {key}: {words}")))
    }

    fn damaged(&self) -> u64 {
        self.missing + self.changed + self.unreadable
    }

    fn tell(&self, report: &Report, is_interrupted: bool) -> std::io::Result<()> {
        let summary = json!({"summary": {
            "originals": self.originals,
            "bytes": self.bytes,
            "missing": self.missing,
            "changed": self.changed,
            "unreadable": self.unreadable,
            "bad_records": self.bad_records.len(),
            "stale": self.stale,
            "no_record": self.no_record,
            "not_hashed": self.not_hashed,
            "packed": self.packed,
            "interrupted": is_interrupted,
            "after": report.after().filter(|_| is_interrupted),
        }});
        let words = format!(
            "{} originals, {} bytes read: {} missing, {} changed, {} unreadable, {} with a damaged record; {} stale, {} without a record, {} without a hash, {} packed",
            self.originals,
            self.bytes,
            self.missing,
            self.changed,
            self.unreadable,
            self.bad_records.len(),
            self.stale,
            self.no_record,
            self.not_hashed,
            self.packed
        );
        report.summary(&summary, &words)
    }

    fn verdict(&self, is_interrupted: bool, report: &Report) -> Result<(), Failure> {
        let records = self.bad_records.len();
        let reason = match (self.damaged(), is_interrupted) {
            (0, _) if records > 0 => {
                format!(
                    "{records} records are damaged, and no original; tintype index makes them anew"
                )
            }
            (0, false) => return Ok(()),
            (0, true) => format!("{}; nothing was damaged so far", report.interrupted()),
            (damaged, _) => format!("{damaged} originals are damaged; restore them from a backup"),
        };
        Err(Failure::Other(anyhow::Error::msg(reason)))
    }
}
