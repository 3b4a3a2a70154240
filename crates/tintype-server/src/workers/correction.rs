//! Measured against expected times per kind of job: within a few jobs, estimates adapt to a slow machine or a wrong
//! model.

use std::time::Duration;

use super::job::TurnTimings;

/// Each job counts for an eighth: stable against noise, quick after a change.
const WEIGHT: u32 = 8;

/// Limit of the correction factor, up and down. Anything beyond was an accident (a paused machine, an image of one
/// colour), and learning from it would refuse work that is possible.
const MOST_OFF: f64 = 8.0;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Correction {
    /// The logarithm of measured over expected, so that twice and half are equally far off.
    off: f64,
    /// Time spent waiting for the store, which occupies the thread as well.
    fetching: Duration,
}

impl Correction {
    /// How long a job will occupy its thread if the model expects `time` of work.
    pub(super) fn foresee(&self, time: Duration) -> Duration {
        time.mul_f64(self.off.exp()) + self.fetching
    }

    pub(super) fn learn(&mut self, time: Duration, spent: TurnTimings) {
        self.fetching = (self.fetching * (WEIGHT - 1) + spent.fetched) / WEIGHT;
        let Some(worked) = spent.worked else { return };
        // Nothing can be learned where both are zero.
        let ratio = worked.as_secs_f64() / time.as_secs_f64();
        if ratio.is_nan() {
            return;
        }
        let off = ratio.clamp(1.0 / MOST_OFF, MOST_OFF).ln();
        self.off += (off - self.off) / f64::from(WEIGHT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Duration = Duration::from_millis(100);

    fn after(jobs: u32, worked: Option<Duration>, fetched: Duration) -> Duration {
        let mut correction = Correction::default();
        for _ in 0..jobs {
            correction.learn(EXPECTED, TurnTimings { worked, fetched });
        }
        correction.foresee(EXPECTED)
    }

    fn is_near(foreseen: Duration, ms: u64) -> bool {
        foreseen.abs_diff(Duration::from_millis(ms)) < Duration::from_millis(ms / 20)
    }

    #[test]
    fn the_model_is_believed_until_something_was_measured() {
        assert_eq!(Correction::default().foresee(EXPECTED), EXPECTED);
    }

    #[test]
    fn a_wrong_estimate_heals_in_either_direction() {
        for ms in [25, 50, 200, 400] {
            let worked = Some(Duration::from_millis(ms));
            let healed = after(40, worked, Duration::ZERO);
            assert!(is_near(healed, ms), "{healed:?} instead of {ms} ms");
            let half = after(8, worked, Duration::ZERO).abs_diff(Duration::from_millis(ms));
            assert!(half < EXPECTED.abs_diff(Duration::from_millis(ms)) / 2 + EXPECTED / 4);
        }
    }

    #[test]
    fn an_accident_is_not_believed() {
        let never = after(1000, Some(Duration::from_secs(3600)), Duration::ZERO);
        assert!(is_near(never, 800), "{never:?}");
        let at_once = after(1000, Some(Duration::ZERO), Duration::ZERO);
        assert!(at_once >= Duration::from_millis(12), "{at_once:?}");
    }

    #[test]
    fn waiting_for_the_store_is_added_and_not_taken_for_work() {
        let fetched = Duration::from_millis(300);
        let foreseen = after(40, Some(EXPECTED), fetched);
        assert!(is_near(foreseen, 400), "{foreseen:?}");
    }

    /// How long it took to refuse a file says nothing about files that can be rendered.
    #[test]
    fn a_failed_job_only_measures_the_store() {
        let foreseen = after(40, None, Duration::from_millis(300));
        assert!(is_near(foreseen, 400), "{foreseen:?}");
    }

    #[test]
    fn a_job_with_an_estimate_of_zero_teaches_nothing_absurd() {
        let mut correction = Correction::default();
        for worked in [Duration::ZERO, EXPECTED] {
            let spent = TurnTimings {
                worked: Some(worked),
                fetched: Duration::ZERO,
            };
            correction.learn(Duration::ZERO, spent);
        }
        assert!(correction.foresee(EXPECTED) <= 8 * EXPECTED);
    }
}
