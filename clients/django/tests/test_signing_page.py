"""The code of signing-and-uploading.md runs unchanged on Python 3 and, if installed, on Python 2.7:
it signs as the service does, and its uploads arrive.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import StartService
from tests.test_vectors import cases

PAGE = Path(__file__).resolve().parents[1] / "signing-and-uploading.md"
KEY = "0123456789abcdef0123456789abcdef"


def interpreters() -> list[str]:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    old = [*map(str, pyenv.glob("2.7.*/bin/python2.7")), shutil.which("python2.7")]
    return [sys.executable, *[path for path in old if path and runs(path)][:1]]


def runs(interpreter: str) -> bool:
    """A version manager's shim may be on the path and not run."""
    return subprocess.run([interpreter, "-c", ""], capture_output=True).returncode == 0


def blocks() -> list[str]:
    found = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    assert len(found) == 2
    return found


def version(interpreter: str) -> str:
    return Path(interpreter).name


def run(interpreter: str, script: Path, *arguments: object) -> str:
    done = subprocess.run(
        [interpreter, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        cwd=script.parent,
        env={"PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("interpreter", interpreters(), ids=version)
def test_signatures(interpreter: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        blocks()[0]
        + """
import io, sys
cases = json.load(io.open(sys.argv[1], encoding="utf-8"))
print(json.dumps([signed_path(c["signing_key"], c["key"], c["spec"]) for c in cases]))
""",
        "utf-8",
    )
    vectors = cases("signatures.json", "cases", 15)
    (tmp_path / "cases.json").write_text(json.dumps(vectors, ensure_ascii=False), "utf-8")
    made = json.loads(run(interpreter, script, "cases.json"))
    assert made == [case["path"] for case in vectors]


@pytest.mark.parametrize("interpreter", interpreters(), ids=version)
def test_upload_and_show(interpreter: str, start_service: StartService, tmp_path: Path) -> None:
    service = start_service({"TINTYPE_SIGNING_KEYS": KEY, "TINTYPE_UNSIGNED": "none"})
    Image.new("RGB", (900, 700), "teal").save(tmp_path / "lion.jpg")
    code, example = blocks()
    script = tmp_path / "script.py"
    example = example.replace("http://127.0.0.1:8080", service.url)
    script.write_text(f'{code}\nSIGNING_KEY = "{KEY}"\n{example}', "utf-8")
    first, second = run(interpreter, script).strip(), run(interpreter, script).strip()
    assert first.startswith(f"{service.url}/t/photos/l%C3%B6we.jpg/w_640~h_480~fit_cover~sig_")
    assert re.search("/l%C3%B6we_[A-Za-z0-9]{7}.jpg/", second)  # the name was taken
    for address in (first, second):
        with urllib.request.urlopen(address) as answer:
            assert answer.url == address
            assert Image.open(answer).size == (640, 480)
    original = (tmp_path / "lion.jpg").read_bytes()
    assert (service.root / "photos" / "löwe.jpg").read_bytes() == original
