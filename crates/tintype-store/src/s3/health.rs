//! What may be asked of the server now, so that callers learn at once what will not be answered, and
//! what is ill is not held down by what piles up.
//!
//! Whatever fails is left alone, and no more than that:
//! - an object that gives no answer, and a folder where the server says to slow down ([`Places`]);
//! - a kind of operation, when it fails for many objects and for most ([`Lane`]);
//! - the server, when it answers nothing at all, nor a request that is sent to find out. That one is
//!   sent behind, once a second, and is nobody's; what was under way is given up then.
//!
//! Background work is refused like all other, but what fails there is not counted.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::alive::Alive;
use super::failure::Failure;
use super::gate::TRY_EVERY;
use super::lane::Lane;
use super::operation::{Class, Operation};
use super::places::{Ids, Places};
use crate::{Breakers, Counts, background};

/// After this long without an answer it is found out whether there are any, which takes up to a second:
/// then whoever waits has waited as long as one who asks for an object that is stuck.
const LATE: Duration = Duration::from_millis(900);

/// What a request is, and of what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errand<'a> {
    pub(super) operation: Operation,
    /// The whole name of an object, or the start of names. Empty for what is of none alone.
    pub(super) place: &'a str,
}

#[derive(Debug)]
pub(super) struct Health {
    alive: Alive,
    counts: Arc<Counts>,
    state: Mutex<State>,
    away: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    /// When anything was last answered.
    answered: Option<Instant>,
    /// Somebody is finding out.
    is_asking: bool,
    lanes: [Lane; 3],
    places: Places,
    /// What the server said to the last write, if it was no.
    refused_write: Option<String>,
}

impl Health {
    pub(super) fn new(alive: Alive, counts: Arc<Counts>) -> Self {
        Self {
            alive,
            counts,
            state: Mutex::default(),
            away: watch::Sender::new(false),
        }
    }

    /// Whether this may be asked now.
    pub(super) fn admit(&self, errand: Errand<'_>) -> Result<(), Failure> {
        let Errand { operation, .. } = errand;
        if *self.away.borrow() {
            return Err(Self::gone(operation));
        }
        let now = Instant::now();
        let mut state = self.state();
        let refused = if !state.lanes[operation.class() as usize].lets_through(now) {
            "most requests of this kind were not answered"
        } else if !state.places.let_through(errand.ids(), now) {
            "this place was not answered for or said to slow down"
        } else {
            return Ok(());
        };
        let text = format!("{refused}, and is asked once a second until it is");
        Err(Failure::down(operation, text))
    }

    /// Whether reads are answered now.
    pub(super) async fn check(&self) -> Result<(), Failure> {
        if *self.away.borrow() {
            return Err(Self::gone(Operation::GetObject));
        }
        self.alive.ask().await
    }

    /// Whether the last write was done.
    pub(super) fn check_writes(&self) -> Result<(), Failure> {
        let operation = Operation::PutObject;
        let state = self.state();
        match &state.refused_write {
            Some(text) => Err(Failure::refused(operation, text.clone())),
            None if state.lanes[Class::Write as usize].is_shut() => {
                Err(Failure::down(operation, "most writes were not answered"))
            }
            None => Ok(()),
        }
    }

    /// What is let through no more than once a second.
    pub(super) fn breakers(&self) -> Breakers {
        let state = self.state();
        let is_shut = |class: Class| state.lanes[class as usize].is_shut();
        Breakers {
            all: *self.away.borrow(),
            reads: is_shut(Class::Read),
            writes: is_shut(Class::Write),
            lists: is_shut(Class::List),
        }
    }

    /// The server will not do this.
    pub(super) fn refused(&self, errand: Errand<'_>, text: &str) {
        self.answered(errand);
        if errand.operation.class() == Class::Write {
            self.state().refused_write = Some(text.to_owned());
        }
    }

    /// Waits for an answer for as long as there are any; `None` when there are none.
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
        let text = "the store does not respond, and is asked once a second until it does";
        Failure::down(operation, text)
    }

    /// The server gave an answer, whichever.
    pub(super) fn answered(&self, errand: Errand<'_>) {
        let now = Instant::now();
        let mut state = self.state();
        state.answered = Some(now);
        state.lanes[errand.operation.class() as usize].answered(now);
        state.places.answered(errand.ids());
        if errand.operation.class() == Class::Write {
            state.refused_write = None;
        }
    }

    /// No answer, after all attempts.
    pub(super) fn silent(self: &Arc<Self>, errand: Errand<'_>) {
        self.failed(errand, false);
    }

    /// The server said to come back later, to all attempts.
    pub(super) fn slow(self: &Arc<Self>, errand: Errand<'_>) {
        self.failed(errand, true);
    }

    fn failed(self: &Arc<Self>, errand: Errand<'_>, is_slow: bool) {
        if !background::is_here() {
            let (now, ids) = (Instant::now(), errand.ids());
            let class = errand.operation.class();
            let mut state = self.state();
            // A folder that is throttled is one place, however many objects are wanted of it.
            let failed = if is_slow {
                state.places.slow(ids, now);
                ids.folder
            } else {
                state.places.silent(ids, now);
                ids.object
            };
            if state.lanes[class as usize].failed(failed, now) {
                self.counts.opening();
                tracing::error!(
                    ?class,
                    "most operations of this kind fail; one a second is tried"
                );
            }
        }
        self.suspect();
    }

    /// Has it found out whether the server answers at all, unless it has just done so.
    fn suspect(self: &Arc<Self>) {
        let mut state = self.state();
        let lately = state.answered.is_some_and(|when| when.elapsed() < LATE);
        if !lately && !std::mem::replace(&mut state.is_asking, true) {
            tokio::spawn(find_out(Arc::downgrade(self)));
        }
    }

    /// Whether it has to be asked again.
    fn found_out(&self, is_answered: bool, asked: Instant) -> bool {
        let mut state = self.state();
        // An answer to somebody else will do.
        let is_back = is_answered || state.answered.is_some_and(|when| when > asked);
        if is_back {
            state.is_asking = false;
            state.answered = Some(Instant::now());
        }
        let was_away = self.away.send_replace(!is_back);
        match (was_away, is_back) {
            (true, true) => tracing::info!("the store answers again"),
            (false, false) => {
                self.counts.opening();
                tracing::error!("the store does not respond; asked once a second until it does");
            }
            _ => {}
        }
        !is_back
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For as long as there is no answer, and anybody who wants one.
async fn find_out(health: Weak<Health>) {
    while let Some(health) = health.upgrade() {
        let asked = Instant::now();
        let is_answered = health.alive.is_answered().await;
        if !health.found_out(is_answered, asked) {
            return;
        }
        drop(health);
        tokio::time::sleep_until((asked + TRY_EVERY).into()).await;
    }
}

impl Errand<'_> {
    fn ids(&self) -> Ids {
        let class = self.operation.class();
        let folder = self
            .place
            .rfind('/')
            .map_or("", |slash| &self.place[..=slash]);
        Ids {
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
