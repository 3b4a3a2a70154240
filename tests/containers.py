"""Runs containers with podman and crun on machines without systemd, inside a control group that
stands for an ECS task. Needs root."""

import os
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
HIERARCHY = pathlib.Path("/sys/fs/cgroup/memory")
UNIFIED = pathlib.Path("/sys/fs/cgroup")
# The limits of a shell; podman's defaults are higher than allowed.
CONF = """[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
"""


def configure(folder: str) -> None:
    conf = pathlib.Path(folder) / "containers.conf"
    conf.write_text(CONF)
    os.environ["CONTAINERS_CONF"] = str(conf)


def run(task: str, name: str, *arguments: str) -> list[str]:
    """The command that runs a container in the group of a task."""
    podman = ["podman", "run", "--name", name, "--runtime", "crun", "--cgroup-manager", "cgroupfs"]
    group = ["--cgroup-parent", f"/{task}", "--cgroupns", "private"]
    return hidden([*podman, *group, *arguments])


def hidden(command: list[str]) -> list[str]:
    """crun mistakes a machine with both versions of control groups for version 2."""
    hide = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"'
    return ["unshare", "--mount", "sh", "-c", hide, "sh", *command]


def memory_group(task: str, limit: int) -> pathlib.Path:
    """Creates the memory group of a task."""
    group = (HIERARCHY if HIERARCHY.exists() else UNIFIED) / task
    group.mkdir(exist_ok=True)
    file = "memory.limit_in_bytes" if HIERARCHY.exists() else "memory.max"
    (group / file).write_text(str(limit))
    return group


def cpu_group(task: str, cpus: float) -> pathlib.Path:
    """Creates the CPU group of a task."""
    hierarchy = UNIFIED / "cpu"
    if hierarchy.exists():
        group = hierarchy / task
        group.mkdir(exist_ok=True)
        (group / "cpu.cfs_period_us").write_text("100000")
        (group / "cpu.cfs_quota_us").write_text(str(int(cpus * 100_000)))
    else:
        group = UNIFIED / task
        group.mkdir(exist_ok=True)
        (group / "cpu.max").write_text(f"{int(cpus * 100_000)} 100000")
    return group


def killed(group: pathlib.Path) -> int:
    for file in ("memory.oom_control", "memory.events"):
        if (group / file).exists():
            return int(re.search(r"^oom_kill (\d+)", (group / file).read_text(), re.M)[1])
    return 0


def peak(group: pathlib.Path) -> int:
    for file in ("memory.max_usage_in_bytes", "memory.peak"):
        if (group / file).exists():
            return int((group / file).read_text())
    return 0


def remove(task: str) -> None:
    """Removes the group from every hierarchy, because podman creates it in all of them."""
    for group in [UNIFIED / task, *UNIFIED.glob(f"*/{task}")]:
        remove_group(group)


def remove_group(group: pathlib.Path) -> None:
    if not group.exists():
        return
    for child in (entry for entry in group.iterdir() if entry.is_dir()):
        remove_group(child)
    group.rmdir()
