//! Combines renders of one original that are requested at about the same time into one job, which reads and decodes it
//! once: a crawler, or the first visitors of a page, request all sizes of a photograph together.
//!
//! As in [`super::flight`], the remaining waiters drive the work, and it stops when all have gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tintype_imaging::render::Rendered;
use tintype_imaging::spec::Resolved;
use tintype_store::{ETag, Key};

use super::RenderTimings;
use crate::error::{Code, Error};

/// How long the first request waits for others: about as long as requests sent together take to arrive.
const WINDOW: Duration = Duration::from_millis(5);

/// The most that the variants of a job may take besides the decode, which delays all of them.
const LONGEST: Duration = Duration::from_millis(250);

/// The bytes to be read.
pub(super) type OriginalVersion = (Key, ETag);

pub(super) type RenderResult = Result<(Rendered, RenderTimings), Error>;

/// By index; each is taken by the request that joined with it.
type Results = Arc<Vec<Mutex<Option<RenderResult>>>>;

type Wanted = Arc<Mutex<Vec<Resolved>>>;

/// The gatherings that others can still join.
#[derive(Clone, Default)]
pub(super) struct Gatherings(Arc<Mutex<Board>>);

#[derive(Default)]
struct Board {
    open: HashMap<OriginalVersion, Gathering>,
    started: u64,
}

struct Gathering {
    number: u64,
    wanted: Wanted,
    /// Besides the decode.
    takes: Duration,
    made: WeakShared<BoxFuture<'static, Results>>,
}

impl Gatherings {
    /// Renders together with others a variant that takes so long besides the decode. The first request's `make` renders
    /// all, and returns one result each.
    pub(super) async fn join<F>(
        &self,
        original: OriginalVersion,
        variant: (Resolved, Duration),
        make: impl FnOnce(Vec<Resolved>) -> F + Send + 'static,
    ) -> RenderResult
    where
        F: Future<Output = Vec<RenderResult>> + Send + 'static,
    {
        let (made, place) = self.place(original, variant, make);
        let results = made.await;
        let result = results.get(place).and_then(|made| lock(made).take());
        result.unwrap_or_else(|| Err(Error::new(Code::Internal).cause("a render has no result")))
    }

    fn place<F>(
        &self,
        original: OriginalVersion,
        (resolved, takes): (Resolved, Duration),
        make: impl FnOnce(Vec<Resolved>) -> F + Send + 'static,
    ) -> (Shared<BoxFuture<'static, Results>>, usize)
    where
        F: Future<Output = Vec<RenderResult>> + Send + 'static,
    {
        let mut board = lock(&self.0);
        if let Some(gathering) = board.open.get_mut(&original)
            && gathering.takes + takes <= LONGEST
            && let Some(made) = gathering.made.upgrade()
        {
            gathering.takes += takes;
            let mut wanted = lock(&gathering.wanted);
            wanted.push(resolved);
            return (made, wanted.len() - 1);
        }
        board.started += 1;
        let wanted = Arc::new(Mutex::new(vec![resolved]));
        let open = Open {
            gatherings: self.clone(),
            original: original.clone(),
            number: board.started,
            wanted: wanted.clone(),
        };
        let work = async move {
            tokio::time::sleep(WINDOW).await;
            let wanted = open.close();
            let made = make(wanted).await;
            Arc::new(made.into_iter().map(Some).map(Mutex::new).collect())
        };
        let made = work.boxed().shared();
        if let Some(weak) = made.downgrade() {
            let gathering = Gathering {
                number: board.started,
                wanted,
                takes,
                made: weak,
            };
            board.open.insert(original, gathering);
        }
        (made, 0)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes a gathering from the board when it closes, or when its last waiter has gone.
struct Open {
    gatherings: Gatherings,
    original: OriginalVersion,
    number: u64,
    wanted: Wanted,
}

impl Open {
    /// Ends joining.
    fn close(self) -> Vec<Resolved> {
        let wanted = self.wanted.clone();
        drop(self);
        std::mem::take(&mut *lock(&wanted))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut board = lock(&self.gatherings.0);
        // A newer gathering may have replaced one that is full or was abandoned.
        let open = board.open.get(&self.original);
        if open.is_some_and(|open| open.number == self.number) {
            board.open.remove(&self.original);
        }
    }
}
