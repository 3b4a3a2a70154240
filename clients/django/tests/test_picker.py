"""The picker for editors, on a desktop and on a phone: no raw inputs, nothing that changes while a
finger scrolls, nothing out of line.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.auth import get_user_model
from django.test import Client as Visitor
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.remote.webelement import WebElement

from tests.browser import Browser
from tests.conftest import StartService
from tests.gallery.models import Album, Picture
from tests.service import poll
from tests.test_admin_browser import PHOTOGRAPH, PRESETS, near, open_form, save, write
from tests.test_admin_browser import browser as browser
from tests.test_admin_browser import picture as picture

PHONE, DESK = 390, 1280
HERO = {"hero": {"x": 0.1, "y": 0.2, "width": 0.5, "height": 0.4}}


@pytest.fixture
def with_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    options = site.get_model_admin(Picture)
    monkeypatch.setattr(options, "fields", ("title", "image", "focal", "crops"))


@contextmanager
def screen(browser: Browser, width: int, scheme: str = "light") -> Iterator[None]:
    is_phone = width < 768
    metrics = {"width": width, "height": 1400, "deviceScaleFactor": 1, "mobile": is_phone}
    browser.command("Emulation.setDeviceMetricsOverride", metrics)
    browser.command("Emulation.setTouchEmulationEnabled", {"enabled": is_phone})
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.command("Emulation.setEmulatedMedia", {"features": features})
    try:
        yield
    finally:
        browser.command("Emulation.setEmulatedMedia", {"features": []})
        browser.command("Emulation.setTouchEmulationEnabled", {"enabled": False})
        browser.command("Emulation.clearDeviceMetricsOverride", {})


def box(browser: Browser, element: WebElement) -> dict[str, float]:
    found: dict[str, float] = browser.run(
        "return arguments[0].getBoundingClientRect().toJSON()", element
    )
    return found


def focal(browser: Browser) -> str:
    return browser.one("#id_focal").get_attribute("value") or ""


def test_the_raw_fields_are_out_of_sight_unless_they_are_the_only_way(
    browser: Browser, live_server: LiveServer, picture: Picture, with_cuts: None
) -> None:
    open_form(browser, live_server, picture)
    for name in ("focal", "crops"):
        assert not browser.one(f"#id_{name}").is_displayed()
        assert not browser.one(f"label[for=id_{name}]").is_displayed()
        # Nothing is left of the row, no line and no gap.
        assert box(browser, browser.one(f".field-{name}"))["height"] == 0
    assert "must keep" in browser.one(".tintype-hint").text
    # An error is shown next to its field.
    write(browser, "#id_focal", "nowhere")
    browser.submit(browser.one("input[name=_save]"))
    assert browser.one(".field-focal .errorlist").is_displayed()
    assert browser.one("#id_focal").is_displayed()


def test_without_a_preview_the_text_is_the_way(
    browser: Browser, live_server: LiveServer, picture: Picture
) -> None:
    picture.image.storage.delete(picture.image.name or "")
    browser.open(f"{live_server.url}/admin/gallery/picture/{picture.pk}/change/")
    state = browser.one(".tintype-state")
    poll(state.is_displayed, "it is said that there is no picture")
    assert "cannot be shown" in state.text
    assert browser.one("#id_focal").is_displayed()
    browser.screenshot("picker-gone")
    browser.one("#id_image").send_keys(str(PHOTOGRAPH))
    poll(lambda: not state.is_displayed(), "the chosen file is shown")
    assert not browser.one("#id_focal").is_displayed()
    assert all("404" in complaint for complaint in browser.complaints())


def test_a_file_that_the_browser_cannot_show_is_said(
    browser: Browser, live_server: LiveServer, tmp_path: Any
) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    browser.open(f"{live_server.url}/admin/gallery/picture/add/")
    browser.one("#id_image").send_keys(str(tmp_path / "a.heic"))
    poll(lambda: browser.one(".tintype-state").is_displayed(), "it is said")
    assert "This browser cannot show the file" in browser.one(".tintype-state").text
    assert not browser.one(".tintype-preview").is_displayed()


def test_a_finger_that_scrolls_changes_nothing(
    browser: Browser, live_server: LiveServer, picture: Picture
) -> None:
    with screen(browser, PHONE):
        browser.command(
            "Emulation.setDeviceMetricsOverride",
            {"width": PHONE, "height": 500, "deviceScaleFactor": 1, "mobile": True},
        )
        stage = open_form(browser, live_server, picture)
        write(browser, "#id_focal", "0.1x0.1")
        # Up, down and sideways, over the image and not over the mark.
        for end in [(0.6, 0.1), (0.6, 0.95), (0.95, 0.6), (0.3, 0.6)]:
            browser.swipe(stage, (0.6, 0.6), end)
            assert focal(browser) == "0.1x0.1"
        browser.swipe(stage, (0.6, 0.6), (0.6, 0.6))
        assert near(focal(browser), 0.6, 0.6)


def test_each_gesture_can_be_undone(
    browser: Browser, live_server: LiveServer, picture: Picture
) -> None:
    stage = open_form(browser, live_server, picture)
    undo = browser.one(".tintype-undo")
    assert not undo.is_displayed() and not undo.is_enabled()
    browser.drag(stage, (0.2, 0.2), (0.3, 0.3))
    browser.drag(stage, (0.3, 0.3), (0.8, 0.6))
    assert near(focal(browser), 0.8, 0.6)
    undo.click()
    assert near(focal(browser), 0.3, 0.3)
    browser.one(".tintype-unset").click()
    assert focal(browser) == ""
    undo.click()
    assert near(focal(browser), 0.3, 0.3)
    undo.click()
    assert focal(browser) == "" and not undo.is_enabled()


ON_ONE_EDGE = ("hint", "stage", "tools", "crops", "cuts", "heading", "add")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_everything_is_in_line_and_large_enough(
    browser: Browser,
    live_server: LiveServer,
    picture: Picture,
    with_cuts: None,
    settings: Settings,
    width: int,
    scheme: str,
) -> None:
    label = {"spec": PRESETS["banner"], "label": "Banner of a section"}
    left_out = {"spec": PRESETS["portrait"], "picker": False}
    presets = {**PRESETS, "banner": label, "portrait": left_out}
    settings.TINTYPE = {**settings.TINTYPE, "PRESETS": presets}
    with screen(browser, width, scheme):
        open_form(browser, live_server, picture)
        browser.one(".tintype-new").send_keys("hero")
        browser.one(".tintype-create").click()
        browser.screenshot(f"picker-{width}-{scheme}-cut")
        browser.one(".tintype-done").click()
        write(browser, "#id_focal", "0.66x0.38")
        browser.screenshot(f"picker-{width}-{scheme}")
        left = {name: box(browser, browser.one(f".tintype-{name}"))["left"] for name in ON_ONE_EDGE}
        assert len({round(at) for at in left.values()}) == 1, left
        assert browser.run("return document.documentElement.scrollWidth") <= width
        names = [caption.text for caption in browser.all(".tintype-name")]
        assert names == ["square", "Banner of a section"]
        tiles = [box(browser, tile) for tile in browser.all(".tintype-tile")]
        assert len({(round(t["width"]), round(t["height"])) for t in tiles}) == 1
        assert all(len(shown.text) > 1 for shown in browser.all(".tintype-chip"))
        least = 44 if width == PHONE else 24
        for target in browser.all(".tintype-mark, .tintype-button"):
            if target.is_displayed():
                found = box(browser, target)
                assert min(found["width"], found["height"]) >= least, target.text


def test_named_cuts_are_made_moved_and_removed(
    browser: Browser, live_server: LiveServer, picture: Picture, with_cuts: None
) -> None:
    Picture.objects.filter(pk=picture.pk).update(crops=HERO)
    open_form(browser, live_server, picture)
    [hero] = browser.all(".tintype-chip")
    hero.click()
    assert not browser.one(".tintype-mark").is_displayed()
    whole = box(browser, browser.one(".tintype-picture"))

    def drag(handle: WebElement, across: float, down: float) -> None:
        browser.centre(handle)
        right, below = round(across * whole["width"]), round(down * whole["height"])
        ActionChains(browser.driver, duration=20).click_and_hold(handle).move_by_offset(
            right, below
        ).release().perform()

    drag(browser.one(".tintype-grip"), 0.2, -0.1)
    drag(browser.one("[data-corner='2']"), 0.1, 0.2)
    # Beyond the edge means at the edge.
    drag(browser.one("[data-corner='0']"), -0.9, 0)
    browser.one("[data-corner='0']").send_keys("\ue014")  # an arrow to the right
    browser.one(".tintype-new").send_keys("teaser\n")
    assert [chip.text for chip in browser.all(".tintype-chip")] == ["hero", "teaser"]
    browser.one(".tintype-remove").click()
    assert [chip.text for chip in browser.all(".tintype-chip")] == ["hero"]
    assert browser.one(".tintype-mark").is_displayed()
    save(browser)
    picture.refresh_from_db()
    expected = {"x": 0.01, "y": 0.1, "width": 0.89, "height": 0.6}
    assert picture.crops["hero"] == pytest.approx(expected, abs=0.01)
    assert picture.crops.keys() == {"hero"}


def test_an_upload_by_the_browser_says_that_it_goes_on(
    browser: Browser, live_server: LiveServer, picture: Picture
) -> None:
    open_form(browser, live_server, picture)
    browser.one("#id_image").send_keys(str(PHOTOGRAPH))
    # Keeps the page, as an upload over a slow line would.
    browser.run(
        "addEventListener('submit', (e) => setTimeout(() => e.target.remove, 0));"
        "document.querySelector('#picture_form').target = 'elsewhere';"
        "document.body.append(Object.assign(document.createElement('iframe'),"
        " { name: 'elsewhere', hidden: true }))"
    )
    upload = browser.one(".tintype-upload")
    assert not upload.is_displayed()
    browser.one("input[name=_continue]").click()
    poll(upload.is_displayed, "the upload is told")
    assert "Uploading 122 kB" in upload.text
    assert browser.one(".tintype-progress").is_displayed()
    # Otherwise it would be saved into the database of the next test.
    stored = picture.image.name
    poll(lambda: Picture.objects.get().image.name != stored, "the upload arrives")
    browser.complaints()


def test_inlines_on_a_phone(browser: Browser, live_server: LiveServer, picture: Picture) -> None:
    album = Album.objects.create(title="Mountains")
    Picture.objects.filter(pk=picture.pk).update(album=album)
    with screen(browser, PHONE):
        browser.open(f"{live_server.url}/admin/gallery/album/{album.pk}/change/")
        browser.wait_for_pictures()
        browser.screenshot("picker-inline-phone")
        stage = box(browser, browser.one(".tintype-stage"))
        assert stage["left"] >= 0 and stage["right"] <= PHONE
        # The column of the raw field is gone with its heading.
        assert not browser.one("th.column-focal").is_displayed()
        assert not browser.one("#id_picture_set-0-focal").is_displayed()
        browser.swipe(browser.one(".tintype-stage"), (0.2, 0.3), (0.2, 0.3))
        found = browser.one("#id_picture_set-0-focal").get_attribute("value") or ""
        assert near(found, 0.2, 0.3)


def test_without_a_script_the_fields_are_what_they_were(
    start_service: StartService, client: Visitor, db: None
) -> None:
    start_service()
    client.force_login(get_user_model().objects.create_superuser("editor"))
    html = client.get("/admin/gallery/picture/add/").content.decode()
    assert 'name="focal"' in html and "tintype-hidden" not in html
