"""A PostgreSQL server for one test, from Debian's package postgresql, on a Unix socket only."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = 0


@contextmanager
def postgres() -> Iterator[dict[str, str]]:
    """The variables that a client needs."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        raise FileNotFoundError("PostgreSQL is missing: apt-get install postgresql")
    # It refuses to run as root, and its own user cannot enter pytest's folders.
    become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == ROOT else []
    with tempfile.TemporaryDirectory(prefix="tintype-") as folder:
        if become:
            shutil.chown(folder, "postgres")

        def run(program: str, *arguments: str) -> None:
            command = [*become, str(programs[-1] / program), *arguments]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)

        data = f"{folder}/data"
        run("initdb", "--auth=trust", "--username=site", "--no-sync", data)
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "-D", data, "--log", f"{folder}/log", "--wait", "-o", options, "start")
        try:
            yield {"PGHOST": folder, "PGUSER": "site", "PGDATABASE": "postgres"}
        finally:
            run("pg_ctl", "-D", data, "--mode=immediate", "--wait", "stop")
