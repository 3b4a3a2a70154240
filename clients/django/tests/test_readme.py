"""What the README says works by copy and paste: its five minutes make a site that shows a picture,
and its other examples are templates and code that hold what they say.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import jinja2
import pytest
from django.template import Context, Template
from PIL import Image
from pytest_django import Settings as SiteSettings

from django_tintype.conf import KEYS
from django_tintype.jinja2 import environment
from django_tintype.sources import Source
from tests.service import Service
from tests.test_pictures import elements

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


VISIT = """
from django.core.files import File
from django.test import Client
from gallery.models import Photo

with open("lion.jpg", "rb") as file:
    Photo.objects.create(image=File(file, "lion.jpg"))
print(Client(headers={"host": "localhost"}).get("/").content.decode())
"""


def run(site: Path, *command: str, text: str = "") -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=site,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE)},
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_five_minutes_to_a_picture(fresh_service: Service, tmp_path: Path) -> None:
    heading = "## Five minutes to a `<picture>`"
    settings, models, urls = blocks("python", heading)
    [template] = blocks("html", heading)
    [admin] = [block for block in blocks("python", "## The admin") if "admin.register" in block]
    service = f'TINTYPE = {{"TOKEN": "dev", "URL": "{fresh_service.url}"}}'
    run(tmp_path, "-m", "django", "startproject", "site_of_mine", ".")
    run(tmp_path, "manage.py", "startapp", "gallery")
    with (tmp_path / "site_of_mine" / "settings.py").open("a") as file:
        file.write(settings.replace('TINTYPE = {"TOKEN": "dev"}', service))
    for path, text in {
        "site_of_mine/urls.py": urls,
        "gallery/models.py": models,
        "gallery/admin.py": admin,
        "gallery/templates/photos.html": template,
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    Image.new("RGB", (1000, 700), "teal").save(tmp_path / "lion.jpg")

    run(tmp_path, "manage.py", "makemigrations")
    run(tmp_path, "manage.py", "migrate")
    assert fresh_service.url in run(tmp_path, "manage.py", "tintype_check")
    found = elements(run(tmp_path, "manage.py", "shell", "-v0", text=VISIT))

    assert [tag for tag, _ in found] == ["picture", "img"]
    img = found[1][1]
    assert (img["width"], img["height"]) == ("1000", "700")
    assert (img["style"] or "").startswith("background-color:#")
    addresses = [candidate.split()[0] for candidate in (img["srcset"] or "").split(", ")]
    assert len(addresses) == 5  # 320 480 640 960 and the original's 1000
    for address in addresses:
        assert "~v_" in address
        with urllib.request.urlopen(address) as answer:
            assert "immutable" in answer.headers["Cache-Control"]


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
