"""Runs the tests of Django and of packages for images with their files in tintype.

Usage: python -m tests.suites.run [django|wagtail|sorl|easy ...]   (in clients/django)

Each suite gets its own service and folder. Django's and sorl's tests come from their source
distributions, which are fetched once and kept under target/.
"""

from __future__ import annotations

import os
import site
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import django

from tests.service import CHECKOUT, Service

HERE = Path(__file__).resolve().parent
SOURCES = CHECKOUT / "target" / "django-suites"
RELEASE = f"{django.VERSION[0]}.{django.VERSION[1]}"
LABELS = {
    "django": "file_storage model_fields.test_filefield model_fields.test_imagefield file_uploads "
    "files",
    "wagtail": "wagtail.images.tests.test_models wagtail.images.tests.test_rich_text "
    "wagtail.images.tests.test_jinja2 wagtail.images.tests.tests",
    "sorl": "tests",
    "easy": "easy_thumbnails",
}
SORL = "sorl-thumbnail==13.4.0"


def source(requirement: str) -> Path:
    """The unpacked source distribution of a package."""
    folder = SOURCES / requirement.replace("==", "-").replace("sorl-thumbnail", "sorl_thumbnail")
    if folder.exists():
        return folder
    SOURCES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SOURCES) as download:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
        subprocess.run(
            [*pip, "--no-deps", "--no-binary=:all:", f"--dest={download}", requirement], check=True
        )
        (archive,) = Path(download).glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            # As the default is from Python 3.14 on; earlier patch releases know it as well.
            tar.extractall(download, filter="data")
        (unpacked,) = (path for path in Path(download).iterdir() if path.is_dir())
        try:
            unpacked.rename(folder)
        except OSError:
            # The parallel run with the other Python was faster.
            if not folder.exists():
                raise
    return folder


def run(suite: str) -> bool:
    python = [sys.executable, "-W", "ignore"]
    if suite == "django":
        cwd = source(f"django=={django.__version__}") / "tests"
        command = [*python, "runtests.py", "--settings=settings_django", "--parallel=1"]
    else:
        # wagtail's and easy-thumbnails' tests are installed with them, and look for files by
        # relative paths.
        cwd = source(SORL) if suite == "sorl" else Path(site.getsitepackages()[0])
        command = [*python, "-m", "django", "test", f"--settings=settings_{suite}"]
    command += ["--verbosity=0", *LABELS[suite].split()]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "media"
        service = Service(root)
        (root / "tmp").mkdir()
        try:
            return not subprocess.run(
                command,
                cwd=cwd,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(map(str, (cwd, HERE, HERE.parents[1]))),
                    "TINTYPE_SUITE": f"django-{RELEASE}" if suite == "django" else suite,
                    "TINTYPE_URL": service.url,
                    "TINTYPE_ROOT": str(root),
                    "TMPDIR": str(root / "tmp"),
                },
            ).returncode
        finally:
            service.stop()


def main() -> int:
    wrong = [suite for suite in sys.argv[1:] or LABELS if not run(suite)]
    if wrong:
        print(f"wrong: {', '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
