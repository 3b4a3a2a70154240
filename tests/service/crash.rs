//! The service may be killed at any moment. Afterwards, everything it has acknowledged is there and complete; requests
//! in progress have taken effect completely or not at all, in the listing as well as under the name; and acknowledged
//! deletes stay deleted.
//!
//! 100 kills on a folder and a tenth as many on a bucket; `TINTYPE_CRASH_ROUNDS` sets another number.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tintype_testing::{Fault, Faulty, Operation};
use ureq::http;

use crate::harness::{App, Start};

const CLIENTS: u64 = 4;
/// Rounds between two reads of every byte, so that the cost of many rounds does not grow quadratically.
const READ_ALL_EVERY: u64 = 25;
/// Uploaded to a bucket in parts.
const LARGE: u64 = 1 << 63;

#[test]
fn a_killed_service_has_kept_its_word_on_a_folder() {
    // About the duration of some dozen uploads.
    World::new(Start::dev(), 40, &[0; CLIENTS as usize]).survives(rounds());
}

#[test]
fn a_killed_service_has_kept_its_word_in_a_bucket() {
    let server = Arc::new(Faulty::start());
    // Within the duration of a multipart upload, which one of the clients does all the time.
    let start = Start::bucket(&server.environment());
    let mut world = World::new(start, 200, &[LARGE, 0, 0, 0]);
    world.parts = Some(server.clone());
    world.survives(rounds().div_ceil(10));
    assert!(
        server.unfinished_uploads() > 0,
        "no kill fell between two parts"
    );
}

fn rounds() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "for runs by hand, not configuration"
    )]
    let rounds = std::env::var("TINTYPE_CRASH_ROUNDS");
    rounds.map_or(100, |text| text.parse().unwrap())
}

/// The state of the service as the clients know it.
struct World {
    start: Start,
    folder: Arc<TempDir>,
    /// The latest time of a kill after the first response.
    window_ms: u64,
    /// The server on which a kill waits for a multipart upload, every other time.
    parts: Option<Arc<Faulty>>,
    /// Set in every seed of a client.
    marks: Vec<u64>,
    /// The seed of each name's content.
    files: BTreeMap<String, u64>,
    answered: usize,
    unanswered: usize,
    finished_unseen: usize,
}

/// What one client has done until the service was gone.
#[derive(Default)]
struct Outcome {
    /// Names with their content since; `None` is a deletion.
    answered: Vec<(String, Option<u64>)>,
    unanswered: Option<Attempt>,
}

#[derive(Clone, Debug)]
struct Attempt {
    key: String,
    on_conflict: &'static str,
    /// `None` for a deletion.
    seed: Option<u64>,
}

