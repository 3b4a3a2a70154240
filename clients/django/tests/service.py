"""Starts the real service, as many instances as a test wants, each on its own loopback ports."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 30
CHECKOUT = Path(__file__).resolve().parents[3]


def binary() -> Path:
    named = os.environ.get("TINTYPE_BINARY")
    path = Path(named) if named else CHECKOUT / "target" / "debug" / "tintype"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: cargo build, or set TINTYPE_BINARY")
    return path.resolve()


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def poll(question: Callable[[], Any], what: str) -> Any:
    """Returns the first result that is true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not (answer := question()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {PATIENCE_SECONDS} seconds")
        time.sleep(0.02)
    return answer


class Service:
    """One `tintype serve --dev`, token `dev`. A restart keeps its ports, folder and log."""

    def __init__(
        self,
        root: Path,
        env: Mapping[str, str] | None = None,
        *,
        ports: tuple[int, int] | None = None,
        start: bool = True,
    ) -> None:
        self.root = root
        self.port, self.admin_port = ports or free_ports(2)
        self.url = f"http://127.0.0.1:{self.port}"
        self.admin_url = f"http://127.0.0.1:{self.admin_port}"
        self.env = {
            "TINTYPE_BIND": f"127.0.0.1:{self.port}",
            "TINTYPE_ADMIN_BIND": f"127.0.0.1:{self.admin_port}",
            **(env or {}),
        }
        # Beside the root, not in it: every file in the root is an original.
        self.log = root.with_name(f"{root.name}.log")
        self.err = root.with_name(f"{root.name}.err")
        self._process: subprocess.Popen[bytes] | None = None
        if start:
            self.start()

    @property
    def pid(self) -> int:
        assert self._process, "the service is not running"
        return self._process.pid

    def start(self) -> None:
        assert self._process is None, "the service is running"
        self.root.mkdir(parents=True, exist_ok=True)
        # A store that the test chooses, such as a bucket, replaces the folder.
        where = [] if "TINTYPE_STORE" in self.env else ["--root", str(self.root)]
        with self.log.open("ab") as out, self.err.open("ab") as err:
            self._process = subprocess.Popen(
                [binary(), "serve", "--dev", *where],
                cwd=self.root.parent,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        poll(self._is_ready, "tintype gets ready")

    def stop(self) -> None:
        """Like a deployment: requests in progress are finished."""
        self._end(kill=False)

    def kill(self) -> None:
        """Like a power cut. Log lines that have not been read yet may be lost."""
        self._end(kill=True)

    def restart(self) -> None:
        self.stop()
        self.start()

    def requests(self) -> list[dict[str, Any]]:
        """The access log so far, each request a dict: method, route, key, status, bytes, …"""
        # A response may arrive before its line is written, and lines are in the order of requests.
        mark = f"mark-{uuid.uuid4().hex}"
        try:
            urllib.request.urlopen(f"{self.url}/o/{mark}")
        except urllib.error.HTTPError as answer:
            answer.close()
        poll(lambda: mark in self.log.read_text(), "the access log is written")
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [
            line
            for line in lines
            if "route" in line and not str(line.get("key", "")).startswith("mark-")
        ]

    def _is_ready(self) -> bool:
        assert self._process
        if self._process.poll() is not None:
            raise RuntimeError(
                f"tintype ended with {self._process.returncode}: {self.err.read_text()[-2000:]}"
            )
        try:
            with urllib.request.urlopen(f"{self.admin_url}/readyz", timeout=1):
                return True
        except OSError:
            return False

    def _end(self, *, kill: bool) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        if kill:
            process.kill()
        else:
            process.terminate()
        process.wait(PATIENCE_SECONDS)
