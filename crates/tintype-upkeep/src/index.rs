//! Creates records in advance, for an adopted store.

use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt};
use serde_json::json;
use tintype_server::config::Config;
use tintype_server::config::granted::Granted;
use tintype_server::error::Error;
use tintype_server::records::Records;
use tintype_server::records::record::ADOPT_WHOLE_BYTES;
use tintype_server::service;
use tintype_store::{KeyHash, ListedOriginal, MAX_PAGE, Object, ObjectKind, Store};
use tokio_util::sync::CancellationToken;

use crate::{Report, Summary, chain, stores};

/// Attempts at an image whose decoding was refused because of load.
const ATTEMPTS: u32 = 5;

/// Names of the counts in the summary.
const COUNTS: [&str; 4] = ["made", "mended", "bytes", "failed"];

#[derive(Clone, Debug)]
pub struct IndexOptions {
    /// Only keys that start with this.
    pub prefix: String,
    /// Originals read at the same time.
    pub jobs: usize,
    /// Continue after this key.
    pub after: Option<String>,
}

/// A store, and which of its originals have a record.
pub struct Index {
    store: Arc<Store>,
    records: Arc<Records>,
    known: RecordedKeys,
    options: IndexOptions,
}

/// The expected cost. An original costs a GET for the missing record, a HEAD, a GET of its bytes and a PUT. A large
/// one gets its record from its first bytes; for its hash the record is read twice, the original is checked and
/// read in full, and the record is written again.
#[derive(Debug, Default)]
pub struct Plan {
    pub originals: u64,
    /// Originals without a record.
    pub missing: u64,
    bytes: u64,
    lists: u64,
    gets: u64,
    heads: u64,
    puts: u64,
    /// Whether requests are billed.
    is_billed: bool,
}

impl Index {
    /// Lists all existing records.
    pub fn open<'a>(
        config: &'a Config,
        granted: &'a Granted,
        options: IndexOptions,
    ) -> BoxFuture<'a, anyhow::Result<Self>> {
        Box::pin(async move {
            if let Some(reason) = &granted.unread {
                tracing::warn!(reason, "the limits of the task are unknown");
            }
            let (store, records) = service::open_records(config, granted).await?;
            Ok(Self {
                known: RecordedKeys::read(&store).await?,
                store,
                records,
                options,
            })
        })
    }

    /// Lists all originals. If stopped, the plan covers those listed until then.
    pub fn plan<'a>(&'a self, stop: &'a CancellationToken) -> BoxFuture<'a, anyhow::Result<Plan>> {
        Box::pin(async move {
            let mut plan = Plan {
                is_billed: self.store.is_shared(),
                ..Plan::default()
            };
            let IndexOptions { prefix, after, .. } = self.options.clone();
            let originals = stores::originals(self.store.clone(), prefix, after);
            let mut originals = std::pin::pin!(originals.take_until(stop.cancelled()));
            while let Some(listed) = originals.try_next().await? {
                plan.add(&listed, self.known.has(&listed));
            }
            plan.lists = plan.originals.div_ceil(MAX_PAGE as u64).max(1);
            Ok(plan)
        })
    }

    /// Creates the records that the plan found missing, and rebuilds damaged ones.
    pub fn make(self, plan: &Plan, report: Report) -> BoxFuture<'static, anyhow::Result<Summary>> {
        report.found(plan.missing);
        Box::pin(async move { self.run(&report).await })
    }

    async fn run(self, report: &Report) -> anyhow::Result<Summary> {
        let (known, records) = (&self.known, &self.records);
        let IndexOptions {
            prefix,
            jobs,
            after,
        } = self.options;
        let work = stores::originals(self.store, prefix, after)
            .take_until(report.stop().cancelled())
            .map_ok(|listed| {
                let ticket = report.begin(Some(listed.key.as_str().to_owned()));
                async move {
                    let made = match known.has(&listed) {
                        true => repair(records, &listed).await,
                        false => make(records, &listed).await.map(|()| Repair::Made),
                    };
                    Ok((ticket, listed, made))
                }
            })
            .try_buffer_unordered(jobs);
        let mut work = std::pin::pin!(work);
        let mut broken = None;
        while let Some(done) = work.next().await {
            match done {
                Ok((ticket, listed, made)) => {
                    report_result(&listed, made, report)?;
                    report.end(ticket);
                }
                Err(error) => broken = Some(error.into()),
            }
        }
        Ok(summary(report).broken_by(broken))
    }
}

/// The hashes of keys that have a record, sorted: 16 bytes each, which is enough to tell them apart and keeps ten
/// million in 160 MB.
struct RecordedKeys(Vec<[u8; 16]>);