impl World {
    fn new(start: Start, window_ms: u64, marks: &[u64]) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let spool = folder.path().join("spool");
        Self {
            start: start.env("TINTYPE_SPOOL_DIR", spool.to_str().unwrap()),
            folder: Arc::new(folder),
            window_ms,
            parts: None,
            marks: marks.to_vec(),
            files: BTreeMap::new(),
            answered: 0,
            unanswered: 0,
            finished_unseen: 0,
        }
    }

    fn survives(mut self, rounds: u64) {
        let mut outcomes = Vec::new();
        for round in 0..rounds {
            let app = self.start.clone().run_in(self.folder.clone());
            self.check(&app, outcomes, round.is_multiple_of(READ_ALL_EVERY));
            outcomes = self.kill(app, round);
        }
        let app = self.start.clone().run_in(self.folder.clone());
        self.check(&app, outcomes, true);
        eprintln!(
            "{rounds} kills: {} requests answered, {} under way, of which {} had been done",
            self.answered, self.unanswered, self.finished_unseen
        );
        assert!(self.answered > usize::try_from(rounds).unwrap());
        assert!(self.unanswered > usize::try_from(rounds).unwrap());
    }

    /// Lets all clients use the service, and kills it meanwhile.
    fn kill(&self, app: App, round: u64) -> Vec<Outcome> {
        let url = app.url("/api/v1/files");
        let known: Vec<_> = self.files.keys().cloned().collect();
        let (answered, answers) = mpsc::channel();
        std::thread::scope(|scope| {
            let client = |number: usize| {
                let old = known.iter().skip(number).step_by(CLIENTS as usize);
                let client = Client {
                    url: url.clone(),
                    round,
                    number,
                    mark: self.marks[number],
                    old: old.cloned().collect(),
                    answered: answered.clone(),
                };
                scope.spawn(|| client.run())
            };
            let clients: Vec<_> = (0..CLIENTS as usize).map(client).collect();
            // After the first response, so that the kill hits a write.
            answers.recv_timeout(Duration::from_secs(60)).unwrap();
            if let Some(server) = &self.parts
                && round.is_multiple_of(2)
            {
                // None of its parts is answered before the kill.
                let late = Fault::Late(Duration::from_millis(self.window_ms));
                server.script(late.on(Operation::UploadPart));
                wait_for_an_upload_in_parts(server);
            }
            std::thread::sleep(Duration::from_millis(random() % self.window_ms));
            drop(app);
            if let Some(server) = &self.parts {
                server.heal();
            }
            let outcomes = clients.into_iter().map(|client| client.join().unwrap());
            outcomes.collect()
        })
    }

    /// Checks that exactly the expected files are there. Reads what was requested since the last check, and anything
    /// whose name is unexpected; everything if `read_all`.
    fn check(&mut self, app: &App, outcomes: Vec<Outcome>, read_all: bool) {
        let mut open: Vec<Attempt> = Vec::new();
        let mut names = BTreeSet::new();
        for outcome in outcomes {
            self.answered += outcome.answered.len();
            for (key, seed) in outcome.answered {
                names.insert(key.clone());
                match seed {
                    Some(seed) => self.files.insert(key, seed),
                    None => self.files.remove(&key),
                };
            }
            open.extend(outcome.unanswered);
        }
        self.unanswered += open.len();
        names.extend(open.iter().map(|attempt| attempt.key.clone()));
        let visible = list(app);
        let expected: BTreeSet<_> = self.files.keys().cloned().collect();
        match read_all {
            true => names.extend(visible.union(&expected).cloned()),
            false => names.extend(visible.symmetric_difference(&expected).cloned()),
        }
        for key in names {
            let found = read(app, &key);
            assert_eq!(
                found.is_some(),
                visible.contains(&key),
                "{key} is half there"
            );
            if found.as_ref() == self.files.get(&key) {
                continue;
            }
            let explains = |attempt: &Attempt| attempt.explains(&key, found);
            let Some(at) = open.iter().position(explains) else {
                let expected = self.files.get(&key);
                panic!("{key} holds {found:?}, expected {expected:?} or one of {open:?}");
            };
            // One request, one change.
            open.remove(at);
            self.finished_unseen += 1;
            match found {
                Some(seed) => self.files.insert(key, seed),
                None => self.files.remove(&key),
            };
        }
    }
}

