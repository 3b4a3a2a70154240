"""Django's admin in Chromium, with the real service and a policy that allows nothing inline.

An editor sees the picture, moves the focal point by mouse, finger or keyboard, sees at once what
the presets will show, and gets exactly that from the service after saving.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.test import Client as Visitor
from PIL import Image, ImageChops, ImageStat
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from django_tintype import url
from django_tintype.api.client import client
from tests.browser import Browser
from tests.conftest import StartService
from tests.gallery.models import Album, Picture
from tests.service import poll

PHOTOGRAPH = Path(__file__).parent / "fixtures" / "picos-de-europa.jpg"
PRESETS = {
    "square": "w_300~h_300~fit_cover",
    "banner": "w_600~h_150~fit_cover",
    "portrait": "w_200~h_300~fit_cover",
    # Not for the picker: nothing is cropped, or not at the focal point.
    "small": "w_100",
    "north": "w_300~h_100~fit_cover~g_n",
}


@pytest.fixture
def browser(
    chromium: Browser, live_server: LiveServer, start_service: StartService, settings: Settings
) -> Iterator[Browser]:
    """A logged-in browser. No test may leave anything in the console."""
    lines = [f"{name} = '{spec}'" for name, spec in PRESETS.items()]
    start_service({"TINTYPE_CONFIG_INLINE": "\n".join(["[presets]", *lines])}, PRESETS=PRESETS)
    settings.ROOT_URLCONF = "tests.browser_urls"
    settings.MIDDLEWARE = ["tests.browser.strict_policy", *settings.MIDDLEWARE]
    visitor = Visitor()
    visitor.force_login(get_user_model().objects.create_superuser("editor"))
    chromium.open(f"{live_server.url}/admin/login/")
    session = {"name": "sessionid", "value": visitor.cookies["sessionid"].value}
    chromium.driver.add_cookie(session)
    chromium.complaints()
    yield chromium
    assert chromium.complaints() == []
    chromium.driver.delete_all_cookies()


@pytest.fixture
def picture(browser: Browser) -> Picture:
    """Requested after the browser's service has started."""
    image = ContentFile(PHOTOGRAPH.read_bytes(), "picos.jpg")
    created: Picture = Picture.objects.create(title="Picos de Europa", image=image)
    return created


def open_form(browser: Browser, live_server: LiveServer, picture: Picture) -> WebElement:
    """The stage of the picker."""
    browser.open(f"{live_server.url}/admin/gallery/picture/{picture.pk}/change/")
    browser.wait_for_pictures()
    return browser.one(".tintype-stage")


def write(browser: Browser, selector: str, text: str) -> None:
    """Into a field that may be out of sight, as a script of the page would."""
    script = """
        const input = document.querySelector(arguments[0]);
        input.value = arguments[1];
        input.dispatchEvent(new Event("input", { bubbles: true }));
    """
    browser.run(script, selector, text)


def save(browser: Browser) -> None:
    browser.submit(browser.one("input[name=_save]"))
    assert browser.one(".messagelist .success")


