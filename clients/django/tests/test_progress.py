"""An editor sees how much of a file has been uploaded, and then that it is being saved.

Everything else is as if the browser had sent the form, which it does itself in any unusual case:
the next page and its messages, the form with its errors, one row and not two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.http import HttpRequest, HttpResponse
from PIL import Image
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.browser import Browser
from tests.gallery.models import Album, Picture
from tests.service import poll
from tests.test_admin_browser import PHOTOGRAPH, write
from tests.test_admin_browser import browser as browser
from tests.test_admin_browser import picture as picture
from tests.wire import wire

SLOW_BYTES_PER_SECOND = 400_000
AT = "return document.querySelector('.tintype-progress').getAttribute('value')"


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """A file that takes some seconds on a slow line: 760 kB that cannot be compressed."""
    path = tmp_path / "noise.png"
    Image.effect_noise((900, 840), 90).save(path)
    return path


@contextmanager
def line(browser: Browser, **conditions: Any) -> Iterator[None]:
    """Network conditions for the browser."""
    usual = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.command("Network.enable", {})
    browser.command("Network.emulateNetworkConditions", {**usual, **conditions})
    try:
        yield
    finally:
        browser.command("Network.emulateNetworkConditions", usual)
        browser.command("Network.disable", {})


def fill_in(browser: Browser, site: str, file: Path) -> None:
    browser.open(f"{site}/admin/gallery/picture/add/")
    browser.one("#id_title").send_keys("Picos de Europa")
    browser.one("#id_image").send_keys(str(file))
    poll(lambda: browser.one(".tintype-picture").is_displayed(), "the file is shown")


def percent(browser: Browser) -> int:
    return int(browser.run(AT) or 0)


def test_percents_rise_while_a_file_is_uploaded(
    browser: Browser, live_server: LiveServer, noise: Path
) -> None:
    fill_in(browser, live_server.url, noise)
    upload = browser.one(".tintype-upload")
    assert not upload.is_displayed()
    page = browser.one("html")
    with line(browser, uploadThroughput=SLOW_BYTES_PER_SECOND):
        browser.one("input[name=_continue]").click()
        first = poll(lambda: percent(browser), "some of it has gone")
        assert f"{first} %" in upload.text or percent(browser) > first
        assert "Uploading" in upload.text and "kB" in upload.text
        assert browser.one(".tintype-cancel").is_displayed()
        browser.screenshot("progress")
        second = poll(lambda: (at := percent(browser)) > first and at, "more of it has gone")
        assert first < second <= 100
        # The button cannot be pressed twice.
        browser.one("input[name=_save]").click()
    poll(lambda: browser.one("html") != page, "the next page comes")
    added = Picture.objects.get()
    assert added.title == "Picos de Europa" and added.width == 900
    # The page that `_continue` leads to, with its message.
    assert browser.driver.current_url.endswith(f"/picture/{added.pk}/change/")
    assert len(browser.all(".messagelist .success")) == 1


def test_a_form_with_mistakes_is_shown_again_and_nothing_is_saved(
    browser: Browser, live_server: LiveServer
) -> None:
    fill_in(browser, live_server.url, PHOTOGRAPH)
    browser.run("document.querySelector('#id_title').removeAttribute('maxlength')")
    write(browser, "#id_title", "x" * 51)
    browser.submit(browser.one("input[name=_save]"))
    assert "at most 50 characters" in browser.one(".errorlist").text
    assert not Picture.objects.exists()
    # The pressed button still counts, and the form can be corrected.
    write(browser, "#id_title", "Picos")
    browser.one("#id_image").send_keys(str(PHOTOGRAPH))
    browser.submit(browser.one("input[name=_addanother]"))
    assert browser.one(".messagelist .success")
    assert browser.driver.current_url.endswith("/picture/add/")
    assert Picture.objects.count() == 1


def test_a_broken_upload_saves_nothing_and_leaves_the_form_as_it_was(
    browser: Browser, live_server: LiveServer, noise: Path
) -> None:
    port = urlsplit(live_server.url).port
    assert port
    with wire(port) as between:
        fill_in(browser, between.url.replace("127.0.0.1", "localhost"), noise)
        upload = browser.one(".tintype-upload")
        with line(browser, uploadThroughput=SLOW_BYTES_PER_SECOND // 4):
            browser.one("input[name=_save]").click()
            poll(lambda: percent(browser), "some of it has gone")
            with between.cut():
                poll(lambda: "interrupted" in upload.text, "the editor is told")
        assert not browser.one(".tintype-progress").is_displayed()
        browser.complaints()  # of the network
        # Django accepts a truncated form as complete.
        assert not Picture.objects.exists()
        # Now by the browser itself.
        browser.submit(browser.one("input[name=_save]"))
        assert browser.one(".messagelist .success")
    assert Picture.objects.get().title == "Picos de Europa"


def test_an_upload_can_be_cancelled(browser: Browser, live_server: LiveServer, noise: Path) -> None:
    fill_in(browser, live_server.url, noise)
    upload = browser.one(".tintype-upload")
    with line(browser, uploadThroughput=SLOW_BYTES_PER_SECOND // 4):
        browser.one("input[name=_save]").click()
        poll(lambda: percent(browser), "some of it has gone")
        browser.one(".tintype-cancel").click()
        poll(lambda: not upload.is_displayed(), "nothing is uploaded any more")
    assert not Picture.objects.exists()
    browser.submit(browser.one("input[name=_save]"))
    assert browser.one(".messagelist .success")
    assert Picture.objects.count() == 1


def without_connections(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: a policy that forbids requests by scripts."""

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Content-Security-Policy"] += "; connect-src 'none'"
        return response

    return respond


def test_where_scripts_may_send_nothing_the_browser_sends_the_form(
    browser: Browser, live_server: LiveServer, settings: Settings
) -> None:
    settings.MIDDLEWARE = [f"{__name__}.without_connections", *settings.MIDDLEWARE]
    fill_in(browser, live_server.url, PHOTOGRAPH)
    browser.submit(browser.one("input[name=_save]"))
    assert browser.one(".messagelist .success")
    assert Picture.objects.count() == 1
    browser.complaints()  # of the policy


def test_an_admin_that_says_nothing_of_it_gets_the_form_from_the_browser(
    browser: Browser, live_server: LiveServer
) -> None:
    """An inline has the picker, on a page of an admin without the mixin."""
    album = Album.objects.create(title="Mountains")
    browser.open(f"{live_server.url}/admin/gallery/album/{album.pk}/change/")
    browser.one(".add-row a").click()
    browser.one("#id_picture_set-0-image").send_keys(str(PHOTOGRAPH))
    assert not browser.all("script[src*='progress.js']")
    browser.submit(browser.one("input[name=_save]"))
    assert len(browser.all(".messagelist .success")) == 1
    assert Picture.objects.count() == 1


def test_a_session_that_has_ended_leads_to_the_login(
    browser: Browser, live_server: LiveServer
) -> None:
    fill_in(browser, live_server.url, PHOTOGRAPH)
    browser.driver.delete_cookie("sessionid")
    browser.one("input[name=_save]").click()
    assert browser.one("#id_password")
    assert "/admin/login/" in browser.driver.current_url
    assert not Picture.objects.exists()
