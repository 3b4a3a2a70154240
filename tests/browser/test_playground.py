"""The playground: a visitor drops a photograph, sets its focal point, requests an image by typing
or with controls, reads why something is refused, and copies the URL or the template tag of exactly
what they saw.
"""

import base64
import io
import json
import re
import urllib.request
from collections.abc import Callable

import pytest
from conftest import DESK, PHONE, PHOTOGRAPH, screen
from django.template import engines
from django.test import override_settings
from PIL import Image
from selenium.webdriver.common.keys import Keys

from tests.browser import Browser
from tests.service import Service, poll

KEY = "playground/picos-de-europa.jpg"


def asked(service: Service, path: str) -> dict:
    request = urllib.request.Request(
        f"{service.url}/api/v1/{path}", headers={"Authorization": "Bearer dev"}
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def keys(service: Service) -> list[str]:
    return [file["key"] for file in asked(service, "list?prefix=playground/")["files"]]


def open_bench(browser: Browser, service: Service) -> None:
    browser.open(service.url)
    browser.run("sessionStorage.clear()")
    browser.open(f"{service.url}/?fresh")
    browser.one("#file").send_keys(str(PHOTOGRAPH))
    poll(lambda: browser.one("#facts").text, "the first picture is there")


def write(browser: Browser, selector: str, text: str) -> None:
    field = browser.one(selector)
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(text)


def settle(browser: Browser) -> None:
    """Waits until the response to the controls is shown."""
    browser.run("return new Promise(done => setTimeout(done, 250))")
    poll(lambda: browser.one("#result").get_attribute("aria-busy") == "false", "it is answered")


def press(browser: Browser, selector: str) -> None:
    button = browser.one(selector)
    # Not covered by the page header.
    browser.centre(button)
    button.click()


def copied(browser: Browser, what: str) -> str:
    press(browser, f"[data-copies={what}]")
    poll(lambda: browser.one(f"[data-copies={what}]").text == "Copied", "it is copied")
    return browser.run("return navigator.clipboard.readText()")


def rendered(template: str) -> str:
    return engines["django"].from_string(template).render({})


def size(address: str) -> tuple[int, int]:
    with urllib.request.urlopen(address) as answer:
        return Image.open(io.BytesIO(answer.read())).size


@pytest.mark.parametrize(("width", "scheme"), [(DESK, "light"), (PHONE, "dark")])
def test_the_whole_way(browser: Browser, service: Service, width: int, scheme: str) -> None:
    permissions = {
        "origin": service.url,
        "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"],
    }
    browser.command("Browser.grantPermissions", permissions)
    with screen(browser, width, scheme):
        open_bench(browser, service)
        assert keys(service) == [KEY]
        assert browser.run("return document.documentElement.scrollWidth") <= width

        # The focal point, by a click and by a key.
        frame = browser.one("#frame")
        browser.drag(frame, (0.8, 0.25), (0.8, 0.25))
        focal = lambda: asked(service, f"records/{KEY}")["focal_point"] or {"x": 0, "y": 0}  # noqa: E731
        poll(
            lambda: abs(focal()["x"] - 0.8) < 0.01 and abs(focal()["y"] - 0.25) < 0.01, "it is kept"
        )
        browser.one("#mark").send_keys(Keys.ARROW_LEFT)
        poll(lambda: abs(focal()["x"] - 0.79) < 0.011, "a key moves it")

        # With controls and by typing; each follows the other.
        write(browser, "#try-w", "300")
        write(browser, "#try-h", "300")
        settle(browser)
        assert browser.one("#spec").get_attribute("value") == "w_300~h_300~fit_cover"
        assert "300 \u00d7 300" in browser.one("#facts").text
        write(browser, "#spec", "f_webp~h_150~w_200~q_60~fit_pad~bg_663399")
        settle(browser)
        assert browser.one("#try-q").get_attribute("value") == "60"
        assert "image/webp" in browser.one("#facts").text
        assert "w_200~h_150~fit_pad~q_60~f_webp~bg_663399" in browser.one("#spelling").text
        browser.screenshot(f"playground-{width}-{scheme}")
        browser.centre(browser.one("#copies"))
        browser.screenshot(f"playground-{width}-{scheme}-copies")

        # The copied URL shows the same image.
        address = copied(browser, "copy-url")
        assert address == f"{service.url}/t/{KEY}/w_200~h_150~fit_pad~q_60~f_webp~bg_663399"
        assert size(address) == (200, 150)
        with override_settings(
            TINTYPE={"TOKEN": "dev", "PUBLIC_URL": service.url, "URL": service.url}
        ):
            assert rendered(copied(browser, "copy-tag")) == address
            tag = rendered(copied(browser, "copy-img"))
        assert re.search(r'src="([^"]+)"', tag)[1] == address
        assert browser.complaints() == []

        # A refusal is shown in the service's words, with a link to the remedy.
        write(browser, "#try-w", "9000")
        settle(browser)
        problem = browser.one("#problem")
        assert problem.is_displayed() and not browser.one("#copies").is_displayed()
        assert "w: must be a whole number from 1 to 8192" in problem.text
        browser.centre(problem)
        browser.screenshot(f"playground-{width}-{scheme}-refused")
        assert browser.all(problem.find_element("tag name", "a").get_attribute("hash"))
        assert all("400" in complaint for complaint in browser.complaints())

        # A reload loses nothing; the same file twice is one original; a removed file is gone.
        write(browser, "#try-w", "320")
        settle(browser)
        browser.driver.refresh()
        poll(lambda: browser.one("#facts").text, "it is there again")
        assert browser.one("#try-w").get_attribute("value") == "320"
        browser.one("#file").send_keys(str(PHOTOGRAPH))
        settle(browser)
        assert keys(service) == [KEY]
        press(browser, "#remove")
        poll(lambda: not browser.one("#bench").is_displayed(), "it is gone")
        assert keys(service) == []
    assert browser.complaints() == []


