//! The health of the server: which requests are let through, so that callers learn at once what would not get a
//! response, and a failing server is not held down by a backlog.
//!
//! Whatever fails is left alone, and nothing else:
//! - an object that does not respond, and a folder where the server asks to slow down ([`ObjectBreakers`]);
//! - a kind of operation, if it fails for many objects and for most ([`OperationBreaker`]);
//! - the server, if it responds to nothing at all, including a probe. The probe is sent in the background, once a
//!   second, and belongs to no caller; requests in progress are abandoned then.
//!
//! Background work is refused like all other, but its failures are not counted.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::failure::Failure;
use super::gate::TRY_EVERY;
use super::object_breakers::{ObjectBreakers, TargetIds};
use super::operation::{Class, Operation};
use super::operation_breaker::OperationBreaker;
use super::probe::Probe;
use crate::{Breakers, Counts, background};

/// After this long without a response a probe is sent, which takes up to a second: callers then have waited as long
/// as for a single object that is stuck.
const LATE: Duration = Duration::from_millis(900);

/// The operation of a request, and its object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) operation: Operation,
    /// The full name of an object, or a prefix. Empty if the request concerns neither.
    pub(super) place: &'a str,
}

#[derive(Debug)]
pub(super) struct Health {
    probe: Probe,
    counts: Arc<Counts>,
    state: Mutex<State>,
    away: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    /// Time of the last response to anything.
    answered: Option<Instant>,
    /// Whether a probe is running.
    is_asking: bool,
    operations: [OperationBreaker; 3],
    objects: ObjectBreakers,
    /// The server's message, if it refused the last write.
    refused_write: Option<String>,
}

impl Health {
    pub(super) fn new(probe: Probe, counts: Arc<Counts>) -> Self {
        Self {
            probe,
            counts,
            state: Mutex::default(),
            away: watch::Sender::new(false),
        }
    }

    /// Whether this request may be sent now.
    pub(super) fn admit(&self, target: Target<'_>) -> Result<(), Failure> {
        let Target { operation, .. } = target;
        if *self.away.borrow() {
            return Err(Self::gone(operation));
        }
        let now = Instant::now();
        let mut state = self.state();
        let refused = if !state.operations[operation.class() as usize].lets_through(now) {
            "most requests of this kind got no response"
        } else if !state.objects.let_through(target.ids(), now) {
            "this object or folder got no response or was throttled"
        } else {
            return Ok(());
        };
        let text = format!("{refused}, and is tried once a second until it works");
        Err(Failure::down(operation, text))
    }

    /// Checks whether reads get responses.
    pub(super) async fn check(&self) -> Result<(), Failure> {
        if *self.away.borrow() {
            return Err(Self::gone(Operation::GetObject));
        }
        self.probe.send().await
    }

    /// Checks whether the last write was accepted.
    pub(super) fn check_writes(&self) -> Result<(), Failure> {
        let operation = Operation::PutObject;
        let state = self.state();
        match &state.refused_write {
            Some(text) => Err(Failure::refused(operation, text.clone())),
            None if state.operations[Class::Write as usize].is_shut() => {
                Err(Failure::down(operation, "most writes got no response"))
            }
            None => Ok(()),
        }
    }

    /// What is limited to one request a second.
    pub(super) fn breakers(&self) -> Breakers {
        let state = self.state();
        let is_shut = |class: Class| state.operations[class as usize].is_shut();
        Breakers {
            all: *self.away.borrow(),
            reads: is_shut(Class::Read),
            writes: is_shut(Class::Write),
            lists: is_shut(Class::List),
        }
    }

    /// Records that the server refuses this for good.
    pub(super) fn refused(&self, target: Target<'_>, text: &str) {
        self.answered(target);
        if target.operation.class() == Class::Write {
            self.state().refused_write = Some(text.to_owned());
        }
    }

