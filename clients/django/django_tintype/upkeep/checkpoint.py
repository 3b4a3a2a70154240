from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import IO

from django.core.files import locks
from django.core.management.base import CommandError


class Checkpoint:
    """A file with one line per finished item, so that the next run can skip it.

    The first line says what the run is about. A process may be killed and a disk may be full at any
    point: an incomplete line is ignored, and so is what follows it.
    """

    def __init__(self, path: Path, work: dict[str, str]) -> None:
        self.path = path
        self._file: IO[bytes]
        try:
            self._file = path.open("a+b")
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
        done: set[str] = set()
        self._file.seek(0)
        first = self._file.readline()
        if not first:
            self._write(work)
            return done
        if _entry(first) != work:
            raise CommandError(
                f"checkpoint {self.path} is of another run; name another file, or remove this one",
                returncode=2,
            )
        end = len(first)
        # Line by line: there may be millions.
        for line in self._file:
            name = _entry(line).get("done")
            if not isinstance(name, str):
                # From a process that was killed. Its work is done again.
                self._file.truncate(end)
                break
            done.add(name)
            end += len(line)
        return done

    def add(self, name: str) -> None:
        self._write({"done": name})

    def _write(self, line: dict[str, str]) -> None:
        try:
            self._file.write(json.dumps(line).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise CommandError(
                f"checkpoint {self.path}: {error.strerror}; "
                "free some space and run it again for the rest"
            ) from None

    def close(self) -> None:
        # Closing tries once more to write the buffered text, in vain.
        with suppress(OSError):
            self._file.close()


def _entry(line: bytes) -> dict[str, object]:
    """The content of a line; nothing if it is incomplete."""
    try:
        entry = json.loads(line) if line.endswith(b"\n") else {}
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}
