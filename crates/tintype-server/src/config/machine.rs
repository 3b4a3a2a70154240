//! Checks the configuration against the machine that the service runs on.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::process::{Resource, getrlimit};
use tintype_imaging::memory;
use tintype_imaging::probe::SourceFormat;
use tintype_store::StoreUrl;

use super::check::expired;
use super::connections::MAX_CONNECTIONS;
use super::option::ConfigOption;
use super::pictures::MAX_PIXELS;
use super::read;
use super::stores::STORE;
use super::uploads::{SPOOL_BYTES, SPOOL_DIR};
use super::work::{HOT_CACHE_BYTES, MEMORY_BUDGET, WORKERS};
use super::{Config, Problem, Problems, Resources};
use crate::config::granted::Granted;

/// `f_type` of statfs(2), from Linux's magic.h.
const TMPFS: u64 = 0x0102_1994;
const OVERLAY: u64 = 0x794c_7630;

/// File descriptors besides those of clients: the store, its connections, files.
const OTHER_DESCRIPTORS: u64 = 256;
/// Formats that every newsroom uploads.
const USUAL: [SourceFormat; 2] = [SourceFormat::Jpeg, SourceFormat::Png];

/// Formats that take much more memory per pixel than others, and are seldom large.
const RARE: [SourceFormat; 3] = [SourceFormat::Jxl, SourceFormat::Jp2, SourceFormat::Svg];

impl Config {
    /// Settings that are known to be wrong or unintended at this moment.
    pub fn warnings(&self, now: SystemTime) -> Vec<Problem> {
        let expired = expired(self, now);
        self.warnings.iter().cloned().chain(expired).collect()
    }

    /// Settings that cannot work on this machine, or not as configured. Reads file systems.
    pub fn misfits(&self, granted: &Granted) -> Problems {
        let mut problems = Problems::default();
        let resources = self.resources(granted);
        self.check_memory(granted, &resources, &mut problems);
        self.check_pictures(&resources, &mut problems);
        self.check_threads(granted, &resources, &mut problems);
        self.check_folders(&mut problems);
        problems
    }

    fn check_memory(&self, granted: &Granted, resources: &Resources, problems: &mut Problems) {
        let budget = resources.memory_budget;
        if let Some(limit) = &granted.memory_bytes
            && self.work.memory_budget.is_some()
        {
            let (name, value) = (MEMORY_BUDGET.variable(), limit.value);
            let fix = "leave it out for three quarters of the memory";
            let of_limit = format!(
                "{budget} of the {value} bytes that there are (by {})",
                limit.from
            );
            if budget >= value {
                problems.add(
                    &name,
                    format!("{of_limit}: the kernel would kill the service"),
                    fix,
                );
            } else if budget > value / 10 * 9 {
                let reason =
                    format!("{of_limit}, which leaves too little for what no budget counts");
                problems.warn(&name, reason, fix);
            }
        }
        if let Some(hot) = self.work.hot_cache_bytes
            && hot > resources.hot_cache_bytes
        {
            let reason = format!(
                "{hot} bytes are more than half of memory_budget ({budget}); {} are used",
                resources.hot_cache_bytes
            );
            problems.warn(
                &HOT_CACHE_BYTES.variable(),
                reason,
                "make it smaller, or give more memory",
            );
        }
    }

    /// Checks for images that are accepted but need more memory to render than there is.
    fn check_pictures(&self, resources: &Resources, problems: &mut Problems) {
        let whole = self.pictures.max_pixels / 1_000_000 * 1_000_000;
        let too_large = |format: &SourceFormat| {
            memory::largest(*format, resources.pixel_bytes(), self.pictures.max_pixels) < whole
        };
        let default = read::pixels(MAX_PIXELS.default).unwrap_or(u64::MAX);
        let is_configured =
            self.work.memory_budget.is_some() || self.pictures.max_pixels != default;
        let formats: Vec<_> = match is_configured {
            true => SourceFormat::ALL
                .into_iter()
                .filter(|format| !RARE.contains(format))
                .collect(),
            false => USUAL.into(),
        };
        if !formats.iter().any(too_large) {
            return;
        }
        let option = match self.pictures.max_pixels > default {
            true => MAX_PIXELS,
            false => MEMORY_BUDGET,
        };
        let reason = format!(
            "the largest images that fit into memory have fewer megapixels than max_pixels ({}): {}",
            whole / 1_000_000,
            resources.largest(self.pictures.max_pixels)
        );
        problems.warn(
            &option.variable(),
            reason,
            "give more memory, or lower max_pixels",
        );
    }

