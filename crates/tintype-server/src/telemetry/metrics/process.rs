//! The usual process metrics of Prometheus clients, under the names that dashboards expect.

use std::fs;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::{set, signed};

pub(super) struct Process {
    cpu: Counter<f64, AtomicU64>,
    resident: Gauge,
    virtual_memory: Gauge,
    open_fds: Gauge,
    max_fds: Gauge,
}

impl Process {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let process = Self {
            cpu: Counter::default(),
            resident: Gauge::default(),
            virtual_memory: Gauge::default(),
            open_fds: Gauge::default(),
            max_fds: Gauge::default(),
        };
        let started: Gauge<f64, AtomicU64> = Gauge::default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        started.set(now.unwrap_or_default().as_secs_f64());
        let r = registry.sub_registry_with_prefix("process");
        let cpu = process.cpu.clone();
        r.register_with_unit("cpu", "CPU time of all threads", Unit::Seconds, cpu);
        let resident = process.resident.clone();
        let help = "Resident memory";
        r.register_with_unit("resident_memory", help, Unit::Bytes, resident);
        let virtual_memory = process.virtual_memory.clone();
        let help = "Address space";
        r.register_with_unit("virtual_memory", help, Unit::Bytes, virtual_memory);
        r.register(
            "open_fds",
            "Open file descriptors",
            process.open_fds.clone(),
        );
        r.register(
            "max_fds",
            "Limit of open file descriptors",
            process.max_fds.clone(),
        );
        let help = "Start time of the process, since 1970";
        r.register_with_unit("start_time", help, Unit::Seconds, started);
        process
    }

    /// Reads them from the system; unavailable values stay as they were.
    pub(super) fn observe(&self) {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let cpu = Duration::new(
            cpu.tv_sec.try_into().unwrap_or_default(),
            cpu.tv_nsec.try_into().unwrap_or_default(),
        );
        set(&self.cpu, cpu);
        if let Some([size, resident]) = pages() {
            let page = rustix::param::page_size() as u64;
            self.virtual_memory.set(signed(size * page));
            self.resident.set(signed(resident * page));
        }
        if let Ok(files) = fs::read_dir("/proc/self/fd") {
            // Without the descriptor of the folder itself.
            let open = files.count().saturating_sub(1);
            self.open_fds.set(signed(open as u64));
        }
        if let Some(limit) = getrlimit(Resource::Nofile).current {
            self.max_fds.set(signed(limit));
        }
    }
}

fn pages() -> Option<[u64; 2]> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let mut numbers = text.split(' ').map(|number| number.parse().ok());
    Some([numbers.next()??, numbers.next()??])
}
