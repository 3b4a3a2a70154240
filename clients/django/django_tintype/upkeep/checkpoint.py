from __future__ import annotations

import json
from pathlib import Path
from typing import IO

from django.core.files import locks
from django.core.management.base import CommandError


class Checkpoint:
    """A file with a line for everything that is done, so that the next run need not look at it.

    The first line says what is done. A process may be killed at any point: a line that is not
    whole is not believed.
    """

    def __init__(self, path: Path, work: dict[str, str]) -> None:
        self.path = path
        self._file: IO[str]
        try:
            self._file = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise CommandError(f"checkpoint {path}: {error.strerror}", returncode=2) from None
        if not locks.lock(self._file, locks.LOCK_EX | locks.LOCK_NB):
            self.close()
            raise CommandError(f"checkpoint {path} is in use by another run", returncode=2)
        try:
            self.done = self._read(work)
        except CommandError:
            self.close()
            raise

    def _read(self, work: dict[str, str]) -> set[str]:
        self._file.seek(0)
        lines = self._file.read().split("\n")
        whole = lines[:-1]
        try:
            entries = [json.loads(line) for line in whole]
            ours = not entries or entries[0] == work
        except (ValueError, KeyError):
            entries, ours = [], False
        if not ours or (lines[-1] and not entries):
            raise CommandError(
                f"checkpoint {self.path} is of other work; name another file, or remove this one",
                returncode=2,
            )
        if not entries:
            self._write(work)
        elif lines[-1]:
            # Half a line, of a process that was killed. Its work is done again.
            self._file.truncate(len("\n".join([*whole, ""]).encode()))
        return {entry["done"] for entry in entries[1:]}

    def add(self, name: str) -> None:
        self._write({"done": name})

    def _write(self, line: dict[str, str]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()