    fn check_threads(&self, granted: &Granted, resources: &Resources, problems: &mut Problems) {
        let (workers, cpus) = (resources.workers.get(), granted.cpus.value.get());
        if workers > cpus.saturating_mul(4) {
            let reason = format!(
                "{workers} threads for {cpus} cpus (by {})",
                granted.cpus.from
            );
            problems.warn(&WORKERS.variable(), reason, "leave it out for one per CPU");
        }
        let needed = resources.connections.get() as u64 + OTHER_DESCRIPTORS;
        if let Some(limit) = getrlimit(Resource::Nofile).current
            && limit < needed
        {
            let reason = format!(
                "{} connections need {needed} open files, but the limit (ulimit -n) is {limit}",
                resources.connections
            );
            problems.warn(
                &MAX_CONNECTIONS.variable(),
                reason,
                "raise the limit, or make it smaller",
            );
        }
    }

    fn check_folders(&self, problems: &mut Problems) {
        if let StoreUrl::Disk(disk) = &self.stores.store
            && !disk.make
            && let Some(kind) = passing(&disk.root)
        {
            let reason = format!("{} is {kind}", disk.root.display());
            problems.warn(&STORE.variable(), reason, "mount a volume there");
            return;
        }
        if self.stores.read_only {
            return;
        }
        let (spool, option) = self.spool();
        let (name, spool_bytes) = (option.variable(), self.uploads.spool_bytes);
        if kind(&spool) == Some(TMPFS) {
            let reason = format!(
                "{} is in memory, of which spooled uploads take up to {spool_bytes} bytes",
                spool.display()
            );
            problems.warn(
                &name,
                reason,
                "choose a folder on a disk with TINTYPE_SPOOL_DIR",
            );
        }
        if let Some(size) = size(&spool).filter(|&size| size < spool_bytes) {
            let reason = format!(
                "spool_bytes is {spool_bytes}, but the file system of {} has {size}",
                spool.display()
            );
            problems.warn(
                &name,
                reason,
                "make spool_bytes smaller, or the disk larger",
            );
        }
    }

    /// The spool folder, or its nearest equivalent before the store is opened, and the option that sets it.
    fn spool(&self) -> (PathBuf, ConfigOption) {
        match (&self.uploads.spool_dir, &self.stores.store) {
            (Some(folder), _) => (folder.clone(), SPOOL_DIR),
            (None, StoreUrl::Disk(disk)) => (disk.root.clone(), SPOOL_BYTES),
            (None, _) => (std::env::temp_dir(), SPOOL_BYTES),
        }
    }
}

/// What kind of folder it is, if its files do not outlive the container.
fn passing(folder: &Path) -> Option<&'static str> {
    match kind(folder)? {
        TMPFS => Some("in memory: originals would be lost when the machine restarts"),
        OVERLAY => Some("the container's own layer: originals would be lost with the container"),
        _ => None,
    }
}

#[cfg(target_os = "linux")]
fn kind(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statfs(folder).ok()?;
    // The field is signed and differs in width between architectures.
    Some(stat.f_type as u64 & 0xffff_ffff)
}

#[cfg(not(target_os = "linux"))]
fn kind(_: &Path) -> Option<u64> {
    None
}

/// Size of the file system in bytes, used or not.
fn size(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_blocks.saturating_mul(stat.f_frsize))
}
