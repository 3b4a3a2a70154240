"""A bucket on an S3 server, for a service whose files are not on a disk."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.service import free_ports, poll


@contextmanager
def started_bucket(folder: Path) -> Iterator[dict[str, str]]:
    """The environment that makes the service keep its files in the bucket."""
    (port,) = free_ports(1)
    at = f"http://127.0.0.1:{port}"
    log = folder / "moto.log"
    moto = Path(__file__).parents[3] / "tests" / "s3_server.py"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, moto, "-H", "127.0.0.1", "-p", str(port)],
            stdout=out,
            stderr=out,
            cwd=folder,
        )

    def takes(path: str) -> bool:
        assert server.poll() is None, log.read_text()
        # moto tells its services apart by this, and checks no signature.
        scope = "AWS4-HMAC-SHA256 Credential=a/20200101/us-east-1/s3/aws4_request"
        request = urllib.request.Request(
            f"{at}/{path}", data=b"", method="PUT", headers={"Authorization": scope}
        )
        try:
            with urllib.request.urlopen(request):
                return True
        except OSError:
            return False

    try:
        poll(lambda: takes("media"), "moto makes a bucket")
        # On a busy machine moto's first object takes so long that the service would give up.
        poll(lambda: takes("media/warm-up"), "moto takes an object")
        yield {
            "TINTYPE_STORE": "s3://media/originals",
            "AWS_ENDPOINT_URL": at,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
        }
    finally:
        server.terminate()
        server.wait()
