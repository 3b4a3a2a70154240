//! Objects that do not respond, and folders where the server asks to slow down: only these are left alone for a
//! while.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::gate::Gate;

/// How long results of a folder count.
const WINDOW: Duration = Duration::from_secs(5);
/// With this many refusals it is a problem of the folder, and not of single objects.
const ENOUGH: u32 = 5;
/// Bounds the memory: some dozen bytes each.
const MOST: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct ObjectBreakers {
    ill: HashMap<u64, ObjectBreaker>,
}

#[derive(Debug)]
struct ObjectBreaker {
    gate: Gate,
    began: Instant,
    slow: u32,
    answered: u32,
}

/// An object and its folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct TargetIds {
    pub(super) object: u64,
    pub(super) folder: u64,
}

impl ObjectBreakers {
    pub(super) fn let_through(&mut self, ids: TargetIds, now: Instant) -> bool {
        [ids.folder, ids.object].iter().all(|id| {
            let place = self.ill.get_mut(id);
            place.is_none_or(|place| place.gate.lets_through(now))
        })
    }

    pub(super) fn answered(&mut self, ids: TargetIds) {
        if self.ill.is_empty() {
            return;
        }
        self.ill.remove(&ids.object);
        if let Some(folder) = self.ill.get_mut(&ids.folder) {
            folder.answered += 1;
            if folder.gate.open() {
                self.ill.remove(&ids.folder);
            }
        }
    }

    pub(super) fn silent(&mut self, ids: TargetIds, now: Instant) {
        if let Some(object) = self.at(ids.object, now) {
            object.gate.shut(now);
        }
    }

    pub(super) fn slow(&mut self, ids: TargetIds, now: Instant) {
        self.silent(ids, now);
        let Some(folder) = self.at(ids.folder, now) else {
            return;
        };
        if now.saturating_duration_since(folder.began) >= WINDOW {
            (folder.began, folder.slow, folder.answered) = (now, 0, 0);
        }
        folder.slow += 1;
        if folder.gate.is_shut() || folder.slow >= ENOUGH && folder.slow >= folder.answered {
            folder.gate.shut(now);
        }
    }

    /// `None` if there are too many to remember this one.
    fn at(&mut self, id: u64, now: Instant) -> Option<&mut ObjectBreaker> {
        if self.ill.len() >= MOST && !self.ill.contains_key(&id) {
            self.ill
                .retain(|_, place| now.saturating_duration_since(place.began) < WINDOW);
            if self.ill.len() >= MOST {
                return None;
            }
        }
        Some(self.ill.entry(id).or_insert_with(|| ObjectBreaker {
            gate: Gate::default(),
            began: now,
            slow: 0,
            answered: 0,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(object: u64, folder: u64) -> TargetIds {
        TargetIds { object, folder }
    }

    #[test]
    fn a_silent_object_is_left_alone_and_its_neighbours_are_not() {
        let (mut breakers, now) = (ObjectBreakers::default(), Instant::now());
        for _ in 0..10 {
            breakers.silent(ids(1, 100), now);
        }
        assert!(!breakers.let_through(ids(1, 100), now));
        assert!(breakers.let_through(ids(2, 100), now));
        assert!(breakers.let_through(ids(1, 100), now + Duration::from_secs(1)));
        breakers.answered(ids(1, 100));
        assert!(breakers.let_through(ids(1, 100), now));
    }

    #[test]
    fn a_folder_is_left_alone_once_many_of_its_objects_are_throttled() {
        let (mut breakers, now) = (ObjectBreakers::default(), Instant::now());
        for object in 1..5 {
            breakers.slow(ids(object, 100), now);
        }
        assert!(breakers.let_through(ids(9, 100), now));
        breakers.slow(ids(5, 100), now);
        assert!(!breakers.let_through(ids(9, 100), now));
        assert!(breakers.let_through(ids(9, 200), now), "of another folder");
        assert!(breakers.let_through(ids(9, 100), now + Duration::from_secs(1)));
        breakers.answered(ids(9, 100));
        assert!(breakers.let_through(ids(9, 100), now));
    }

    #[test]
    fn memory_is_bounded() {
        let (mut breakers, now) = (ObjectBreakers::default(), Instant::now());
        for object in 0..10_000 {
            breakers.slow(ids(object, 20_000 + object), now);
        }
        assert_eq!(breakers.ill.len(), MOST);
    }
}