impl RecordedKeys {
    async fn read(store: &Arc<Store>) -> Result<Self, tintype_store::Error> {
        let mut known = Vec::new();
        let mut pages = std::pin::pin!(stores::own(store.clone(), ObjectKind::Record, None));
        while let Some(page) = pages.try_next().await? {
            known.extend(page.iter().filter_map(|own| match &own.object {
                Object::Record(owner) => Some(start(owner)),
                _ => None,
            }));
        }
        known.sort_unstable();
        Ok(Self(known))
    }

    fn has(&self, listed: &ListedOriginal) -> bool {
        self.0.binary_search(&start(&listed.key.hash())).is_ok()
    }
}

fn start(owner: &KeyHash) -> [u8; 16] {
    let mut start = [0; 16];
    start.copy_from_slice(&owner.0[..16]);
    start
}

impl Plan {
    fn add(&mut self, listed: &ListedOriginal, is_known: bool) {
        self.originals += 1;
        if is_known {
            // For checking that its record is intact.
            self.gets += 1;
            return;
        }
        let is_large = u64::from(listed.size > ADOPT_WHOLE_BYTES);
        self.missing += 1;
        self.bytes += listed.size;
        self.gets += 2 + 3 * is_large;
        self.heads += 1 + is_large;
        self.puts += 1 + is_large;
    }

    /// For programs.
    pub fn json(&self) -> serde_json::Value {
        json!({"plan": {
            "originals": self.originals,
            "without_record": self.missing,
            "bytes": self.bytes,
            "requests": {"LIST": self.lists, "GET": self.gets, "HEAD": self.heads, "PUT": self.puts},
        }})
    }

    /// The same for people.
    pub fn words(&self) -> String {
        let Self {
            originals,
            missing,
            bytes,
            lists,
            gets,
            heads,
            puts,
            is_billed,
        } = self;
        let billed = match *is_billed {
            true => "; a bucket's owner pays for each of them, and for bytes that leave its region",
            false => "",
        };
        format!(
            "{missing} of {originals} originals have no record. Creating them reads {bytes} bytes; that, and checking that the other records are intact, takes about {lists} LIST, {gets} GET, {heads} HEAD and {puts} PUT requests{billed}."
        )
    }
}

/// The result for one original.
enum Repair {
    Made,
    Mended,
    /// Its record existed and was intact.
    Sound,
}

async fn repair(records: &Records, listed: &ListedOriginal) -> Result<Repair, Error> {
    Ok(match records.repair(&listed.key).await? {
        true => Repair::Mended,
        false => Repair::Sound,
    })
}

/// Creates one record, with the hash and the decoded facts.
async fn make(records: &Arc<Records>, listed: &ListedOriginal) -> Result<(), Error> {
    for attempt in 0..ATTEMPTS {
        let stored = match attempt {
            0 => records.load(&listed.key).await?,
            _ => records.read(&listed.key).await?,
        };
        // Deleted meanwhile, or complete.
        if stored.is_none_or(|stored| records.unfinished_at(&stored.record).is_none()) {
            return Ok(());
        }
        records.fill_in(&listed.key).await?;
    }
    // The service adds what is still missing.
    Ok(())
}

fn report_result(
    listed: &ListedOriginal,
    made: Result<Repair, Error>,
    report: &Report,
) -> io::Result<()> {
    let key = listed.key.as_str();
    if !matches!(made, Ok(Repair::Sound)) {
        report.did(key);
    }
    match made {
        Ok(Repair::Sound) => Ok(()),
        Ok(Repair::Mended) => {
            report.count("mended", 1);
            let words =
                "its record could not be read and was rebuilt; its editable fields are lost";
            let line =
                json!({"key": key, "bytes": listed.size, "result": "mended", "problem": words});
            report.line(&line, Some(&format!("{key}: {words}")))
        }
        Ok(Repair::Made) => {
            report.count("made", 1);
            report.count("bytes", listed.size);
            let line = json!({"key": key, "bytes": listed.size, "result": "made"});
            report.line(&line, None)
        }
        Err(error) => {
            let reason = chain(error);
            report.failed(json!({ "key": key }), &reason, &format!("{key}: {reason}"))
        }
    }
}

fn summary(report: &Report) -> Summary {
    let [made, mended, bytes, failed] = COUNTS.map(|name| report.counted(name));
    let words = format!("made {made} records of {bytes} bytes, repaired {mended}, {failed} failed");
    let failure = (failed > 0).then(|| format!("{failed} records could not be made; run it again"));
    let counts = report.counts_of_walk(&COUNTS);
    report.summary(counts, words, failure, report.how_to_go_on())
}