def test_who_has_no_photograph_takes_a_drawn_one(browser: Browser, service: Service) -> None:
    with screen(browser, DESK):
        browser.open(service.url)
        browser.one("#drawn").click()
        poll(lambda: browser.one("#facts").text, "it is shown")
        assert keys(service) == ["playground/drawn.jpg"]
    assert browser.complaints() == []


DROP = """
const bytes = Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0));
const dataTransfer = new DataTransfer();
dataTransfer.items.add(new File([bytes], "dropped.jpg"));
const place = document.querySelector("#pick");
place.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
"""


def test_a_photograph_is_dropped(browser: Browser, service: Service) -> None:
    browser.open(service.url)
    browser.run(DROP, base64.b64encode(PHOTOGRAPH.read_bytes()).decode())
    poll(lambda: browser.one("#facts").text, "it is shown")
    assert keys(service) == ["playground/dropped.jpg"]


def test_what_is_no_picture_is_said(browser: Browser, service: Service, tmp_path) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    browser.open(service.url)
    browser.one("#file").send_keys(str(tmp_path / "a.heic"))
    refused = browser.one("#refused")
    poll(refused.is_displayed, "it is said")
    assert "not" in refused.text and "corrupt-image" in refused.text


def test_a_service_with_tokens_of_its_own_asks_for_one(
    browser: Browser, start: Callable[..., Service]
) -> None:
    # The hash of "secret-of-the-tests", which is nobody's token.
    tokens = (
        "site:d5a1bf1f5d8cd7a5f3b5ed1b4a4d0e0b36f0b0fbd20b5ab2c2a5a8b40e10bb14:read+write+delete"
    )
    service = start(TINTYPE_TOKENS=tokens)
    browser.open(service.url)
    form = browser.one("#token-form")
    assert form.is_displayed()
    write(browser, "#token", "tt_site_wrong")
    form.find_element("tag name", "button").click()
    browser.one("#file").send_keys(str(PHOTOGRAPH))
    refused = browser.one("#refused")
    poll(refused.is_displayed, "it is refused")
    assert "token-invalid" in refused.text and form.is_displayed()
    browser.run("sessionStorage.clear()")
    assert all("401" in complaint for complaint in browser.complaints())