    /// Waits for a response while the server is responding; `None` when it is not.
    pub(super) async fn attend<T>(
        self: &Arc<Self>,
        answer: impl Future<Output = T> + Unpin,
    ) -> Option<T> {
        let (mut answer, mut away) = (answer, self.away.subscribe());
        tokio::select! {
            biased;
            answer = &mut answer => return Some(answer),
            _ = away.wait_for(|away| *away) => return None,
            () = tokio::time::sleep(LATE) => self.suspect(),
        }
        tokio::select! {
            biased;
            answer = answer => Some(answer),
            _ = away.wait_for(|away| *away) => None,
        }
    }

    pub(super) fn gone(operation: Operation) -> Failure {
        let text = "the store does not respond, and is tried once a second until it does";
        Failure::down(operation, text)
    }

    /// Records that the server has responded, whatever the response.
    pub(super) fn answered(&self, target: Target<'_>) {
        let now = Instant::now();
        let mut state = self.state();
        state.answered = Some(now);
        state.operations[target.operation.class() as usize].answered(now);
        state.objects.answered(target.ids());
        if target.operation.class() == Class::Write {
            state.refused_write = None;
        }
    }

    /// Records that there was no response to any attempt.
    pub(super) fn silent(self: &Arc<Self>, target: Target<'_>) {
        self.failed(target, false);
    }

    /// Records that the server asked to slow down, at every attempt.
    pub(super) fn slow(self: &Arc<Self>, target: Target<'_>) {
        self.failed(target, true);
    }

    fn failed(self: &Arc<Self>, target: Target<'_>, is_slow: bool) {
        if !background::is_here() {
            let (now, ids) = (Instant::now(), target.ids());
            let class = target.operation.class();
            let mut state = self.state();
            // A throttled folder counts as one place, however many of its objects are requested.
            let failed = if is_slow {
                state.objects.slow(ids, now);
                ids.folder
            } else {
                state.objects.silent(ids, now);
                ids.object
            };
            if state.operations[class as usize].failed(failed, now) {
                self.counts.opening();
                tracing::error!(
                    ?class,
                    "most operations of this kind fail; one a second is tried"
                );
            }
        }
        self.suspect();
    }

    /// Starts a probe, unless the server has just responded.
    fn suspect(self: &Arc<Self>) {
        let mut state = self.state();
        let lately = state.answered.is_some_and(|when| when.elapsed() < LATE);
        if !lately && !std::mem::replace(&mut state.is_asking, true) {
            tokio::spawn(find_out(Arc::downgrade(self)));
        }
    }

    /// Records the result of a probe; returns whether another is needed.
    fn found_out(&self, is_answered: bool, asked: Instant) -> bool {
        let mut state = self.state();
        // A response to any other request will do.
        let is_back = is_answered || state.answered.is_some_and(|when| when > asked);
        if is_back {
            state.is_asking = false;
            state.answered = Some(Instant::now());
        }
        let was_away = self.away.send_replace(!is_back);
        match (was_away, is_back) {
            (true, true) => tracing::info!("the store responds again"),
            (false, false) => {
                self.counts.opening();
                tracing::error!(
                    "the store does not respond; it is tried once a second until it does"
                );
            }
            _ => {}
        }
        !is_back
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Probes until there is a response, or nobody needs one.
async fn find_out(health: Weak<Health>) {
    while let Some(health) = health.upgrade() {
        let asked = Instant::now();
        let is_answered = health.probe.is_answered().await;
        if !health.found_out(is_answered, asked) {
            return;
        }
        drop(health);
        tokio::time::sleep_until((asked + TRY_EVERY).into()).await;
    }
}

impl Target<'_> {
    fn ids(&self) -> TargetIds {
        let class = self.operation.class();
        let folder = self
            .place
            .rfind('/')
            .map_or("", |slash| &self.place[..=slash]);
        TargetIds {
            object: hash(class, self.place),
            folder: hash(class, folder),
        }
    }
}

fn hash(class: Class, place: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (class, place).hash(&mut hasher);
    hasher.finish()
}