fn wait_for_an_upload_in_parts(server: &Faulty) {
    let begun = || server.count(Operation::CreateMultipartUpload);
    let (before, since) = (begun(), Instant::now());
    while begun() == before {
        assert!(since.elapsed() < Duration::from_secs(60), "none begins");
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl Attempt {
    fn explains(&self, key: &str, found: Option<u64>) -> bool {
        let named = match self.on_conflict {
            "rename" => key.starts_with(self.key.trim_end_matches(".txt")),
            _ => key == self.key,
        };
        named && found == self.seed
    }
}

struct Client {
    url: String,
    round: u64,
    number: usize,
    mark: u64,
    /// Files of earlier rounds, to be deleted.
    old: Vec<String>,
    /// Notified of every response.
    answered: mpsc::Sender<()>,
}

impl Client {
    /// One request after the other until there is no response.
    fn run(mut self) -> Outcome {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(60)))
            .build()
            .new_agent();
        let mut outcome = Outcome::default();
        loop {
            let attempt = self.next(outcome.answered.len());
            match send(&agent, &self.url, &attempt) {
                Ok(key) => {
                    outcome.answered.push((key, attempt.seed));
                    self.answered.send(()).unwrap();
                }
                Err(_) => {
                    outcome.unanswered = Some(attempt);
                    return outcome;
                }
            }
        }
    }

    fn next(&mut self, count: usize) -> Attempt {
        let Self { round, number, .. } = self;
        let (key, on_conflict) = match count % 4 {
            0 => (format!("{round}/{number}-{count}.bin"), "fail"),
            1 => (format!("{round}/same.txt"), "rename"),
            2 => (format!("overwritten/{number}.bin"), "overwrite"),
            _ => match self.old.pop() {
                Some(key) if !key.starts_with("overwritten/") => {
                    return Attempt {
                        key,
                        on_conflict: "",
                        seed: None,
                    };
                }
                _ => (format!("{round}/{number}-{count}.bin"), "fail"),
            },
        };
        Attempt {
            key,
            on_conflict,
            seed: Some(random() & !LARGE | self.mark),
        }
    }
}

/// The name that the service has chosen; an error if the response was incomplete.
fn send(agent: &ureq::Agent, url: &str, attempt: &Attempt) -> Result<String, ureq::Error> {
    let Attempt {
        key, on_conflict, ..
    } = attempt;
    let request = http::Request::builder().header("authorization", "Bearer dev");
    let answer = match attempt.seed {
        None => {
            let request = request.method("DELETE").uri(format!("{url}/{key}"));
            agent.run(request.body(()).unwrap())?
        }
        Some(seed) => {
            let request = request
                .method("PUT")
                .uri(format!("{url}/{key}?on_conflict={on_conflict}"));
            agent.run(request.body(content(seed)).unwrap())?
        }
    };
    let status = answer.status();
    let body = answer.into_body().read_to_vec()?;
    assert!(
        status.is_success(),
        "{attempt:?} was answered {status}: {}",
        String::from_utf8_lossy(&body)
    );
    Ok(match attempt.seed {
        None => key.clone(),
        Some(_) => {
            let record: Value = serde_json::from_slice(&body).unwrap();
            record["key"].as_str().unwrap().to_owned()
        }
    })
}

fn list(app: &App) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/list?limit=1000&cursor={cursor}");
        let page = app.api("GET", &path, &[], b"").expect(200).json();
        let files = page["files"].as_array().unwrap();
        let names = files.iter().map(|file| file["key"].as_str().unwrap());
        keys.extend(names.map(str::to_owned));
        match page["cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return keys,
        }
    }
}

/// The seed of the stored bytes, which must be complete and have a matching record.
fn read(app: &App, key: &str) -> Option<u64> {
    let answer = app.api("GET", &format!("/files/{key}"), &[], b"");
    if answer.status == 404 {
        return None;
    }
    let body = answer.expect(200).body;
    assert!(body.len() >= 8, "{key} is torn");
    let seed = u64::from_le_bytes(body[..8].try_into().unwrap());
    assert!(body == content(seed), "{key} is torn");
    assert_eq!(app.record(key)["size"], body.len(), "{key}");
    Some(seed)
}

/// Bytes that contain their seed, of a length that depends on the seed: mostly a few kB, sometimes enough for a
/// separate spool file.
fn content(seed: u64) -> Vec<u8> {
    let len = match seed {
        LARGE.. => 17 << 20,
        seed if seed.is_multiple_of(8) => 100_000 + seed / 8 % 400_000,
        seed => 8 + seed / 8 % 20_000,
    };
    let mut state = seed | 1;
    let words = std::iter::once(seed).chain(std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Some(state)
    }));
    let count = usize::try_from(len.div_ceil(8)).unwrap();
    let mut bytes: Vec<u8> = words.take(count).flat_map(u64::to_le_bytes).collect();
    bytes.truncate(usize::try_from(len).unwrap());
    bytes
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    u64::from_le_bytes(bytes)
}
