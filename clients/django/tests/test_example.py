"""The example site starts with one command, on SQLite and on PostgreSQL, and does what it shows."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser import Browser
from tests.postgres import postgres
from tests.service import Service, free_ports, poll

PACKAGE = Path(__file__).parents[1]
PHOTOGRAPH = PACKAGE / "tests" / "fixtures" / "picos-de-europa.jpg"


@contextmanager
def demo(service: Service, database: Mapping[str, str], log: Path) -> Iterator[str]:
    """The URL of the running site."""
    site = f"127.0.0.1:{free_ports(1)[0]}"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE), "TINTYPE_URL": service.url}
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "demo", "--bind", site, "--noreload"],
            cwd=PACKAGE / "example",
            env={**env, **database},
            stdout=out,
            stderr=subprocess.STDOUT,
        )

    def is_there() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"http://{site}/", timeout=5):
                return True
        except urllib.error.HTTPError as error:
            raise AssertionError(log.read_text()) from error
        except OSError:
            return False

    try:
        poll(is_there, "the site is there")
        yield f"http://{site}"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("database", ["SQLite", "PostgreSQL"])
def test_upload_look_move_look_again(
    fresh_service: Service, chromium: Browser, tmp_path: Path, database: str
) -> None:
    if database == "SQLite":
        visit(chromium, fresh_service, {"EXAMPLE_SQLITE": str(tmp_path / "db.sqlite3")}, tmp_path)
    else:
        with postgres() as variables:
            visit(chromium, fresh_service, variables, tmp_path)


def visit(browser: Browser, service: Service, database: Mapping[str, str], folder: Path) -> None:
    browser.complaints()
    with demo(service, database, folder / "demo.log") as site:
        browser.open(f"{site}/upload/")
        browser.one("#id_title").send_keys("Picos de Europa")
        browser.one("#id_image").send_keys(str(PHOTOGRAPH))
        stage = browser.one(".tintype-stage")
        poll(stage.is_displayed, "the photograph is shown before it is uploaded")
        browser.wait_for_pictures()
        browser.drag(stage, (0.5, 0.5), (0.9, 0.4))
        browser.screenshot("example-upload")
        browser.submit(browser.one("main button[type=submit]"))

        assert browser.one("h1").text == "Picos de Europa"
        browser.wait_for_pictures()
        browser.screenshot("example-detail")
        square = browser.all(".cuts img")[0].get_attribute("src")
        assert square and "w_480~h_480" in square

        browser.open(f"{site}/")
        picture = browser.one(".gallery img")
        loaded = "return arguments[0].complete && arguments[0].naturalWidth > 0"
        poll(lambda: browser.run(loaded, picture), "the gallery shows the picture")
        assert (picture.size["width"] / picture.size["height"]) == pytest.approx(4 / 3, abs=0.02)
        browser.screenshot("example-gallery")

        browser.open(f"{site}/admin/photos/photo/1/change/")
        browser.one("#id_username").send_keys("admin")
        browser.one("#id_password").send_keys("admin")
        browser.submit(browser.one("input[type=submit]"))
        browser.wait_for_pictures()
        browser.drag(browser.one(".tintype-stage"), (0.9, 0.4), (0.1, 0.4))
        browser.submit(browser.one("input[name=_save]"))

        # Another version has another URL, so that no cache shows the old crop.
        browser.open(f"{site}/photos/1/")
        assert browser.all(".cuts img")[0].get_attribute("src") != square
        assert browser.complaints() == []
        browser.driver.delete_all_cookies()
    patches = [line for line in service.requests() if line["method"] == "PATCH"]
    uploads = [line for line in service.requests() if line["method"] == "PUT"]
    assert (len(uploads), len(patches)) == (1, 1)


def test_without_the_service_the_command_says_what_to_start(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "demo"],
        cwd=PACKAGE / "example",
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PACKAGE),
            "TINTYPE_URL": f"http://127.0.0.1:{free_ports(1)[0]}",
            "EXAMPLE_SQLITE": str(tmp_path / "db.sqlite3"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "start it with `tintype serve --dev`" in done.stderr


def test_its_migrations_are_those_of_its_models(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
        cwd=PACKAGE / "example",
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PACKAGE),
            "EXAMPLE_SQLITE": str(tmp_path / "db.sqlite3"),
        },
        check=True,
        stdout=subprocess.DEVNULL,
    )
