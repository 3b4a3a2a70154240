"""A real Chromium, and a site with the strictest Content-Security-Policy that a site may have."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from PIL import Image
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from django_tintype import conf
from tests.service import poll

CHROMIUM = "/usr/bin/chromium"
CHROMEDRIVER = "/usr/bin/chromedriver"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    # A swipe to the right would go back to the previous page.
    "--disable-features=OverscrollHistoryNavigation "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--disable-dev-shm-usage --window-size=1200,1000"
)


def strict_policy(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: nothing inline, and nothing from other origins except images of the service."""

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        service = conf.settings().public_url
        response["Content-Security-Policy"] = f"default-src 'self'; img-src 'self' {service} data:"
        return response

    return respond


class Browser:
    def __init__(self, folder: Path) -> None:
        for program in (CHROMIUM, CHROMEDRIVER):
            if not Path(program).exists():
                raise FileNotFoundError(
                    f"{program} is missing: apt-get install chromium chromium-driver"
                )
        options = ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS.split(), f"--user-data-dir={folder}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = Chrome(options=options, service=Driver(CHROMEDRIVER))

    def close(self) -> None:
        self.driver.quit()

    def complaints(self) -> list[str]:
        """Everything in the console since the last call: errors, violations of the policy."""
        log: list[dict[str, str]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in log]

    def open(self, address: str) -> None:
        self.driver.get(address)

    def one(self, selector: str) -> WebElement:
        """The first element; waits for it."""
        try:
            found: WebElement = poll(lambda: self.all(selector), f"{selector} appears")[0]
        except TimeoutError as error:
            text = self.run("return document.body.innerText")
            raise TimeoutError(f"{error}, at {self.driver.current_url}: {text[:500]}") from None
        return found

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def submit(self, button: WebElement) -> None:
        """Clicks, and waits for the next page."""
        before = self.one("html")
        button.click()
        poll(lambda: _is_gone(before), "another page comes")

    def back(self, address: str) -> None:
        """Like the Back button. Chromedriver's own command may time out over a page in the
        back/forward cache."""
        self.run("setTimeout(() => history.back())")

        def is_there() -> bool:
            try:
                at, state = self.run("return [location.href, document.readyState]")
                return (at, state) == (address, "complete")
            except WebDriverException:  # between the pages
                return False

        poll(is_there, f"{address} is back")

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait_for_pictures(self) -> None:
        script = (
            "return [...document.images].every("
            "i => i.loading == 'lazy' || !i.checkVisibility() || i.complete && i.naturalWidth)"
        )
        poll(lambda: self.run(script), "all pictures are loaded")

    # Pointers, in fractions of an element

    def centre(self, element: WebElement) -> None:
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)

    def drag(
        self, element: WebElement, start: tuple[float, float], end: tuple[float, float]
    ) -> None:
        (from_x, from_y), (to_x, to_y) = (self._offset(element, at) for at in (start, end))
        self.centre(element)
        ActionChains(self.driver, duration=20).move_to_element_with_offset(
            element, from_x, from_y
        ).click_and_hold().move_to_element_with_offset(element, to_x, to_y).release().perform()

    def swipe(
        self, element: WebElement, start: tuple[float, float], end: tuple[float, float]
    ) -> None:
        """With a finger."""
        self.centre(element)
        box = self.run("return arguments[0].getBoundingClientRect().toJSON()", element)

        def touch(kind: str, *points: tuple[float, float]) -> None:
            at = [
                {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
                for x, y in points
            ]
            self.command("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        touch("touchStart", start)
        touch("touchMove", middle)
        touch("touchMove", end)
        touch("touchEnd")

    def _offset(self, element: WebElement, at: tuple[float, float]) -> tuple[int, int]:
        size = element.size  # offsets are from the middle
        return round((at[0] - 0.5) * size["width"]), round((at[1] - 0.5) * size["height"])

    def command(self, name: str, arguments: dict[str, Any]) -> None:
        self.driver.execute_cdp_cmd(name, arguments)

    def picture_of(self, element: WebElement) -> Image.Image:
        self.centre(element)
        return Image.open(io.BytesIO(element.screenshot_as_png)).convert("RGB")

    def screenshot(self, name: str) -> None:
        """Saves a screenshot for people to look at, if TINTYPE_SCREENSHOTS names a folder."""
        if folder := os.environ.get("TINTYPE_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.driver.save_screenshot(f"{folder}/{name}.png")


def _is_gone(element: WebElement) -> bool:
    try:
        element.is_enabled()
    except StaleElementReferenceException:
        return True
    except WebDriverException:
        # Between two pages.
        return False
    return False
