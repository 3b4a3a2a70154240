//! What the pool promises, by counts: no test looks at a clock, jobs wait for each other instead.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn pool(threads: usize, queue: usize, bytes: u64) -> Arc<Pool> {
    let threads = NonZeroUsize::new(threads).unwrap();
    Arc::new(
        Pool::new(Limits {
            threads,
            queue,
            bytes,
            max_wait: HOUR,
        })
        .unwrap(),
    )
}

fn later() -> Instant {
    Instant::now() + HOUR
}

/// A job that runs until told to stop.
struct Blocker {
    stop: mpsc::Sender<()>,
    handle: tokio::task::JoinHandle<Result<Done<()>, Refusal>>,
}

impl Blocker {
    /// Returns once the job runs.
    async fn start(pool: &Arc<Pool>, bytes: u64) -> Self {
        let (stop, stopped) = mpsc::channel();
        let (started, running) = oneshot::channel();
        let pool = pool.clone();
        let handle = tokio::spawn(async move {
            pool.run(later(), bytes, move |_| {
                started.send(()).unwrap();
                stopped.recv().unwrap();
            })
            .await
        });
        running.await.unwrap();
        Self { stop, handle }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.handle.await.unwrap().unwrap();
    }
}

/// Waits for a state that is on its way.
async fn until(pool: &Pool, state: impl Fn(Gauges) -> bool) {
    for _ in 0..10_000 {
        if state(pool.gauges()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("still {:?}", pool.gauges());
}

#[tokio::test]
async fn a_result_comes_back() {
    let pool = pool(2, 8, 100);
    assert_eq!(pool.run(later(), 1, |_| 6 * 7).await.unwrap().value, 42);
    until(&pool, |gauges| gauges == Gauges::default()).await;
}

#[tokio::test]
async fn the_job_gets_its_deadline() {
    let deadline = later();
    let got = pool(1, 1, 1)
        .run(deadline, 0, |deadline| deadline)
        .await
        .unwrap();
    assert_eq!(got.value, deadline);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let pool = pool(1, 1, 100);
    let blocker = Blocker::start(&pool, 0).await;
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.run(later(), 0, |_| ()).await }
    });
    until(&pool, |gauges| gauges.queued == 1).await;
    let refused = pool.run(later(), 0, |_| ()).await.unwrap_err();
    assert_eq!(refused, Refusal::QueueFull { limit: 1 });
    blocker.stop().await;
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn without_a_queue_a_free_thread_still_works() {
    let pool = pool(1, 0, 100);
    pool.run(later(), 0, |_| ()).await.unwrap();
    // The outcome is told a moment before the thread is free again.
    while pool.gauges().busy > 0 {
        tokio::task::yield_now().await;
    }
    let blocker = Blocker::start(&pool, 0).await;
    let refused = pool.run(later(), 0, |_| ()).await.unwrap_err();
    assert_eq!(refused, Refusal::QueueFull { limit: 0 });
    blocker.stop().await;
}

#[tokio::test]
async fn a_job_that_can_never_fit_is_refused_with_the_limit() {
    let refused = pool(1, 8, 100).run(later(), 101, |_| ()).await.unwrap_err();
    assert_eq!(
        refused,
        Refusal::OverBudget {
            bytes: 101,
            limit: 100
        }
    );
    assert_eq!(Error::from(refused).status(), 422);
}

#[tokio::test]
async fn bytes_bound_what_runs_together() {
    let pool = pool(4, 64, 100);
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let jobs: Vec<_> = (0..32)
        .map(|_| {
            let (pool, running, most) = (pool.clone(), running.clone(), most.clone());
            tokio::spawn(async move {
                pool.run(later(), 50, move |_| {
                    most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                    thread::yield_now();
                    running.fetch_sub(1, SeqCst);
                })
                .await
            })
        })
        .collect();
    for job in jobs {
        job.await.unwrap().unwrap();
    }
    assert!((1..=2).contains(&most.load(SeqCst)));
    until(&pool, |gauges| gauges == Gauges::default()).await;
}

