//! CPU and memory limits of this process, and where they come from.
//!
//! Each is the tightest limit reported by the machine, by cgroups of both versions ([`cgroup`]), and on ECS by the
//! task metadata ([`task`]): the cgroup that holds a task's size is above the container's own, and may not be
//! visible from inside. Deliberately absent: usage, and limits that change while the service runs.

mod cgroup;
mod task;

use std::fmt;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    pub cpus: Limit<NonZeroUsize>,
    /// `None` if nothing can be read.
    pub memory_bytes: Option<Limit<u64>>,
    /// Why the task metadata, which should be there, could not be read.
    pub unread: Option<String>,
}

/// A limit and its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit<T> {
    pub value: T,
    pub from: LimitSource,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitSource {
    /// The hardware, as far as this process may use it.
    Machine,
    /// The file with the limit.
    Cgroup(PathBuf),
    TaskMetadata,
}

impl fmt::Display for LimitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine => f.write_str("machine"),
            Self::Cgroup(file) => write!(f, "cgroup {}", file.display()),
            Self::TaskMetadata => f.write_str("task metadata"),
        }
    }
}

impl<T> Limit<T> {
    fn of(value: T, from: LimitSource) -> Self {
        Self { value, from }
    }
}

impl Granted {
    /// Reads all limits. `task_metadata` is the URL that ECS provides. Blocks for up to a second, so asynchronous
    /// code must not call it.
    pub fn detect(task_metadata: Option<&str>) -> Self {
        let (task, unread) = task_metadata.map(task::limits).unwrap_or_default();
        let cpus = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            unread,
            ..Self::tightest(Path::new("/"), cpus, task)
        }
    }

    /// `root` stands for `/`. Of equal limits, the source nearer to the process is named.
    fn tightest(root: &Path, cpus: NonZeroUsize, task: task::TaskLimits) -> Self {
        let of_machine = Limit::of(cpus, LimitSource::Machine);
        let of_task = task
            .cpus
            .map(|cpus| Limit::of(cpus, LimitSource::TaskMetadata));
        let cpus = cgroup::cpus(root)
            .into_iter()
            .chain(of_task)
            .min_by_key(|limit| limit.value)
            .filter(|limit| limit.value <= cpus)
            .unwrap_or(of_machine);
        let of_task = task.memory_bytes;
        let memory = cgroup::memory(root)
            .into_iter()
            .chain(of_task.map(|bytes| Limit::of(bytes, LimitSource::TaskMetadata)))
            .chain(machine_memory(root).map(|bytes| Limit::of(bytes, LimitSource::Machine)));
        Self {
            cpus,
            memory_bytes: memory.min_by_key(|limit| limit.value),
            unread: None,
        }
    }

    /// Three quarters of the memory. The rest is for what no budget counts: the allocator, stacks, sockets, and the
    /// pages of files being sent.
    pub fn memory_budget(&self) -> Option<u64> {
        let bytes = self.memory_bytes.as_ref()?.value;
        Some(bytes / 4 * 3)
    }
}

fn machine_memory(root: &Path) -> Option<u64> {
    let meminfo = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let total = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = total.trim().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1_024)
}

#[cfg(test)]
mod tests;
