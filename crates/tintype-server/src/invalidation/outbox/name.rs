//! Names of objects in the outbox, which contain the time and the writer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use tintype_store::OutboxId;

/// Identifies a process in the names of its entries.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WriterId(String);

/// The parsed name of an object in the outbox.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ObjectName {
    PurgeEntry {
        writer: WriterId,
        at: SystemTime,
    },
    /// Rewritten regularly by a process that holds entries for long.
    Heartbeat(WriterId),
}

impl WriterId {
    pub(super) fn new() -> Self {
        // If two processes get the same number, a purge may be late should one of them die.
        let number = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
        Self(format!("{number:016x}"))
    }

    /// Sorts by time.
    pub(super) fn entry(&self, at: Timestamp, number: u64) -> OutboxId {
        let millis = at.as_millisecond();
        id(&format!("{millis:012x}-{}-{number:x}", self.0))
    }

    pub(super) fn heartbeat(&self) -> OutboxId {
        id(&format!("beat-{}", self.0))
    }
}

/// Written by the process that looked for leftovers last. Not the name of an entry.
pub(super) fn last_look() -> OutboxId {
    id("looked")
}

fn id(text: &str) -> OutboxId {
    OutboxId::parse(text).expect("hex digits and dashes, well below the limit")
}

impl ObjectName {
    /// `None` if it is not ours, or was written by a newer version.
    pub(super) fn parse(id: &OutboxId) -> Option<Self> {
        let mut parts = id.as_str().split('-');
        let (first, writer, number) = (parts.next()?, parts.next()?, parts.next());
        let writer = WriterId(writer.to_owned());
        match number {
            None if first == "beat" => Some(Self::Heartbeat(writer)),
            None => None,
            Some(_) => {
                let millis = u64::from_str_radix(first, 16).ok()?;
                let at = UNIX_EPOCH.checked_add(Duration::from_millis(millis))?;
                Some(Self::PurgeEntry { writer, at })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_time_and_writer_and_sorts_by_time() {
        let writer = WriterId::new();
        let at = Timestamp::from_millisecond(1_795_000_000_123).unwrap();
        let first = writer.entry(at, 7);
        let name = ObjectName::parse(&first).unwrap();
        let expected = ObjectName::PurgeEntry {
            writer: writer.clone(),
            at: at.into(),
        };
        assert_eq!(name, expected);
        assert_eq!(
            ObjectName::parse(&writer.heartbeat()),
            Some(ObjectName::Heartbeat(writer.clone()))
        );
        let later = Timestamp::from_millisecond(1_795_000_000_124).unwrap();
        assert!(first < writer.entry(later, 0));
        assert!(writer.entry(later, 0) < writer.heartbeat());
        for foreign in ["readme", "0123", "x-y-z", "zz"] {
            let foreign = OutboxId::parse(foreign).unwrap();
            assert_eq!(ObjectName::parse(&foreign), None, "{foreign:?}");
        }
        assert_eq!(ObjectName::parse(&last_look()), None);
    }
}
