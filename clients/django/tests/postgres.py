"""A PostgreSQL server for one test, of Debian's package postgresql, with nothing but a socket."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = 0


@contextmanager
def postgres(folder: Path) -> Iterator[dict[str, str]]:
    """The variables that a client needs."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        raise FileNotFoundError("PostgreSQL is missing: apt-get install postgresql")
    # It refuses to run as root.
    become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == ROOT else []
    folder.mkdir()
    if become:
        shutil.chown(folder, "postgres")
        for parent in folder.parents[:3]:
            parent.chmod(parent.stat().st_mode | 0o011)

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [*become, str(programs[-1] / program), *arguments],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    data = str(folder / "data")
    run("initdb", "--auth=trust", "--username=site", "--no-sync", data)
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    run("pg_ctl", "--pgdata", data, "--log", str(folder / "log"), "--wait", "-o", options, "start")
    try:
        yield {"PGHOST": str(folder), "PGUSER": "site", "PGDATABASE": "postgres"}
    finally:
        run("pg_ctl", "--pgdata", data, "--mode=immediate", "--wait", "stop")
