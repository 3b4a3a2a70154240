"""The reference works on a desktop and on a phone, in light and dark mode, from a service and from
a file, and without a mouse; and it requests nothing from other servers.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import DESK, PHONE, screen, tintype
from selenium.webdriver.common.keys import Keys

from tests.browser import Browser
from tests.service import Service, poll

SCREENS = [(DESK, "light"), (DESK, "dark"), (PHONE, "light"), (PHONE, "dark")]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests, because none changes anything."""
    service = Service(tmp_path_factory.mktemp("reference") / "media")
    yield service
    service.stop()


def is_within(browser: Browser, width: int) -> bool:
    return browser.run("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_it_fits_the_screen(browser: Browser, service: Service, width: int, scheme: str) -> None:
    with screen(browser, width, scheme):
        browser.open(service.url)
        browser.screenshot(f"reference-{width}-{scheme}")
        assert is_within(browser, width)
        for chapter in browser.all("h2") if "TINTYPE_SCREENSHOTS" in os.environ else []:
            browser.run("arguments[0].scrollIntoView()", chapter)
            browser.screenshot(f"reference-{width}-{scheme}-{chapter.get_attribute('id')}")
    assert browser.complaints() == []
    loaded = browser.run("return performance.getEntriesByType('resource').map(e => e.name)")
    assert all(name.startswith(("data:", service.url)) for name in loaded), loaded
    assert {line["status"] for line in service.requests()} == {200}


def test_the_contents_lead_everywhere(browser: Browser, service: Service) -> None:
    with screen(browser, DESK):
        browser.open(service.url)
        links = browser.run("return [...document.querySelectorAll('nav a')].map(a => a.hash)")
        assert len(links) > 25
        for link in links:
            assert browser.run("return document.querySelectorAll(arguments[0]).length", link) == 1
        last = browser.all("nav a")[-1]
        last.click()
        poll(lambda: last.get_attribute("aria-current") == "true", "the contents follow")
        top = browser.run(
            "return document.querySelector(location.hash).getBoundingClientRect().top"
        )
        assert 0 <= top < 450
    assert browser.complaints() == []


def test_a_name_is_found_by_the_keyboard_alone(browser: Browser, service: Service) -> None:
    with screen(browser, DESK):
        browser.open(service.url)
        body = browser.one("body")
        body.send_keys("/")
        browser.driver.switch_to.active_element.send_keys("too-la", Keys.ENTER)
        poll(lambda: browser.driver.current_url.endswith("#error-too-large"), "it leads there")
        assert not browser.one("#found").is_displayed()
        # The environment variable of an option finds it as well; arrow keys choose.
        body.send_keys("/")
        field = browser.driver.switch_to.active_element
        field.send_keys("TINTYPE_max_")
        assert len(browser.all("#found a")) >= 4
        field.send_keys(Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.ENTER)
        poll(lambda: "#option-max_" in browser.driver.current_url, "it leads there")


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_it_can_be_kept_as_a_file(browser: Browser, tmp_path: Path, width: int) -> None:
    file = tmp_path / "tintype.html"
    tintype("docs", "--output", str(file))
    with screen(browser, width):
        browser.open(file.as_uri())
        assert is_within(browser, width)
        assert "tintype serve --dev" in browser.one("#playground ~ pre").text
        assert not browser.all("#pick")
    assert browser.complaints() == []
