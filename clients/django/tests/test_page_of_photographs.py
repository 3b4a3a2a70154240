"""A page of photographs without any variants yet is complete in a real browser: every image is
shown, and no request is refused, whatever the screen.

Each page is made by tags as a site would write them, over photographs from a small web file to 24
megapixels. Nothing is timed; how many of the 24 images are requested at once is up to Chromium.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from django.core.files.base import ContentFile
from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.urls import path
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.browser import Browser
from tests.browser_urls import no_icon
from tests.conftest import StartService
from tests.gallery.models import Picture
from tests.service import CHECKOUT

CORPUS = CHECKOUT.parent / "shared" / "corpus"
PHOTOGRAPHS = [
    "photos/2569067123_aca715a2ee_o.jpg",
    "photos/Blinds.jpg",
    "photos/Bridge_by_Sander_Klootwijk.jpg",
    "photos/DarkestHour.jpg",
    "photos/Dragonfly_by_Bolly.jpg",
    "photos/EveningGlow.jpg",
    "photos/Wood.jpg",
    "photos/dog_exif_extended_xmp_icc.jpg",
    "photos/jolla.jpg",
    "photos/made-24mp-444-base-q82.jpg",
    "photos/phone12mp_baseline.jpg",
    "photos/picosdeeuropa_by_Aitzol_Berasategi.jpg",
    "photos/seeding_by_Clements_Engelhardt.jpg",
    "photos/summer_1am.jpg",
    "photos/tower.jpg",
    "photos/tower_grayscale.jpg",
    "reported/photo12mp-portrait.jpg",
    "colour/gain-map.jpg",
    "colour/made-p3-g22.jpg",
    "formats/4.webp",
    "formats/kodim23.png",
    "metadata/C.jpg",
    "metadata/DSCN0010.jpg",
    "orientation/Landscape_6.jpg",
]

#: Fluid images as wide as the window, and tiles of a fixed size.
FULL_WIDTH = "{% tt_picture p.image alt='' sizes='100vw' loading='eager' %}"
TILE = "{% tt_picture p.image 'w_320~h_240' alt='' loading='eager' %}"
PAGE = """<!DOCTYPE html>{% load tintype %}<title>Photographs</title>
<style>body { margin: 0 } img { vertical-align: top; max-width: 100%; height: auto }</style>
{% for p in pictures %}TAG{% endfor %}"""


class Screen(NamedTuple):
    width: int
    height: int
    density: int


def full_width(request: HttpRequest) -> HttpResponse:
    return page(FULL_WIDTH)


def tiles(request: HttpRequest) -> HttpResponse:
    return page(TILE)


def page(tag: str) -> HttpResponse:
    template = Template(PAGE.replace("TAG", tag))
    return HttpResponse(template.render(Context({"pictures": Picture.objects.order_by("pk")})))


urlpatterns = [
    path("full-width/", full_width),
    path("tiles/", tiles),
    path("favicon.ico", no_icon),
]

#: The state of each image once the browser has decoded it.
SHOWN = """
const found = [];
for (const image of document.images) {
  const decoded = await image.decode().then(() => true, () => false);
  found.push({
    address: image.currentSrc,
    shown: decoded && image.complete && image.naturalWidth > 0,
  });
}
return found;
"""


@pytest.mark.parametrize(
    ("name", "screen", "largest"),
    [
        ("full-width", Screen(1440, 900, 1), "w_1600"),
        ("full-width", Screen(1440, 900, 2), "w_2560"),
        ("full-width", Screen(390, 844, 3), "w_1280"),
        ("tiles", Screen(1440, 900, 2), "w_320~h_240~dpr_2"),
    ],
    ids=["desktop", "dense-desktop", "phone", "tiles"],
)
def test_every_photograph_is_shown(
    start_service: StartService,
    chromium: Browser,
    live_server: LiveServer,
    settings: Settings,
    request: pytest.FixtureRequest,
    name: str,
    screen: Screen,
    largest: str,
) -> None:
    settings.ROOT_URLCONF = __name__
    # A debug build takes several times as long as a release build, and shares the machine.
    fresh_service = start_service({"TINTYPE_QUEUE_WAIT": "120s", "TINTYPE_RENDER_DEADLINE": "120s"})
    for photograph in PHOTOGRAPHS:
        content = ContentFile((CORPUS / photograph).read_bytes(), Path(photograph).name)
        Picture.objects.create(image=content)

    # The service is fresh and on its own port: neither it nor the browser has any variant yet.
    chromium.complaints()
    with emulated(chromium, screen):
        chromium.open(f"{live_server.url}/{name}/")
        shown = chromium.run(SHOWN)
        chromium.screenshot(f"photographs-{request.node.callspec.id}")
        # Back at its usual size, the page would request other variants while the service is
        # stopped.
        complaints = chromium.complaints()
        chromium.open("about:blank")

    answers = fresh_service.requests()
    assert [line for line in answers if line["status"] >= 400] == []
    assert len(shown) == len(PHOTOGRAPHS)
    assert [picture["address"] for picture in shown if not picture["shown"]] == []
    assert any(largest in picture["address"] for picture in shown), (
        "the screen was not the one meant"
    )
    assert complaints == []
    assert len({line["key"] for line in answers if line["method"] == "GET"}) == len(PHOTOGRAPHS)


@contextmanager
def emulated(browser: Browser, screen: Screen) -> Iterator[None]:
    metrics = {
        "width": screen.width,
        "height": screen.height,
        "deviceScaleFactor": screen.density,
        "mobile": False,
    }
    browser.command("Emulation.setDeviceMetricsOverride", metrics)
    try:
        yield
    finally:
        browser.command("Emulation.clearDeviceMetricsOverride", {})
