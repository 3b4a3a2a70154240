//! Order and refusals, with made-up costs and times: nothing runs here.

use std::num::NonZeroUsize;

use tintype_imaging::spec::Format;
use tokio::sync::oneshot;

use super::super::job::{Job, JobContext};
use super::*;

const SECOND: Duration = Duration::from_secs(1);
const BYTES: u64 = 100;

/// A queue with its threads and its own clock.
struct Scene {
    requests: RequestQueue,
    budget: Budget,
    now: Instant,
    deadline: Duration,
}

impl Scene {
    fn new(threads: usize) -> Self {
        let limits = PoolLimits {
            threads: NonZeroUsize::new(threads).unwrap(),
            queue: 1000,
            bytes: BYTES,
            max_wait: 5 * SECOND,
        };
        Self {
            requests: RequestQueue::new(limits),
            budget: Budget::new(BYTES),
            now: Instant::now(),
            deadline: 15 * SECOND,
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    fn push(&mut self, cost: Cost) -> Result<(), Refusal> {
        let (sender, receiver) = oneshot::channel();
        // Kept open: abandoned jobs would not count as a queue.
        std::mem::forget(receiver);
        let deadline = self.now + self.deadline;
        let job = Job {
            sender,
            queued: self.now,
            deadline,
            job: |_: &mut JobContext| Ok::<_, ()>(()),
        };
        let entry = QueuedJob {
            deadline,
            cost,
            run: Box::new(job),
        };
        self.requests.push(entry, self.now)
    }

    /// Takes the next job for a thread and returns its expected time.
    fn take(&mut self, thread: usize) -> Option<Duration> {
        let turn = self.requests.take(thread, &mut self.budget, self.now)?;
        self.budget.release(turn.claim);
        Some(turn.cost.time)
    }

    fn wait(&mut self, cost: Cost) -> Duration {
        self.requests.expected_wait(&cost, self.now)
    }
}

fn avif(time: Duration) -> Cost {
    Cost {
        kind: JobKind::Render(Format::Avif),
        time,
        bytes: 1,
    }
}

fn jpeg(time: Duration) -> Cost {
    Cost {
        kind: JobKind::Render(Format::Jpeg),
        time,
        bytes: 1,
    }
}

/// Six large AVIFs and then six small JPEGs: no small one is refused, because the wait before it is not six times
/// the average of the large ones.
#[test]
fn the_expected_wait_is_a_sum_of_costs() {
    let (large, small) = (4 * SECOND, SECOND / 50);
    let mut scene = Scene::new(2);
    scene.push(avif(large)).unwrap();
    scene.push(avif(large)).unwrap();
    assert_eq!([scene.take(0), scene.take(1)], [Some(large); 2]);
    scene.pass(SECOND);
    // Both threads have 3 s left; the next two jobs find one more on each.
    for (before, expected) in [3, 3, 7].into_iter().enumerate() {
        let wait = scene.wait(avif(large));
        assert_eq!(wait, expected * SECOND, "{before} before");
        let refused = Refusal::WaitTooLong {
            expected: wait,
            limit: 5 * SECOND,
        };
        let pushed = scene.push(avif(large));
        assert_eq!(pushed, if expected > 5 { Err(refused) } else { Ok(()) });
    }
    for number in 0..6 {
        assert_eq!(scene.wait(jpeg(small)), 3 * SECOND + (number / 2) * small);
        scene.push(jpeg(small)).unwrap();
    }
    for _ in 0..6 {
        assert_eq!(scene.take(0), Some(small));
    }
    assert_eq!(scene.take(0), Some(large));
}

#[test]
fn a_free_thread_is_no_wait() {
    let mut scene = Scene::new(2);
    scene.push(avif(60 * SECOND)).unwrap();
    assert_eq!(scene.take(0), Some(60 * SECOND));
    assert_eq!(scene.wait(avif(SECOND)), Duration::ZERO);
}

/// Jobs that arrive within twice its own time may pass a job, later ones may not.
#[test]
fn a_large_job_is_not_starved() {
    let (large, small) = (SECOND, SECOND / 100);
    let mut scene = Scene::new(1);
    scene.push(avif(large)).unwrap();
    scene.pass(2 * large - 2 * small);
    scene.push(jpeg(small - Duration::from_millis(1))).unwrap();
    scene.pass(2 * small);
    for _ in 0..100 {
        scene.push(jpeg(small)).unwrap();
    }
    assert_eq!(scene.take(0), Some(small - Duration::from_millis(1)));
    assert_eq!(scene.take(0), Some(large));
    assert_eq!(scene.take(0), Some(small));
}

#[test]
fn equals_are_served_in_the_order_of_their_arrival() {
    let mut scene = Scene::new(1);
    for nanoseconds in [0, 1, 2] {
        scene.push(jpeg(Duration::from_nanos(nanoseconds))).unwrap();
        scene.pass(Duration::from_millis(1));
    }
    let taken: Vec<_> = (0..3).map(|_| scene.take(0).unwrap().as_nanos()).collect();
    assert_eq!(taken, [0, 1, 2]);
}

#[test]
fn jobs_that_would_miss_their_deadline_are_refused_at_once() {
    let mut scene = Scene::new(1);
    scene.deadline = 3 * SECOND;
    scene.push(avif(2 * SECOND)).unwrap();
    assert_eq!(scene.take(0), Some(2 * SECOND));
    // A wait of 2 s and 1.5 s for the job itself.
    let refused = Refusal::WaitTooLong {
        expected: 2 * SECOND,
        limit: 1500 * SECOND / 1000,
    };
    assert_eq!(scene.push(jpeg(SECOND * 3 / 2)), Err(refused));
    scene.push(jpeg(SECOND)).unwrap();
}

/// Otherwise an estimate that is too high would never be corrected.
#[test]
fn jobs_that_can_start_at_once_run_whatever_the_estimate() {
    let mut scene = Scene::new(1);
    scene.push(avif(3600 * SECOND)).unwrap();
    assert_eq!(scene.take(0), Some(3600 * SECOND));
}

#[test]
fn a_late_job_is_expected_to_take_longer() {
    let mut scene = Scene::new(1);
    scene.push(avif(2 * SECOND)).unwrap();
    scene.take(0).unwrap();
    for (after, left) in [(1, 1), (1, 0), (1, 1), (2, 3)] {
        scene.pass(after * SECOND);
        assert_eq!(scene.wait(jpeg(SECOND)), left * SECOND);
    }
}

#[test]
fn measurements_correct_estimates() {
    let mut scene = Scene::new(1);
    let ran = |scene: &mut Scene, kind: fn(Duration) -> Cost, worked: Duration| {
        for _ in 0..40 {
            scene.push(kind(SECOND)).unwrap();
            scene.take(0).unwrap();
            let spent = TurnTimings {
                fetched: Duration::ZERO,
                worked: Some(worked),
            };
            scene.requests.finish(0, &kind(SECOND), spent, scene.now);
        }
    };
    ran(&mut scene, avif, SECOND / 4);
    ran(&mut scene, jpeg, SECOND);
    scene.push(jpeg(SECOND)).unwrap();
    scene.take(0).unwrap();
    assert_eq!(scene.wait(jpeg(SECOND)), SECOND);
    // Two are ahead of it: the running JPEG, and an AVIF that takes a quarter of its estimate.
    scene.push(avif(SECOND)).unwrap();
    let wait = scene.wait(jpeg(SECOND));
    let expected = SECOND * 5 / 4;
    assert!(wait.abs_diff(expected) < SECOND / 50, "{wait:?}");
}

#[test]
fn thread_time_includes_running_jobs() {
    let mut scene = Scene::new(2);
    scene.push(jpeg(SECOND)).unwrap();
    scene.push(avif(SECOND)).unwrap();
    scene.take(0).unwrap();
    scene.take(1).unwrap();
    scene.pass(SECOND);
    assert_eq!(scene.requests.busy_time(scene.now), 2 * SECOND);
    let spent = |worked| TurnTimings {
        fetched: SECOND / 4,
        worked,
    };
    scene
        .requests
        .finish(0, &jpeg(SECOND), spent(Some(SECOND / 2)), scene.now);
    // A job that did not finish says nothing about its estimate.
    scene
        .requests
        .finish(1, &avif(SECOND), spent(None), scene.now);
    scene.pass(SECOND);
    assert_eq!(scene.requests.busy_time(scene.now), 2 * SECOND);
    let account = TimeAccount {
        foreseen: SECOND,
        taken: SECOND * 3 / 4,
    };
    assert_eq!(scene.requests.accounts(), [(jpeg(SECOND).kind, account)]);
}