#[tokio::test]
async fn a_small_job_passes_one_that_does_not_fit() {
    let pool = pool(2, 8, 100);
    let blocker = Blocker::start(&pool, 60).await;
    let large = tokio::spawn({
        let pool = pool.clone();
        async move { pool.run(later(), 60, |_| ()).await }
    });
    until(&pool, |gauges| gauges.queued == 1).await;
    pool.run(later(), 10, |_| ()).await.unwrap();
    assert_eq!(pool.gauges().queued, 1);
    blocker.stop().await;
    large.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_large_job_is_not_starved() {
    let pool = pool(2, 256, 100);
    let blocker = Blocker::start(&pool, 60).await;
    let large = tokio::spawn({
        let pool = pool.clone();
        async move { pool.run(later(), 60, |_| ()).await }
    });
    until(&pool, |gauges| gauges.queued == 1).await;
    let passed = Arc::new(AtomicUsize::new(0));
    let small: Vec<_> = (0..100)
        .map(|_| {
            let (pool, passed) = (pool.clone(), passed.clone());
            tokio::spawn(async move {
                pool.run(later(), 1, move |_| passed.fetch_add(1, SeqCst))
                    .await
            })
        })
        .collect();
    // The rest stays behind the large job, although a thread is free.
    until(&pool, |gauges| gauges.queued == 85 && gauges.busy == 1).await;
    assert_eq!(passed.load(SeqCst), 16);
    blocker.stop().await;
    large.await.unwrap().unwrap();
    for job in small {
        job.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_panic_ends_the_job_and_not_the_thread() {
    let pool = pool(1, 8, 100);
    for _ in 0..3 {
        let refused = pool
            .run(later(), 100, |_| panic!("as a decoder might"))
            .await;
        assert_eq!(
            refused.map(|done: Done<()>| done.value).unwrap_err(),
            Refusal::Panicked
        );
    }
    assert_eq!(pool.tallies().panicked.load(SeqCst), 3);
    assert_eq!(pool.run(later(), 100, |_| 1).await.unwrap().value, 1);
}

#[tokio::test]
async fn a_deadline_that_has_passed_is_refused() {
    let refused = pool(1, 8, 100)
        .run(Instant::now(), 0, |_| ())
        .await
        .unwrap_err();
    assert_eq!(refused, Refusal::DeadlineExceeded);
}

#[tokio::test]
async fn a_job_whose_turn_comes_too_late_is_not_run() {
    let pool = pool(1, 8, 100);
    let blocker = Blocker::start(&pool, 0).await;
    let ran = Arc::new(AtomicUsize::new(0));
    let soon = Instant::now() + Duration::from_millis(20);
    let late = tokio::spawn({
        let (pool, ran) = (pool.clone(), ran.clone());
        async move { pool.run(soon, 0, move |_| ran.fetch_add(1, SeqCst)).await }
    });
    until(&pool, |gauges| gauges.queued == 1).await;
    tokio::time::sleep_until((soon + Duration::from_millis(1)).into()).await;
    blocker.stop().await;
    assert_eq!(late.await.unwrap().unwrap_err(), Refusal::DeadlineExceeded);
    assert_eq!(ran.load(SeqCst), 0);
}

#[tokio::test]
async fn a_job_whose_caller_has_gone_is_not_run() {
    let pool = pool(1, 8, 100);
    let blocker = Blocker::start(&pool, 0).await;
    let ran = Arc::new(AtomicUsize::new(0));
    let given_up = tokio::spawn({
        let (pool, ran) = (pool.clone(), ran.clone());
        async move {
            pool.run(later(), 0, move |_| ran.fetch_add(1, SeqCst))
                .await
        }
    });
    until(&pool, |gauges| gauges.queued == 1).await;
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    blocker.stop().await;
    pool.run(later(), 0, |_| ()).await.unwrap();
    assert_eq!(ran.load(SeqCst), 0);
}

#[tokio::test]
async fn jobs_given_up_make_room_in_a_full_queue() {
    let pool = pool(1, 1, 100);
    let blocker = Blocker::start(&pool, 0).await;
    let given_up = tokio::spawn({
        let pool = pool.clone();
        async move { pool.run(later(), 0, |_| ()).await }
    });
    until(&pool, |gauges| gauges.queued == 1).await;
    given_up.abort();
    let _ = given_up.await;
    let next = tokio::spawn({
        let pool = pool.clone();
        async move { pool.run(later(), 0, |_| ()).await }
    });
    blocker.stop().await;
    next.await.unwrap().unwrap();
}

/// The average is set by hand: what is tested is the refusal, not the clock.
#[test]
fn a_wait_longer_than_allowed_is_refused_before_it_starts() {
    let queue = Queue::new(Limits {
        threads: NonZeroUsize::new(2).unwrap(),
        queue: 100,
        bytes: 100,
        max_wait: Duration::from_secs(10),
    });
    let push = |deadline| {
        let (sender, receiver) = oneshot::channel();
        // Kept open: a queue full of the abandoned is no queue.
        std::mem::forget(receiver);
        let job = Job {
            sender,
            queued: Instant::now(),
            deadline,
            job: |_| (),
        };
        queue.push(Entry {
            deadline,
            bytes: 0,
            run: Box::new(job),
        })
    };
    push(later()).unwrap();
    let turn = queue.next().unwrap();
    queue.finish(turn.claim, Duration::from_secs(4));
    // Two threads at 4 s a job: the n-th waits (n - 2) * 2 s.
    for _ in 0..7 {
        push(later()).unwrap();
    }
    let limit = Duration::from_secs(10);
    let expected = Duration::from_secs(12);
    assert_eq!(push(later()), Err(Refusal::WaitTooLong { expected, limit }));
    let error = Error::from(Refusal::WaitTooLong { expected, limit });
    assert_eq!(error.respond(None).headers()["retry-after"], "10");
}

#[tokio::test]
async fn closing_refuses_what_waits() {
    let pool = pool(1, 8, 100);
    let queue = pool.queue.clone();
    let blocker = Blocker::start(&pool, 0).await;
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.run(later(), 0, |_| ()).await }
    });
    until(&pool, |gauges| gauges.queued == 1).await;
    queue.close();
    assert_eq!(waiting.await.unwrap().unwrap_err(), Refusal::Closed);
    blocker.stop().await;
    assert_eq!(
        pool.run(later(), 0, |_| ()).await.unwrap_err(),
        Refusal::Closed
    );
}
