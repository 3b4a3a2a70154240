//! Limits of both cgroup versions, nested ones included: each visible ancestor counts.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use super::{Limit, LimitSource};

/// Version 1 writes "no limit" as the largest whole page count; no machine has this much memory.
const UNLIMITED: u64 = 1 << 60;

/// All memory limits, in bytes.
pub(super) fn memory(root: &Path) -> Vec<Limit<u64>> {
    limits(root, "memory", |version, folder| {
        let plain = |file: &str| {
            let file = folder.join(file);
            let bytes = fs::read_to_string(&file).ok()?.trim().parse().ok()?;
            Some((file, bytes))
        };
        match version {
            Version::One => vec![plain("memory.limit_in_bytes"), hierarchical(folder)],
            Version::Two => vec![plain("memory.max"), plain("memory.high")],
        }
    })
    .into_iter()
    .filter(|limit| limit.value < UNLIMITED)
    .collect()
}

/// All CPU quotas, rounded down to whole processors, at least one: a thread on a fraction of a processor would
/// mostly wait.
pub(super) fn cpus(root: &Path) -> Vec<Limit<NonZeroUsize>> {
    limits(root, "cpu", |version, folder| match version {
        Version::One => vec![quota_one(folder)],
        Version::Two => vec![quota_two(folder)],
    })
}

#[derive(Clone, Copy)]
enum Version {
    One,
    Two,
}

/// Calls `read` for the process's own groups and their ancestors. Inside a container the path may be the host's and
/// not exist, while the mount's root is the container's own group; so missing folders are skipped on the way up.
fn limits<T>(
    root: &Path,
    controller: &str,
    read: impl Fn(Version, &Path) -> Vec<Option<(PathBuf, T)>>,
) -> Vec<Limit<T>> {
    let membership = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let groups = membership
        .lines()
        .filter_map(|line| group(line, controller));
    let mut limits = Vec::new();
    for (version, path) in groups {
        let mounts = match version {
            Version::One => vec![format!("sys/fs/cgroup/{controller}")],
            Version::Two => vec!["sys/fs/cgroup".into(), "sys/fs/cgroup/unified".into()],
        };
        for mount in mounts {
            for ancestor in path.ancestors() {
                let found = read(version, &root.join(&mount).join(ancestor));
                limits.extend(found.into_iter().flatten().map(|(file, value)| {
                    let file = file.strip_prefix(root).unwrap_or(&file);
                    Limit {
                        value,
                        from: LimitSource::Cgroup(Path::new("/").join(file)),
                    }
                }));
            }
        }
    }
    limits
}

/// Parses a line of `/proc/self/cgroup`: `id:controllers:path`, with id 0 and no controllers in version 2. Returns
/// the path without its leading slash.
fn group<'a>(line: &'a str, controller: &str) -> Option<(Version, &'a Path)> {
    let mut fields = line.splitn(3, ':');
    let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let path = Path::new(path.trim_start_matches('/'));
    if controllers.is_empty() {
        return Some((Version::Two, path));
    }
    let is_named = controllers.split(',').any(|name| name == controller);
    is_named.then_some((Version::One, path))
}

/// The limit that version 1 computes over all ancestors, including those that are not visible from inside.
fn hierarchical(folder: &Path) -> Option<(PathBuf, u64)> {
    let file = folder.join("memory.stat");
    let stat = fs::read_to_string(&file).ok()?;
    let limit = stat
        .lines()
        .find_map(|line| line.strip_prefix("hierarchical_memory_limit "))?;
    Some((file, limit.trim().parse().ok()?))
}

fn quota_one(folder: &Path) -> Option<(PathBuf, NonZeroUsize)> {
    let file = folder.join("cpu.cfs_quota_us");
    // -1 means no quota, and does not parse.
    let quota = fs::read_to_string(&file).ok()?;
    let period = fs::read_to_string(folder.join("cpu.cfs_period_us")).ok()?;
    Some((file, whole(&quota, &period)?))
}

fn quota_two(folder: &Path) -> Option<(PathBuf, NonZeroUsize)> {
    let file = folder.join("cpu.max");
    let text = fs::read_to_string(&file).ok()?;
    let (quota, period) = text.split_once(' ')?;
    Some((file, whole(quota, period)?))
}

fn whole(quota: &str, period: &str) -> Option<NonZeroUsize> {
    let quota: usize = quota.trim().parse().ok()?;
    let cpus = quota.checked_div(period.trim().parse().ok()?)?;
    NonZeroUsize::new(cpus.max(1))
}
