"""PyPI installs the package with all its files, typed, and no tests."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import django_tintype
from django_tintype.api import transport
from tests.service import CHECKOUT

HERE = Path(__file__).resolve().parents[1]


def build(target: str, folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder],
        cwd=HERE,
        check=True,
        capture_output=True,
    )
    (built,) = folder.iterdir()
    return built


def test_the_wheel_has_every_file_of_the_package(tmp_path: Path) -> None:
    wheel = build("wheel", tmp_path)
    licence = f"django_tintype-{django_tintype.__version__}.dist-info/licenses/LICENSE"
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(licence) == (CHECKOUT / "LICENSE").read_bytes()
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        metadata = archive.read(f"django_tintype-{django_tintype.__version__}.dist-info/METADATA")
    here = {
        path.relative_to(HERE).as_posix()
        for path in (HERE / "django_tintype").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == here
    assert "django_tintype/py.typed" in packed
    text = metadata.decode()
    assert re.findall("^Requires-Dist: (.+)$", text, re.M) == ["django>=5.2", "urllib3>=2"]
    assert re.findall("^Requires-Python: (.+)$", text, re.M) == [">=3.10"]
    assert "five minutes" in text.lower(), "the README is shown on PyPI"


def test_the_sdist_has_what_the_wheel_is_made_of_and_the_pages(tmp_path: Path) -> None:
    sdist = build("sdist", tmp_path)
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    # Hatchling adds the first itself.
    assert {name for name in names if not name.startswith("django_tintype/")} == {
        ".gitignore",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "pyproject.toml",
        "signing-and-uploading.md",
    }


def test_the_service_is_told_the_version() -> None:
    assert f"django-tintype/{django_tintype.__version__}" == transport._USER_AGENT
