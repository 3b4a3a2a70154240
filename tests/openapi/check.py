"""Calls every operation in the OpenAPI document of a running server and checks the responses.

Usage: check.py TINTYPE

schemathesis sends what the document allows and what it forbids, and fails on a 5xx, on an
undocumented status, content type or shape, and on an operation that needs no token.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

PATIENCE_SECONDS = 30
CONFIG = Path(__file__).resolve().with_name("schemathesis.toml")


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def wait_until_ready(server: subprocess.Popen, url: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if server.poll() is not None:
            sys.exit(f"tintype ended with {server.returncode} instead of serving")
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    sys.exit("tintype did not get ready")


def upload(base: str, key: str, body: bytes) -> None:
    """Uploads something to find, so that responses other than 404 are tested."""
    request = urllib.request.Request(
        f"{base}/api/v1/files/{key}",
        data=body,
        method="PUT",
        headers={"Authorization": "Bearer dev"},
    )
    with urllib.request.urlopen(request):
        pass


def main() -> int:
    binary = str(Path(sys.argv[1]).resolve())
    schemathesis = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    assert schemathesis, "schemathesis is not installed beside this Python"
    port, admin_port = free_ports(2)
    base = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [binary, "serve", "--dev"],
            cwd=folder,
            env={
                "TINTYPE_BIND": f"127.0.0.1:{port}",
                "TINTYPE_ADMIN_BIND": f"127.0.0.1:{admin_port}",
                "TINTYPE_LAME_DUCK": "0s",
            },
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_until_ready(server, f"http://127.0.0.1:{admin_port}/readyz")
            upload(base, "a.txt", b"hello")
            result = subprocess.run(
                [
                    schemathesis,
                    f"--config-file={CONFIG}",
                    "run",
                    f"{base}/api/v1/openapi.json",
                    "--header=Authorization:Bearer dev",
                    "--continue-on-failure",
                ],
                cwd=folder,
                check=False,
                stdin=subprocess.DEVNULL,
            )
            alive = server.poll() is None
        finally:
            server.terminate()
            server.wait(timeout=60)
    if not alive:
        print("tintype ended while it was called", file=sys.stderr)
    return result.returncode if alive else 1


if __name__ == "__main__":
    sys.exit(main())
