//! The guarantees of the pool, checked by counts: no test looks at a clock, jobs wait for each other instead.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, mpsc};

use tokio::task::JoinHandle;

use super::*;
use crate::error::Error;

const HOUR: Duration = Duration::from_secs(3600);

type Ran<T> = Result<JobResult<T, ()>, Refusal>;

fn pool(threads: usize, queue: usize, bytes: u64) -> Arc<Pool> {
    let threads = NonZeroUsize::new(threads).unwrap();
    Arc::new(
        Pool::new(PoolLimits {
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

fn cost(bytes: u64) -> Cost {
    taking(Duration::ZERO, bytes)
}

fn taking(time: Duration, bytes: u64) -> Cost {
    Cost {
        kind: JobKind::Placeholder,
        time,
        bytes,
    }
}

async fn run<T: Send + 'static>(
    pool: &Pool,
    bytes: u64,
    job: impl FnOnce() -> T + Send + 'static,
) -> Ran<T> {
    let job = |_: &mut JobContext| Ok(job());
    pool.run(Priority::Request, later(), cost(bytes), job).await
}

/// Runs a job concurrently with the test.
fn start<T: Send + 'static>(
    pool: &Arc<Pool>,
    priority: Priority,
    cost: Cost,
    job: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<Ran<T>> {
    let pool = pool.clone();
    tokio::spawn(async move {
        let job = |_: &mut JobContext| Ok(job());
        pool.run(priority, later(), cost, job).await
    })
}

fn request(pool: &Arc<Pool>, bytes: u64) -> JoinHandle<Ran<()>> {
    start(pool, Priority::Request, cost(bytes), || ())
}

/// A job that runs until it is released.
struct Blocker {
    stop: mpsc::Sender<()>,
    handle: JoinHandle<Ran<()>>,
}

impl Blocker {
    /// Returns once the job runs.
    async fn start(pool: &Arc<Pool>, bytes: u64) -> Self {
        Self::with(pool, Priority::Request, cost(bytes)).await
    }

    async fn in_background(pool: &Arc<Pool>, bytes: u64) -> Self {
        Self::with(pool, Priority::Background, cost(bytes)).await
    }

    async fn with(pool: &Arc<Pool>, priority: Priority, cost: Cost) -> Self {
        let (stop, stopped) = mpsc::channel();
        let (started, running) = oneshot::channel();
        let handle = start(pool, priority, cost, move || {
            started.send(()).unwrap();
            stopped.recv().unwrap();
        });
        running.await.unwrap();
        Self { stop, handle }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.handle.await.unwrap().unwrap();
    }
}

/// Waits until the pool has reached a state.
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
    assert_eq!(run(&pool, 1, || 6 * 7).await.unwrap().result, Ok(42));
    until(&pool, |gauges| gauges == Gauges::default()).await;
}

#[tokio::test]
async fn the_job_gets_its_deadline() {
    let deadline = later();
    let job = |shift: &mut JobContext| Ok::<_, ()>(shift.deadline);
    let pool = pool(1, 1, 1);
    let got = pool.run(Priority::Request, deadline, cost(0), job);
    assert_eq!(got.await.unwrap().result, Ok(deadline));
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let pool = pool(1, 1, 100);
    let blocker = Blocker::start(&pool, 0).await;
    let waiting = request(&pool, 0);
    until(&pool, |gauges| gauges.queued == 1).await;
    let refused = run(&pool, 0, || ()).await.unwrap_err();
    assert_eq!(refused, Refusal::QueueFull { limit: 1 });
    blocker.stop().await;
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn without_a_queue_a_free_thread_still_works() {
    let pool = pool(1, 0, 100);
    run(&pool, 0, || ()).await.unwrap();
    // The result is sent a moment before the thread is free again.
    while pool.gauges().busy > 0 {
        tokio::task::yield_now().await;
    }
    let blocker = Blocker::start(&pool, 0).await;
    let refused = run(&pool, 0, || ()).await.unwrap_err();
    assert_eq!(refused, Refusal::QueueFull { limit: 0 });
    blocker.stop().await;
}

#[tokio::test]
async fn a_job_that_can_never_fit_is_refused_with_the_limit() {
    let refused = run(&pool(1, 8, 100), 101, || ()).await.unwrap_err();
    assert_eq!(
        refused,
        Refusal::ExceedsMemory {
            bytes: 101,
            limit: 100
        }
    );
    assert_eq!(Error::from(refused).status(), 422);
}

#[tokio::test]
async fn bytes_limit_concurrent_jobs() {
    let pool = pool(4, 64, 100);
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let jobs: Vec<_> = (0..32)
        .map(|_| {
            let (running, most) = (running.clone(), most.clone());
            start(&pool, Priority::Request, cost(50), move || {
                most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                thread::yield_now();
                running.fetch_sub(1, SeqCst);
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
    let large = request(&pool, 60);
    until(&pool, |gauges| gauges.queued == 1).await;
    run(&pool, 10, || ()).await.unwrap();
    assert_eq!(pool.gauges().queued, 1);
    blocker.stop().await;
    large.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_job_that_needs_many_bytes_is_not_starved() {
    let pool = pool(2, 256, 100);
    let blocker = Blocker::start(&pool, 60).await;
    let large = request(&pool, 60);
    until(&pool, |gauges| gauges.queued == 1).await;
    let passed = Arc::new(AtomicUsize::new(0));
    let small: Vec<_> = (0..100)
        .map(|_| {
            let passed = passed.clone();
            start(&pool, Priority::Request, cost(1), move || {
                passed.fetch_add(1, SeqCst)
            })
        })
        .collect();
    // The others stay behind the large job, although a thread is free.
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
        let refused: Ran<()> = run(&pool, 100, || panic!("as a decoder might")).await;
        assert_eq!(refused.unwrap_err(), Refusal::Panicked);
    }
    let tallies = pool.tallies(Priority::Request);
    assert_eq!(tallies.panicked.load(SeqCst), 3);
    assert_eq!(run(&pool, 100, || 1).await.unwrap().result, Ok(1));
}

#[tokio::test]
async fn a_deadline_that_has_passed_is_refused() {
    let pool = pool(1, 8, 100);
    let job = |_: &mut JobContext| Ok::<_, ()>(());
    for priority in [Priority::Request, Priority::Background] {
        let refused = pool.run(priority, Instant::now(), cost(0), job);
        assert_eq!(refused.await.unwrap_err(), Refusal::DeadlineExceeded);
    }
}

#[tokio::test]
async fn a_job_whose_turn_comes_too_late_is_not_run() {
    let pool = pool(1, 8, 100);
    let blocker = Blocker::start(&pool, 0).await;
    let ran = Arc::new(AtomicUsize::new(0));
    let soon = Instant::now() + Duration::from_millis(20);
    let late = tokio::spawn({
        let (pool, ran) = (pool.clone(), ran.clone());
        async move {
            let job = move |_: &mut JobContext| Ok::<_, ()>(ran.fetch_add(1, SeqCst));
            pool.run(Priority::Request, soon, cost(0), job).await
        }
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
    let given_up = start(&pool, Priority::Request, cost(0), {
        let ran = ran.clone();
        move || ran.fetch_add(1, SeqCst)
    });
    until(&pool, |gauges| gauges.queued == 1).await;
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    blocker.stop().await;
    run(&pool, 0, || ()).await.unwrap();
    assert_eq!(ran.load(SeqCst), 0);
}

#[tokio::test]
async fn jobs_given_up_make_room_in_a_full_queue() {
    let pool = pool(1, 1, 100);
    let blocker = Blocker::start(&pool, 0).await;
    let given_up = request(&pool, 0);
    until(&pool, |gauges| gauges.queued == 1).await;
    given_up.abort();
    let _ = given_up.await;
    let next = request(&pool, 0);
    blocker.stop().await;
    next.await.unwrap().unwrap();
}

#[tokio::test]
async fn closing_refuses_waiting_jobs() {
    let pool = pool(1, 8, 100);
    let queue = pool.queue.clone();
    let blocker = Blocker::start(&pool, 0).await;
    let waiting = request(&pool, 0);
    until(&pool, |gauges| gauges.queued == 1).await;
    queue.close();
    assert_eq!(waiting.await.unwrap().unwrap_err(), Refusal::Closed);
    blocker.stop().await;
    assert_eq!(run(&pool, 0, || ()).await.unwrap_err(), Refusal::Closed);
}

#[tokio::test]
async fn small_jobs_pass_large_ones() {
    let pool = pool(1, 64, 100);
    let blocker = Blocker::start(&pool, 0).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut jobs = Vec::new();
    for (queued, (name, seconds)) in [("large", 60), ("small", 1), ("smaller", 0)]
        .into_iter()
        .enumerate()
    {
        let order = order.clone();
        let cost = taking(Duration::from_secs(seconds), 0);
        jobs.push(start(&pool, Priority::Request, cost, move || {
            order.lock().unwrap().push(name);
        }));
        until(&pool, |gauges| gauges.queued == queued + 1).await;
    }
    blocker.stop().await;
    for job in jobs {
        job.await.unwrap().unwrap();
    }
    assert_eq!(*order.lock().unwrap(), ["smaller", "small", "large"]);
}

#[tokio::test]
async fn waiting_for_the_store_is_measured_separately() {
    let pool = pool(1, 8, 100);
    let job = |shift: &mut JobContext| {
        shift.fetch(|| thread::sleep(Duration::from_millis(5)));
        Ok::<_, ()>(())
    };
    let done = pool.run(Priority::Request, later(), cost(0), job).await;
    assert!(done.unwrap().fetched >= Duration::from_millis(5));
}

#[tokio::test]
async fn background_work_does_not_start_while_a_request_waits() {
    let pool = pool(1, 8, 100);
    let blocker = Blocker::start(&pool, 0).await;
    let waiting = request(&pool, 0);
    until(&pool, |gauges| gauges.queued == 1).await;
    // Once the request has its thread, both may run at once: what counts is the queue at the start.
    let seen = pool.clone();
    let background = start(&pool, Priority::Background, cost(0), move || {
        seen.gauges().queued
    });
    until(&pool, |gauges| gauges.background_queued == 1).await;
    assert_eq!(pool.gauges().background_busy, 0);
    blocker.stop().await;
    waiting.await.unwrap().unwrap();
    assert_eq!(background.await.unwrap().unwrap().result, Ok(0));
}

#[tokio::test]
async fn background_work_takes_no_thread_of_the_requests() {
    let pool = pool(1, 0, 100);
    let background = Blocker::in_background(&pool, 0).await;
    run(&pool, 0, || ()).await.unwrap();
    background.stop().await;
}

#[tokio::test]
async fn a_request_does_not_wait_for_the_bytes_of_background_work() {
    let pool = pool(1, 8, 100);
    let background = Blocker::in_background(&pool, 25).await;
    run(&pool, 100, || ()).await.unwrap();
    background.stop().await;
}

#[tokio::test]
async fn background_work_waits_for_the_bytes_of_requests() {
    let pool = pool(1, 8, 100);
    let blocker = Blocker::start(&pool, 90).await;
    let background = start(&pool, Priority::Background, cost(20), || ());
    until(&pool, |gauges| gauges.background_queued == 1).await;
    assert_eq!(pool.gauges().background_busy, 0);
    blocker.stop().await;
    background.await.unwrap().unwrap();
}

#[tokio::test]
async fn background_work_claims_a_quarter_of_the_bytes_at_most() {
    let pool = pool(1, 8, 100);
    let job = start(&pool, Priority::Background, cost(26), || ());
    let refused = job.await.unwrap().unwrap_err();
    let (bytes, limit) = (26, 25);
    assert_eq!(refused, Refusal::ExceedsMemory { bytes, limit });
}

#[tokio::test]
async fn the_queue_of_background_work_is_bounded_and_no_room_of_requests() {
    let pool = pool(1, 1, 100);
    let blocker = Blocker::in_background(&pool, 0).await;
    let waiting: Vec<_> = (0..background::QUEUE)
        .map(|_| start(&pool, Priority::Background, cost(0), || ()))
        .collect();
    until(&pool, |gauges| {
        gauges.background_queued == background::QUEUE
    })
    .await;
    let refused = start(&pool, Priority::Background, cost(0), || ());
    let limit = background::QUEUE;
    assert_eq!(
        refused.await.unwrap().unwrap_err(),
        Refusal::QueueFull { limit }
    );
    let count = |priority| pool.tallies(priority).queue_full.load(SeqCst);
    assert_eq!(
        (count(Priority::Request), count(Priority::Background)),
        (0, 1)
    );
    run(&pool, 0, || ()).await.unwrap();
    blocker.stop().await;
    for job in waiting {
        job.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn background_work_is_not_part_of_the_expected_wait() {
    let pool = pool(1, 8, 100);
    let minute = taking(Duration::from_secs(60), 0);
    let running = Blocker::with(&pool, Priority::Background, minute).await;
    let waiting = start(&pool, Priority::Background, minute, || ());
    until(&pool, |gauges| gauges.background_queued == 1).await;
    assert_eq!(pool.expected_wait(&minute), Duration::ZERO);
    running.stop().await;
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_panic_in_the_background_ends_the_job_and_not_the_thread() {
    let pool = pool(1, 8, 100);
    for _ in 0..3 {
        let job = || -> () { panic!("as a decoder might") };
        let panicked = start(&pool, Priority::Background, cost(1), job);
        assert_eq!(panicked.await.unwrap().unwrap_err(), Refusal::Panicked);
    }
    let job = start(&pool, Priority::Background, cost(1), || 1);
    assert_eq!(job.await.unwrap().unwrap().result, Ok(1));
}

/// Of the thread alone: the process serves requests.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn background_work_has_the_lowest_priority_of_the_system() {
    let pool = pool(1, 8, 100);
    let niceness = || rustix::process::getpriority_process(None).unwrap();
    let background = start(&pool, Priority::Background, cost(0), niceness);
    assert_eq!(background.await.unwrap().unwrap().result, Ok(19));
    let request = run(&pool, 0, niceness).await;
    assert_eq!(request.unwrap().result, Ok(niceness()));
    assert!(niceness() < 19);
}

#[test]
fn a_wait_that_is_too_long_is_refused_with_retry_after() {
    let refusal = Refusal::WaitTooLong {
        expected: Duration::from_secs(12),
        limit: Duration::from_secs(10),
    };
    let error = Error::from(refusal);
    assert_eq!(error.respond(None).headers()["retry-after"], "10");
}
