"""A real Chromium and a real service, both started by the helpers of the Django package's tests."""

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "clients" / "django"))

import django  # noqa: E402
from django.conf import settings  # noqa: E402

settings.configure(
    INSTALLED_APPS=["django_tintype"],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {"builtins": ["django_tintype.templatetags.tintype"]},
        }
    ],
    STORAGES={"default": {"BACKEND": "django_tintype.TintypeStorage"}},
    TINTYPE={"TOKEN": "dev"},
)
django.setup()

from tests.browser import Browser  # noqa: E402
from tests.service import Service, binary  # noqa: E402

PHOTOGRAPH = ROOT / "clients/django/tests/fixtures/picos-de-europa.jpg"
PHONE, DESK = 390, 1280


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts a development service, with further environment variables."""
    services = []

    def started(**env: str) -> Service:
        services.append(
            Service(tmp_path / f"media{len(services)}", {"TINTYPE_LAME_DUCK": "0s", **env})
        )
        return services[-1]

    yield started
    for service in services:
        service.stop()


@pytest.fixture
def service(start: Callable[..., Service]) -> Service:
    return start()


@contextmanager
def screen(browser: Browser, width: int, scheme: str = "light") -> Iterator[None]:
    is_phone = width < 768
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": is_phone}
    browser.command("Emulation.setDeviceMetricsOverride", metrics)
    # Without motion, so that click targets stay in place.
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    browser.command("Emulation.setEmulatedMedia", {"features": features})
    try:
        yield
    finally:
        browser.command("Emulation.setEmulatedMedia", {"features": []})
        browser.command("Emulation.clearDeviceMetricsOverride", {})


@contextmanager
def folder_served(folder: Path) -> Iterator[str]:
    """Serves a folder from another origin; yields its URL."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def tintype(*arguments: str) -> None:
    subprocess.run([binary(), *arguments], check=True, env={"PATH": os.environ["PATH"]})
