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


SETTINGS = """
SECRET_KEY = "of no worth"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["gallery"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.sqlite3"}}
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
"""

VISIT = """
import django
django.setup()
from django.core.files import File
from django.template.loader import render_to_string
from gallery.models import Photo

with open("lion.jpg", "rb") as file:
    Photo.objects.create(image=File(file, "lion.jpg"))
print(render_to_string("photos.html", {"photos": Photo.objects.all()}))
"""


def run(site: Path, *command: str) -> str:
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{PACKAGE}:{site}",
        "DJANGO_SETTINGS_MODULE": "settings",
    }
    done = subprocess.run(
        [sys.executable, *command],
        cwd=site,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_five_minutes_to_a_picture(fresh_service: Service, tmp_path: Path) -> None:
    heading = "## Five minutes to a `<picture>`"
    site_settings, models = blocks("python", heading)
    [template] = blocks("html", heading)
    settings = SETTINGS + site_settings.replace(
        'TINTYPE = {"TOKEN": "dev"}', f'TINTYPE = {{"TOKEN": "dev", "URL": "{fresh_service.url}"}}'
    )
    assert fresh_service.url in settings
    gallery = tmp_path / "gallery"
    for path, text in {
        tmp_path / "settings.py": settings,
        tmp_path / "visit.py": VISIT,
        gallery / "__init__.py": "",
        gallery / "models.py": models,
        gallery / "migrations" / "__init__.py": "",
        gallery / "templates" / "photos.html": template,
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    Image.new("RGB", (1000, 700), "teal").save(tmp_path / "lion.jpg")

    run(tmp_path, "-m", "django", "makemigrations")
    run(tmp_path, "-m", "django", "migrate")
    run(tmp_path, "-m", "django", "tintype_check")
    found = elements(run(tmp_path, "visit.py"))

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
