from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Collection
from typing import Any

from django.core.management.base import OutputWrapper

BAR_WIDTH = 24
#: Seconds between lines where there is no terminal to draw a bar on.
LINE_EVERY = 10.0
BAR_EVERY = 0.1
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Report:
    """Counts outcomes and reports them: as a bar on a terminal, otherwise as an occasional line;
    each problem as it happens. With `as_json`, as JSON lines."""

    def __init__(
        self,
        stdout: OutputWrapper,
        stderr: OutputWrapper,
        *,
        problems: Collection[str],
        as_json: bool = False,
        total: int | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.bytes = 0
        self.total = total
        self._out, self._err = stdout, stderr
        self._problems = frozenset(problems)
        self._as_json = as_json
        self._has_bar = not as_json and stderr.isatty()
        self._began = self._told = time.monotonic()

    @property
    def trouble(self) -> str:
        """The number of problems by kind; empty if there were none."""
        found = [(self.counts[problem], problem) for problem in sorted(self._problems)]
        return ", ".join(f"{count} {problem}" for count, problem in found if count)

    def add(
        self, name: str, outcome: str, detail: str = "", *, size: int = 0, tell: bool = False
    ) -> None:
        """Counts an item; it is reported if it is a problem, or with `tell`."""
        self.counts[outcome] += 1
        self.bytes += size
        if outcome in self._problems or tell:
            self.tell(name, outcome, detail)
        now = time.monotonic()
        if not self._as_json and now - self._told >= (BAR_EVERY if self._has_bar else LINE_EVERY):
            self._told = now
            self._progress()

    def tell(self, name: str, outcome: str, detail: str = "") -> None:
        # Names of files need not be valid text.
        name = name.encode(errors="backslashreplace").decode()
        if self._as_json:
            line = {"name": name, "outcome": outcome}
            self._write(json.dumps({**line, "detail": detail} if detail else line))
        else:
            text = f"{outcome}: {name}" + (f": {detail}" if detail else "")
            # One line per item, whatever its name contains.
            self._write(_CONTROL.sub(lambda char: repr(char[0])[1:-1], text))

    def finish(self, **more: Any) -> None:
        """The summary, as the last line."""
        if self._as_json:
            summary = {**dict(sorted(self.counts.items())), "bytes": self.bytes, **more}
            self._write(json.dumps({"summary": summary}))
            return
        counted = [f"{count} {outcome}" for outcome, count in sorted(self.counts.items())]
        counted += [f"{value} {name.replace('_', ' ')}" for name, value in more.items()]
        self._write(", ".join(counted) or "nothing to do")

    def _write(self, line: str) -> None:
        if self._has_bar:
            self._draw("")
        self._out.write(line)

    def _progress(self) -> None:
        done = sum(self.counts.values())
        rate = self.bytes / 1e6 / max(time.monotonic() - self._began, 0.001)
        text = f"{done}" if self.total is None else f"{done} of {self.total}"
        if self.bytes:
            text += f", {rate:.1f} MB/s"
        if self.trouble:
            text += f", {self.trouble}"
        if self._has_bar:
            part = min(1.0, done / self.total) if self.total else 0.0
            bar = ("#" * round(part * BAR_WIDTH)).ljust(BAR_WIDTH)
            self._draw(f"[{bar}] {text}" if self.total else text)
        else:
            self._err.write(text, style_func=str)

    def _draw(self, line: str) -> None:
        self._err.write(f"\r\x1b[K{line}", style_func=str, ending="")