def delivered(picture: Picture, preset: str) -> Image.Image:
    """The image that visitors of the site get."""
    picture.refresh_from_db()
    address = url(picture.image.tintype, f"{preset}~f_png")
    with urllib.request.urlopen(address, timeout=30) as answer:
        return Image.open(answer).convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean over all pixels and channels, 0 to 255."""
    delta = ImageChops.difference(one.resize((64, 64)), other.resize((64, 64)))
    return sum(ImageStat.Stat(delta).mean) / 3


def near(text: str, x: float, y: float) -> bool:
    """Within the precision of a pointer."""
    found_x, found_y = map(float, text.split("x"))
    return abs(found_x - x) < 0.01 and abs(found_y - y) < 0.01


def test_from_the_upload_to_another_crop(browser: Browser, live_server: LiveServer) -> None:
    browser.open(f"{live_server.url}/admin/gallery/picture/add/")
    browser.one("#id_title").send_keys("Picos de Europa")
    assert not browser.one(".tintype-preview").is_displayed()
    browser.one("#id_image").send_keys(str(PHOTOGRAPH))
    # The picture is there before it is uploaded.
    browser.wait_for_pictures()
    assert browser.one(".tintype-picture").is_displayed()
    browser.screenshot("add")
    browser.submit(browser.one("input[name=_continue]"))

    picture = Picture.objects.get()
    before = delivered(picture, "square")
    stage = browser.one(".tintype-stage")
    browser.wait_for_pictures()
    browser.drag(stage, (0.5, 0.5), (0.05, 0.4))
    browser.screenshot("change-light")
    save(browser)

    after = delivered(picture, "square")
    assert near(picture.focal, 0.05, 0.4)
    record = client().record(picture.image.name or "")
    assert record.focal_point and near("{}x{}".format(*record.focal_point), 0.05, 0.4)
    assert record.version == picture.version
    assert difference(before, after) > 20
    # The left edge of the original, and nothing else.
    whole = Image.open(PHOTOGRAPH).convert("RGB")
    assert difference(after, whole.crop((0, 0, 600, 600))) < 4


@pytest.mark.parametrize("pointer", ["mouse", "finger-on-mark", "tap"])
def test_a_pointer_moves_the_focal_point(
    browser: Browser, live_server: LiveServer, picture: Picture, pointer: str
) -> None:
    stage = open_form(browser, live_server, picture)
    browser.centre(stage)
    scrolled = browser.run("return scrollY")
    if pointer == "mouse":
        browser.drag(stage, (0.2, 0.2), (0.9, 0.3))
    else:
        browser.command("Emulation.setTouchEmulationEnabled", {"enabled": True})
        start = (0.5, 0.5) if pointer == "finger-on-mark" else (0.9, 0.3)
        browser.swipe(stage, start, (0.9, 0.3))
        browser.command("Emulation.setTouchEmulationEnabled", {"enabled": False})
    assert near(browser.one("#id_focal").get_attribute("value") or "", 0.9, 0.3)
    assert browser.run("return scrollY") == scrolled
    save(browser)
    picture.refresh_from_db()
    assert near(picture.focal, 0.9, 0.3)


def test_out_of_the_picture_is_its_edge(
    browser: Browser, live_server: LiveServer, picture: Picture
) -> None:
    stage = open_form(browser, live_server, picture)
    browser.drag(stage, (0.5, 0.5), (1.2, 0.5))
    assert (browser.one("#id_focal").get_attribute("value") or "").startswith("1x0.")


KEYS = [
    ([Keys.ARROW_RIGHT], "0.51x0.5"),
    ([Keys.ARROW_LEFT, Keys.ARROW_UP], "0.49x0.49"),
    ([Keys.SHIFT + Keys.ARROW_DOWN], "0.5x0.6"),
    ([Keys.SHIFT + Keys.ARROW_LEFT] * 7, "0x0.5"),
    ([Keys.ARROW_RIGHT, Keys.HOME], "0.5x0.5"),
    ([Keys.ARROW_RIGHT, Keys.DELETE], ""),
]


def test_the_keyboard_moves_the_focal_point(
    browser: Browser, live_server: LiveServer, picture: Picture
) -> None:
    open_form(browser, live_server, picture)
    mark = browser.one(".tintype-mark")
    for keys, expected in KEYS:
        browser.run("arguments[0].focus()", mark)
        mark.send_keys(Keys.DELETE)
        for key in keys:
            mark.send_keys(key)
        assert browser.one("#id_focal").get_attribute("value") == expected
    # Reached by Tab, and seen to have the focus.
    browser.one("#id_title").click()
    for _ in range(10):
        ActionChains(browser.driver).send_keys(Keys.TAB).perform()
        if browser.run("return document.activeElement.className") == "tintype-mark is-unset":
            break
    assert browser.driver.switch_to.active_element == mark
    assert mark.value_of_css_property("outline-style") == "solid"
    mark.send_keys(Keys.SHIFT + Keys.ARROW_LEFT)
    save(browser)
    picture.refresh_from_db()
    assert picture.focal == "0.4x0.5"


def test_the_picker_says_what_it_does(
    browser: Browser, live_server: LiveServer, picture: Picture
) -> None:
    open_form(browser, live_server, picture)
    mark, text = browser.one(".tintype-mark"), browser.one(".tintype-text")
    assert (mark.aria_role, mark.accessible_name) == ("slider", "Focal point")
    assert browser.one(".tintype-tools").text == "Focal point: not set, the centre is kept"
    # So that "10 % from the left" stays in order where the page is written from right to left.
    assert text.get_attribute("dir") == "auto"
    assert text.get_attribute("aria-live") == "polite"
    assert text.text == "not set, the centre is kept"
    # Other scripts may write to the field, and the picker follows.
    write(browser, "#id_focal", "0.25x0.75")
    said = "25 % from the left, 75 % from the top"
    assert text.text == mark.get_attribute("aria-valuetext") == said
    assert mark.get_attribute("aria-valuenow") == "25"
    assert text.get_attribute("aria-live") == "polite"
    # The focused element is read out anyway, and must not be read twice.
    browser.one(".tintype-unset").click()
    assert browser.one("#id_focal").get_attribute("value") == ""
    assert browser.driver.switch_to.active_element == mark
    assert text.get_attribute("aria-live") == "off"


def test_previews_are_what_the_service_delivers(
    browser: Browser, live_server: LiveServer, picture: Picture
) -> None:
    stage = open_form(browser, live_server, picture)
    names = [caption.text for caption in browser.all(".tintype-name")]
    assert names == ["square", "banner", "portrait"]
    for at in [(0.1, 0.9), (0.9, 0.3)]:
        browser.drag(stage, (0.5, 0.5), at)
        shown = {
            name: browser.picture_of(frame)
            for name, frame in zip(names, browser.all(".tintype-frame"), strict=True)
        }
        browser.submit(browser.one("input[name=_continue]"))
        browser.wait_for_pictures()
        stage = browser.one(".tintype-stage")
        for name, preview in shown.items():
            width, height = preview.size
            expected = delivered(picture, name)
            assert abs(width / height - expected.width / expected.height) < 0.05
            # Corners are rounded, and the browser scales images in its own way.
            assert difference(preview, expected) < 8, name


def test_another_file_is_shown_and_starts_without_a_focal_point(
    browser: Browser, live_server: LiveServer, picture: Picture, tmp_path: Path
) -> None:
    Image.new("RGB", (300, 600), "#c02040").save(tmp_path / "red.png")
    stage = open_form(browser, live_server, picture)
    browser.drag(stage, (0.5, 0.5), (0.9, 0.9))
    browser.one("#id_image").send_keys(str(tmp_path / "red.png"))
    shown = browser.one(".tintype-picture")
    ratio = "return arguments[0].naturalHeight / arguments[0].naturalWidth"
    poll(lambda: browser.run(ratio, shown) == 2, "the chosen file is shown")
    assert browser.one("#id_focal").get_attribute("value") == ""
    browser.drag(stage, (0.5, 0.5), (0.5, 0.1))
    save(browser)
    picture.refresh_from_db()
    assert near(picture.focal, 0.5, 0.1) and picture.height == 600
    assert delivered(picture, "square").getpixel((150, 150)) == (192, 32, 64)


def test_a_focal_point_outlives_a_mistake_elsewhere_in_the_form(
    browser: Browser, live_server: LiveServer
) -> None:
    """Browsers forget the file then, and it is chosen again."""
    browser.open(f"{live_server.url}/admin/gallery/picture/add/")
    browser.run("document.querySelector('#id_title').removeAttribute('maxlength')")
    browser.one("#id_title").send_keys("x" * 51)
    browser.one("#id_image").send_keys(str(PHOTOGRAPH))
    browser.wait_for_pictures()
    browser.drag(browser.one(".tintype-stage"), (0.5, 0.5), (0.1, 0.2))
    chosen = browser.one("#id_focal").get_attribute("value") or ""
    browser.submit(browser.one("input[name=_save]"))
    assert browser.one(".errorlist")
    browser.one("#id_image").send_keys(str(PHOTOGRAPH))
    poll(lambda: browser.one(".tintype-picture").is_displayed(), "the file is shown again")
    assert near(chosen, 0.1, 0.2)
    assert browser.one("#id_focal").get_attribute("value") == chosen


def test_the_picker_says_what_the_form_says_after_going_back_and_after_a_reset(
    browser: Browser, live_server: LiveServer, picture: Picture, tmp_path: Path
) -> None:
    def said() -> list[object]:
        script = """
            const [focal, text, shown] = ["#id_focal", ".tintype-text", ".tintype-picture"].map(
                (selector) => document.querySelector(selector)
            );
            return [focal.value, text.textContent, shown.naturalHeight / shown.naturalWidth];
        """
        found: list[object] = browser.run(script)
        return found

    Image.new("RGB", (300, 600), "#c02040").save(tmp_path / "red.png")
    open_form(browser, live_server, picture)
    page = browser.driver.current_url
    before = said()
    browser.one("#id_image").send_keys(str(tmp_path / "red.png"))
    poll(lambda: said()[2] == 2, "the chosen file is shown")
    write(browser, "#id_focal", "0.2x0.3")
    changed = ["0.2x0.3", "20 % from the left, 30 % from the top", 2]
    assert said() == changed
    browser.open(f"{live_server.url}/admin/")
    browser.back(page)
    poll(lambda: said() == changed, "the picker says what the form says")
    browser.run("document.querySelector('#id_focal').form.reset()")
    poll(lambda: said() == before, "what is stored is shown again")


def test_what_is_transparent_is_shown_so(
    browser: Browser, live_server: LiveServer, tmp_path: Path
) -> None:
    Image.new("RGBA", (40, 30), "#ffffff00").save(tmp_path / "clear.webp")
    browser.open(f"{live_server.url}/admin/gallery/picture/add/")
    browser.one("#id_image").send_keys(str(tmp_path / "clear.webp"))
    picture = browser.one(".tintype-picture")
    poll(picture.is_displayed, "the chosen file is shown")
    browser.wait_for_pictures()
    alpha = """
        const context = document.createElement("canvas").getContext("2d");
        context.drawImage(arguments[0], 0, 0);
        return context.getImageData(10, 10, 1, 1).data[3];
    """
    assert browser.run(alpha, picture) == 0


def test_a_picture_that_cannot_be_loaded_is_not_shown(
    browser: Browser, live_server: LiveServer, picture: Picture
) -> None:
    picture.image.storage.delete(picture.image.name or "")
    browser.open(f"{live_server.url}/admin/gallery/picture/{picture.pk}/change/")
    preview = browser.one(".tintype-preview")
    poll(lambda: not preview.is_displayed(), "the preview goes")
    assert browser.one(".file-upload a").is_displayed()
    # A file that can be shown brings it back.
    browser.one("#id_image").send_keys(str(PHOTOGRAPH))
    poll(preview.is_displayed, "the preview comes back")
    assert all("404" in complaint for complaint in browser.complaints())


def test_a_row_that_was_added_to_a_formset_has_a_picker_of_its_own(
    browser: Browser, live_server: LiveServer, picture: Picture
) -> None:
    album = Album.objects.create(title="Mountains")
    Picture.objects.filter(pk=picture.pk).update(album=album)
    browser.open(f"{live_server.url}/admin/gallery/album/{album.pk}/change/")
    browser.one(".add-row a").click()
    browser.one("#id_picture_set-1-image").send_keys(str(PHOTOGRAPH))
    browser.wait_for_pictures()
    first, second = browser.all(".dynamic-picture_set .tintype-stage")
    browser.drag(second, (0.5, 0.5), (0.1, 0.2))
    browser.drag(first, (0.5, 0.5), (0.8, 0.8))
    browser.screenshot("inline")
    save(browser)
    added = Picture.objects.exclude(pk=picture.pk).get()
    picture.refresh_from_db()
    assert near(added.focal, 0.1, 0.2)
    assert near(picture.focal, 0.8, 0.8)
    assert client().record(added.image.name or "").focal_point


def test_a_form_without_the_focal_point_shows_the_picture_alone(
    browser: Browser, live_server: LiveServer, picture: Picture
) -> None:
    open_form(browser, live_server, picture)
    browser.run("document.querySelector('#id_focal').readOnly = true")
    browser.run("document.querySelector('tintype-focal').show()")
    assert browser.one(".tintype-picture").is_displayed()
    assert not browser.one(".tintype-mark").is_displayed()


def test_the_list_shows_pictures(
    browser: Browser, live_server: LiveServer, picture: Picture
) -> None:
    Picture.objects.create(title="without")
    browser.open(f"{live_server.url}/admin/gallery/picture/")
    image = browser.one("#result_list img")
    assert len(browser.all("#result_list tbody tr")) == 2
    assert len(browser.all("#result_list img")) == 1
    natural = "return arguments[0].complete && arguments[0].naturalWidth"
    poll(lambda: browser.run(natural, image) in (80, 160), "the thumbnail is loaded")
    browser.screenshot("list")


@pytest.mark.parametrize("width", [1200, 360])
def test_the_controls_are_large_enough_wherever_they_are(
    browser: Browser, live_server: LiveServer, picture: Picture, width: int
) -> None:
    screen = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.command("Emulation.setDeviceMetricsOverride", screen)
    open_form(browser, live_server, picture)
    is_reached = """
        const box = arguments[0].getBoundingClientRect();
        const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
        return [[-9, -9], [9, -9], [9, 9], [-9, 9]].every(
            ([right, down]) => document.elementFromPoint(x + right, y + down) === arguments[0]
        );
    """
    mark = browser.one(".tintype-mark")
    reached = []
    for corner in ("0x0", "1x0", "1x1", "0x1"):
        write(browser, "#id_focal", corner)
        browser.centre(mark)
        if browser.run(is_reached, mark):
            reached.append(corner)
    height = browser.one(".tintype-unset").size["height"]
    browser.command("Emulation.clearDeviceMetricsOverride", {})
    assert reached == ["0x0", "1x0", "1x1", "0x1"]
    assert height >= (44 if width < 768 else 24)


def test_forced_colours_leave_the_mark_as_it_is(
    browser: Browser, live_server: LiveServer, picture: Picture
) -> None:
    """A black mark would be invisible on a dark image."""
    features = [{"name": "forced-colors", "value": "active"}]
    browser.command("Emulation.setEmulatedMedia", {"features": features})
    open_form(browser, live_server, picture)
    mark = browser.one(".tintype-mark")
    mark.click()
    browser.screenshot("forced-colours")
    colours = [
        browser.run(f"return getComputedStyle(arguments[0]).{style}", mark)
        for style in ("borderTopColor", "outlineColor", "boxShadow")
    ]
    browser.command("Emulation.setEmulatedMedia", {"features": []})
    assert colours[:2] == ["rgb(255, 255, 255)"] * 2, "the ring, and around it that of the focus"
    assert colours[2] != "none"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_mark_is_seen_in_light_and_in_dark(
    browser: Browser, live_server: LiveServer, picture: Picture, scheme: str
) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.command("Emulation.setEmulatedMedia", {"features": features})
    open_form(browser, live_server, picture)
    write(browser, "#id_focal", "0.66x0.38")
    browser.run("document.querySelector('.tintype-mark').focus()")
    browser.screenshot(f"change-{scheme}")
    colour = browser.run("return getComputedStyle(document.querySelector('.tintype-unset')).color")
    page = browser.run("return getComputedStyle(document.body).backgroundColor")
    browser.command("Emulation.setEmulatedMedia", {"features": []})
    lightness = [sum(map(int, c.strip("rgba()").split(",")[:3])) / 3 for c in (colour, page)]
    assert abs(lightness[0] - lightness[1]) > 100
    assert (lightness[1] < 100) == (scheme == "dark")
