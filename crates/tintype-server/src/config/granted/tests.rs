//! The tightest limit that the kernel enforces is found in every layout of containers, with its source.

use super::*;

const MEMINFO: (&str, &str) = (
    "proc/meminfo",
    "MemTotal:        8000000 kB\nMemFree:          123456 kB\n",
);

/// The limits from four processors and these files.
fn granted(files: &[(&str, &str)], task: task::TaskLimits) -> Granted {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Granted::tightest(root.path(), NonZeroUsize::new(4).unwrap(), task)
}

/// As `tintype config` shows it.
fn shown<T: fmt::Display>(limit: &Limit<T>) -> String {
    format!("{} from {}", limit.value, limit.from)
}

fn check(files: &[(&str, &str)], expected: Option<&str>) {
    let memory = granted(files, task::TaskLimits::default()).memory_bytes;
    let memory = memory.as_ref().map(shown);
    assert_eq!(memory.as_deref(), expected, "{files:?}");
}

fn check_cpus(files: &[(&str, &str)], expected: &str) {
    let cpus = granted(files, task::TaskLimits::default()).cpus;
    assert_eq!(shown(&cpus), expected, "{files:?}");
}

#[test]
fn without_cgroups_the_machine_is_the_limit() {
    check(&[], None);
    check(&[MEMINFO], Some("8192000000 from machine"));
    check_cpus(&[], "4 from machine");
}

#[test]
fn version_2_at_the_root_of_a_container() {
    let files = [
        MEMINFO,
        ("proc/self/cgroup", "0::/\n"),
        ("sys/fs/cgroup/memory.max", "4294967296\n"),
        ("sys/fs/cgroup/memory.high", "max\n"),
        ("sys/fs/cgroup/cpu.max", "250000 100000\n"),
    ];
    check(
        &files,
        Some("4294967296 from cgroup /sys/fs/cgroup/memory.max"),
    );
    check_cpus(&files, "2 from cgroup /sys/fs/cgroup/cpu.max");
}

#[test]
fn version_2_nested_takes_the_tightest_ancestor() {
    let files = [
        MEMINFO,
        ("proc/self/cgroup", "0::/system.slice/tintype.service\n"),
        ("sys/fs/cgroup/system.slice/memory.max", "1000000000\n"),
        (
            "sys/fs/cgroup/system.slice/tintype.service/memory.max",
            "2000000000\n",
        ),
        ("sys/fs/cgroup/system.slice/cpu.max", "300000 100000\n"),
        (
            "sys/fs/cgroup/system.slice/tintype.service/cpu.max",
            "max 100000\n",
        ),
    ];
    check(
        &files,
        Some("1000000000 from cgroup /sys/fs/cgroup/system.slice/memory.max"),
    );
    check_cpus(&files, "3 from cgroup /sys/fs/cgroup/system.slice/cpu.max");
}

#[test]
fn version_2_without_a_limit_falls_back_to_the_machine() {
    let files = [
        MEMINFO,
        ("proc/self/cgroup", "0::/\n"),
        ("sys/fs/cgroup/memory.max", "max\n"),
        ("sys/fs/cgroup/cpu.max", "max 100000\n"),
    ];
    check(&files, Some("8192000000 from machine"));
    check_cpus(&files, "4 from machine");
}

#[test]
fn version_1_with_the_path_of_the_host() {
    let files = [
        MEMINFO,
        (
            "proc/self/cgroup",
            "5:cpu,cpuacct:/docker/ab\n4:memory:/docker/ab\n0::/\n",
        ),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n"),
        ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n"),
        ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
    ];
    check(
        &files,
        Some("67108864 from cgroup /sys/fs/cgroup/memory/memory.limit_in_bytes"),
    );
    check_cpus(&files, "1 from cgroup /sys/fs/cgroup/cpu/cpu.cfs_quota_us");
}

const NO_LIMIT: &str = "9223372036854771712\n";

#[test]
fn version_1_without_a_limit_falls_back_to_the_machine() {
    let files = [
        MEMINFO,
        ("proc/self/cgroup", "5:cpu,cpuacct:/\n4:memory:/\n"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", NO_LIMIT),
        (
            "sys/fs/cgroup/memory/memory.stat",
            "cache 0\nhierarchical_memory_limit 9223372036854771712\n",
        ),
        ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
        ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
    ];
    check(&files, Some("8192000000 from machine"));
    check_cpus(&files, "4 from machine");
}

/// The task's group is above the container's, and only the latter is mounted.
#[test]
fn version_1_reports_ancestors_that_are_not_visible() {
    let files = [
        MEMINFO,
        ("proc/self/cgroup", "4:memory:/ecs/task/container\n"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", NO_LIMIT),
        (
            "sys/fs/cgroup/memory/memory.stat",
            "cache 4096\nrss 0\nhierarchical_memory_limit 536870912\nhierarchical_memsw_limit 1\n",
        ),
    ];
    check(
        &files,
        Some("536870912 from cgroup /sys/fs/cgroup/memory/memory.stat"),
    );
}

#[test]
fn nonsense_is_passed_over() {
    let files = [
        (
            "proc/self/cgroup",
            "\n:::\nmemory\n4:memory\n3:cpu:/\n0::/../..\n",
        ),
        ("sys/fs/cgroup/memory.max", "many\n"),
        (
            "sys/fs/cgroup/memory/memory.stat",
            "hierarchical_memory_limit\n",
        ),
        ("sys/fs/cgroup/cpu.max", "1\n"),
        ("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n"),
        ("sys/fs/cgroup/cpu/cpu.cfs_period_us", "0\n"),
        ("proc/meminfo", "MemTotal: lots\n"),
    ];
    check(&files, None);
    check_cpus(&files, "4 from machine");
}

#[test]
fn the_tightest_of_machine_cgroup_and_task_holds() {
    let files = [
        MEMINFO,
        ("proc/self/cgroup", "0::/\n"),
        ("sys/fs/cgroup/memory.max", "4294967296\n"),
        ("sys/fs/cgroup/cpu.max", "300000 100000\n"),
    ];
    let check = |cpus, memory_bytes, expected: [&str; 2]| {
        let task = task::TaskLimits {
            cpus: NonZeroUsize::new(cpus),
            memory_bytes: Some(memory_bytes),
        };
        let granted = granted(&files, task);
        let memory = shown(&granted.memory_bytes.unwrap());
        assert_eq!([shown(&granted.cpus), memory], expected);
    };
    check(
        1,
        536_870_912,
        ["1 from task metadata", "536870912 from task metadata"],
    );
    check(
        64,
        1 << 40,
        [
            "3 from cgroup /sys/fs/cgroup/cpu.max",
            "4294967296 from cgroup /sys/fs/cgroup/memory.max",
        ],
    );
}

#[test]
fn a_quarter_is_left_for_memory_that_is_not_counted() {
    let mut granted = Granted::detect(None);
    assert!(granted.memory_bytes.is_some());
    granted.memory_bytes = Some(Limit::of(4 << 30, LimitSource::Machine));
    assert_eq!(granted.memory_budget(), Some(3 << 30));
}
