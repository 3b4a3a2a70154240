//! How far a walk through a store has come, so that the next run can continue from there.

use std::collections::VecDeque;

/// Work begins in order and ends in any order. The walk has come to the last item before which everything has
/// ended.
#[derive(Default)]
pub(crate) struct WalkProgress {
    begun: VecDeque<Step>,
    /// The number of the first of them.
    first: u64,
    after: Option<String>,
    done: u64,
}

struct Step {
    /// The walk's position once this has ended; `None` if it does not advance.
    name: Option<String>,
    has_ended: bool,
}

/// A piece of work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket(u64);

impl WalkProgress {
    pub(super) fn begin(&mut self, name: Option<String>) -> Ticket {
        let has_ended = false;
        self.begun.push_back(Step { name, has_ended });
        Ticket(self.first + self.begun.len() as u64 - 1)
    }

    pub(super) fn end(&mut self, Ticket(number): Ticket) {
        self.done += 1;
        let at = number.checked_sub(self.first);
        let step = at.and_then(|at| self.begun.get_mut(usize::try_from(at).ok()?));
        if let Some(step) = step {
            step.has_ended = true;
        }
        while let Some(step) = self.begun.pop_front_if(|step| step.has_ended) {
            self.first += 1;
            self.after = step.name.or(self.after.take());
        }
    }

    /// The last name up to which all work is done; for `--after`.
    pub(super) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    pub(super) fn done(&self) -> u64 {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_work_is_not_skipped() {
        let mut walk = WalkProgress::default();
        let named = |name: &str| Some(name.to_owned());
        let [a, b, half, c] =
            [named("a"), named("b"), None, named("c")].map(|name| walk.begin(name));
        assert_eq!(walk.after(), None);
        walk.end(b);
        assert_eq!(walk.after(), None);
        walk.end(a);
        assert_eq!(walk.after(), Some("b"));
        walk.end(c);
        assert_eq!((walk.after(), walk.done()), (Some("b"), 3));
        walk.end(half);
        assert_eq!(walk.after(), Some("c"));
        let d = walk.begin(named("d"));
        walk.end(d);
        assert_eq!((walk.after(), walk.done()), (Some("d"), 5));
    }
}
