"""The README works by copy and paste: its five minutes make a site that shows an image, and its
other examples are templates and code that do what they say.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import jinja2
import pytest
from django.template import Context, Template
from PIL import Image
from pytest_django import Settings as SiteSettings

from django_tintype.conf import KEYS
from django_tintype.delivery.source import Source
from django_tintype.jinja2 import environment
from tests.browser import Browser
from tests.service import Service, free_ports, poll

PACKAGE = Path(__file__).resolve().parents[1]
README = (PACKAGE / "README.md").read_text("utf-8")


def blocks(language: str, heading: str = "") -> list[str]:
    """The examples below a heading, or all of them."""
    text = README.partition(f"\n{heading}\n")[2] if heading else README
    if heading:
        level = heading.split(" ")[0]
        text = re.split(rf"^#{{1,{len(level)}}} ", text, maxsplit=1, flags=re.M)[0]
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)
    assert found, f"no {language} below {heading}"
    return found


HEADING = "## Five minutes to a `<picture>`"
#: Not run by the test: the service is running, and the package is installed already.
NOT_RUN = ("cargo run", "pip install")


def files(service: Service) -> dict[str, str]:
    """Everything that a reader copies into files, by path."""
    settings, models, urls = blocks("python", HEADING)
    [page] = blocks("html", HEADING)
    [admin] = [block for block in blocks("python", "## The admin") if "admin.register" in block]
    [form] = [block for block in blocks("python", "## The admin") if "forms.ModelForm" in block]
    here = f'TINTYPE = {{"TOKEN": "dev", "URL": "{service.url}"}}'
    assert 'TINTYPE = {"TOKEN": "dev"}' in settings
    return {
        "mysite/settings.py": settings.replace('TINTYPE = {"TOKEN": "dev"}', here),
        "mysite/urls.py": urls,
        "gallery/models.py": models,
        "gallery/admin.py": admin,
        "gallery/forms.py": form,
        "gallery/templates/photos.html": page,
    }


def environment_of_a_reader() -> dict[str, str]:
    beside = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": beside, "PYTHONPATH": str(PACKAGE), "PYTHONDONTWRITEBYTECODE": "1"}


def run(folder: Path, lines: Sequence[str]) -> str:
    done = subprocess.run(
        ["bash", "-euc", "\n".join(lines)],
        cwd=folder,
        env=environment_of_a_reader(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def served(site: Path, command: str) -> Iterator[str]:
    [port] = free_ports(1)
    with (site / "server.log").open("wb") as log:
        server = subprocess.Popen(
            ["bash", "-c", f"exec {command} {port} --noreload"],
            cwd=site,
            env=environment_of_a_reader(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}/"

    def is_there() -> bool:
        assert server.poll() is None, (site / "server.log").read_text()
        try:
            with urllib.request.urlopen(address):
                return True
        except OSError:
            return False

    try:
        poll(is_there, "the site is there")
        yield address
    finally:
        server.kill()
        server.wait()


@contextmanager
def screen(browser: Browser, width: int, density: int, *, mobile: bool) -> Iterator[None]:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": density, "mobile": mobile}
    browser.command("Emulation.setDeviceMetricsOverride", metrics)
    try:
        yield
    finally:
        browser.open("about:blank")
        browser.command("Emulation.clearDeviceMetricsOverride", {})


#: Each image on the screen, and what was fetched for it.
SHOWN = """
const shown = [];
for (const image of document.images) {
  await image.decode();
  const box = image.getBoundingClientRect();
  shown.push({
    alt: image.alt, address: image.currentSrc, width: box.width, height: box.height,
    fetched: (await createImageBitmap(await (await fetch(image.currentSrc)).blob())).width,
  });
}
return {
  mode: document.compatMode, window: innerWidth, page: document.documentElement.scrollWidth, shown,
};
"""


def test_five_minutes_to_a_picture(
    fresh_service: Service, tmp_path: Path, chromium: Browser
) -> None:
    lines = [line for block in blocks("sh", HEADING) for line in block.splitlines()]
    lines = [line for line in lines if not line.startswith(NOT_RUN)]
    # Before the files are written, and after.
    at = lines.index("python manage.py startapp gallery") + 1
    run(tmp_path, lines[:at])
    site = tmp_path / "mysite"
    for path, text in files(fresh_service).items():
        (site / path).parent.mkdir(exist_ok=True)
        with (site / path).open("a" if path.endswith("settings.py") else "w") as file:
            file.write(text)
    *commands, server = lines[at:]
    # The form uses fields of the model, and everything passes Django's own checks.
    said = run(
        site, [*commands, "python manage.py check --fail-level WARNING", "python -c '" + FORM + "'"]
    )
    assert fresh_service.url in said and "['image', 'focal']" in said
    Image.linear_gradient("L").resize((3000, 2000)).save(tmp_path / "lion.jpg")
    name, password = (
        re.search(pattern, "\n".join(commands))[1]  # type: ignore[index]
        for pattern in (r"--username (\S+)", r"PASSWORD=(\S+)")
    )

    with served(site, server) as address:
        chromium.open(f"{address}admin/gallery/photo/add/")
        chromium.one("#id_username").send_keys(name)
        chromium.one("#id_password").send_keys(password)
        chromium.submit(chromium.one("input[type=submit]"))
        chromium.one("#id_title").send_keys("A lion")
        chromium.one("#id_image").send_keys(str(tmp_path / "lion.jpg"))
        chromium.wait_for_pictures()
        # The picker works without further code.
        chromium.drag(chromium.one(".tintype-stage"), (0.5, 0.5), (0.2, 0.4))
        chromium.submit(chromium.one("input[name=_save]"))
        assert "A lion" in chromium.one("#result_list").text
        for width, density, mobile in [(1280, 1, False), (1280, 2, False), (390, 3, True)]:
            with screen(chromium, width, density, mobile=mobile):
                chromium.open(address)
                found = chromium.run(SHOWN)
                chromium.screenshot(f"five-minutes-{width}-{density}x")
            assert (found["mode"], found["window"]) == ("CSS1Compat", width)
            assert found["page"] == width, "it does not scroll to the side"
            [picture] = found["shown"]
            assert picture["alt"] == "A lion"
            assert picture["width"] == (width / 2 if width > 960 else width)
            assert picture["height"] == pytest.approx(picture["width"] * 2 / 3, abs=1)
            # Sharp, and no larger than necessary: the next width of the ladder.
            needed = picture["width"] * density
            assert needed <= picture["fetched"] <= needed * 1.6, picture
            assert "~v_" in picture["address"]
        with urllib.request.urlopen(picture["address"]) as answer:
            assert "immutable" in answer.headers["Cache-Control"]
    chromium.complaints()


FORM = """
import django, os
os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
django.setup()
from gallery.forms import PhotoForm
print(list(PhotoForm().fields))
"""


def is_jinja(example: str) -> bool:
    return "{{ tt_" in example


@pytest.mark.parametrize("example", blocks("html", "## Pictures in templates"))
def test_templates(example: str, settings: SiteSettings) -> None:
    settings.TINTYPE = {"PRESETS": {"card": "w_400~h_300~fit_cover"}}

    class Photo:
        image = Source(key="lion.jpg", width=1000, height=700)
        print_version = image

    if is_jinja(example):
        made: jinja2.Environment = environment(autoescape=True)
        html = made.from_string(example).render(photo=Photo)
    else:
        html = Template("{% load tintype %}" + example).render(Context({"photo": Photo}))
    assert "lion.jpg" in html and 'alt="A lion"' in html


@pytest.mark.parametrize("example", blocks("python"))
def test_code_is_code(example: str) -> None:
    compile(example, "README.md", "exec")
    if re.search(r"\bPhoto\b", example):
        assert re.search(r"^(class Photo|from .* import Photo$)", example, re.M), (
            "where is Photo from"
        )


def test_every_key_of_the_settings_is_described() -> None:
    table = README.partition("\n## Settings\n")[2]
    assert [key for key in KEYS if f"`{key}`" not in table] == []


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", README)
    assert links
    assert [link for link in links if "://" not in link and not (PACKAGE / link).exists()] == []
