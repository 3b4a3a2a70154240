"""Runs every query of the dashboard on a real Prometheus that monitors a real service under load.

Usage: check.py TINTYPE

Every expression must return data: with an unknown metric or label it would return nothing, and its
panel would silently stay empty. Grafana itself is not started; the file is read by the library that
its makers generate from Grafana's own types, and anything unknown to that is an error.
"""

import json
import math
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "deploy/grafana/tintype.json"
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
PHOTO = ROOT.parent / "shared/corpus/photos/Wood.jpg"

PATIENCE_SECONDS = 60
# Long enough for several scrapes within each range.
LOAD_SECONDS = 20
RANGE = "15s"


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def ask(url: str, method: str = "GET", body: bytes | None = None, accept: str = "*/*") -> int:
    headers = {"Authorization": "Bearer dev", "Accept": accept}
    request = urllib.request.Request(url, method=method, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            answer.read()
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def wait_for(url: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if ask(url) == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"{url} never answered")


def load(service: str) -> None:
    """Generates a little load for every panel."""
    photo = PHOTO.read_bytes()
    deadline = time.monotonic() + LOAD_SECONDS
    number = 0
    while time.monotonic() < deadline:
        number += 1
        key = f"photo-{number}.jpg"
        assert ask(f"{service}/api/v1/files/{key}", "PUT", photo) == 201
        for accept in ("image/avif,image/webp", "image/webp", "*/*"):
            for _ in range(3):
                assert ask(f"{service}/t/{key}/w_{100 + number}", accept=accept) == 200
        assert ask(f"{service}/o/{key}") == 200
        assert ask(f"{service}/t/none.jpg/w_100") == 404
        broken = f"broken-{number}.jpg"
        assert ask(f"{service}/api/v1/files/{broken}", "PUT", photo[:400]) == 201
        assert ask(f"{service}/t/{broken}/w_100") == 422
        time.sleep(0.2)


def query(prometheus: str, expression: str) -> list[float]:
    text = (
        expression.replace("$__rate_interval", RANGE)
        .replace("$job", "tintype")
        .replace("$instance", ".*")
    )
    assert "$" not in text, text
    url = f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': text})}"
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
        result = json.load(answer)["data"]["result"]
    return [float(series["value"][1]) for series in result]


def check_expressions(prometheus: str, dashboard: dict[str, Any]) -> int:
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    targets = [(panel["title"], target) for panel in panels for target in panel["targets"]]
    empty = []
    for title, target in targets:
        values = query(prometheus, target["expr"])
        if not any(math.isfinite(value) for value in values):
            empty.append(f"{title}: {target['expr']} returned {values}")
    if empty:
        raise SystemExit("\n".join(empty))
    return len(targets)


def check_alarms(prometheus: str) -> int:
    with urllib.request.urlopen(f"{prometheus}/api/v1/rules", timeout=PATIENCE_SECONDS) as answer:
        groups = json.load(answer)["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    ill = [rule["name"] for rule in rules if rule["health"] != "ok"]
    # A little load on one machine must not fire any of them.
    firing = [rule["name"] for rule in rules if rule["state"] == "firing"]
    if ill or firing:
        raise SystemExit(f"not evaluated: {ill}; firing: {firing}")
    return len(rules)


def lost(said: Any, read: Any, path: str = "") -> list[str]:
    """What is lost when Grafana's types read the file."""
    if isinstance(said, dict) and isinstance(read, dict):
        gone = [f"{path}.{key}" for key in said if key not in read]
        kept = [key for key in said if key in read]
        deeper = [lost(said[key], read[key], f"{path}.{key}") for key in kept]
        return gone + [found for each in deeper for found in each]
    if isinstance(said, list) and isinstance(read, list) and len(said) == len(read):
        pairs = enumerate(zip(said, read, strict=True))
        return [found for n, (a, b) in pairs for found in lost(a, b, f"{path}[{n}]")]
    return [] if said == read else [f"{path}: {said!r} became {read!r}"]


def check_types(dashboard: dict[str, Any]) -> None:
    register_default_plugins()
    read = json.loads(JSONEncoder().encode(Dashboard.from_json(json.loads(DASHBOARD.read_text()))))
    gone = lost(dashboard, read)
    if gone:
        raise SystemExit("Grafana's types do not have\n" + "\n".join(gone))


def main() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    check_types(dashboard)
    bind, admin, port = free_ports(3)
    service, watcher = f"http://127.0.0.1:{bind}", f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
            f"rule_files: [{ALERTS}]\n"
            "scrape_configs:\n"
            "  - job_name: tintype\n"
            f"    static_configs: [{{targets: ['127.0.0.1:{admin}']}}]\n"
        )
        environment = {
            "TINTYPE_BIND": f"127.0.0.1:{bind}",
            "TINTYPE_ADMIN_BIND": f"127.0.0.1:{admin}",
        }
        with (
            open(Path(folder) / "log", "w") as log,
            subprocess.Popen(
                [Path(sys.argv[1]).resolve(), "serve", "--dev"],
                cwd=folder,
                env=environment,
                stdout=log,
                stderr=log,
            ) as tintype,
            subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={config}",
                    f"--storage.tsdb.path={folder}/data",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=log,
                stderr=log,
            ) as prometheus,
        ):
            try:
                wait_for(f"http://127.0.0.1:{admin}/readyz")
                wait_for(f"{watcher}/-/ready")
                load(service)
                expressions = check_expressions(watcher, dashboard)
                alarms = check_alarms(watcher)
            finally:
                for process in (tintype, prometheus):
                    process.send_signal(signal.SIGTERM)
    print(f"{expressions} expressions returned data, {alarms} alarms were evaluated")


main()
