"""What `tt_url` writes: the one URL of a variant, with the version of the image, and signed where
the service asks for it.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage

from django_tintype.conf import Settings
from django_tintype.delivery.signing import sign
from django_tintype.delivery.source import Source
from django_tintype.delivery.url import original_url, url
from tests.markup import HOST, KEY, PRESETS, VERSION, render
from tests.markup import site as site
from tests.shelf.models import Photo

URLS = [
    ("", "f_auto"),
    ("'card'", "card"),
    ("'card' dpr=2", "card~dpr_2"),
    ("'w_640~h_480~fit_cover'", "w_640~h_480~fit_cover"),
    ("'h_480~w_640'", "w_640~h_480"),
    ("h=480 w=640 fit='cover' g='ne' f='webp' q=70", "w_640~h_480~fit_cover~g_ne~q_70~f_webp"),
    ("w=640 h=480 fit=fit", "w_640~h_480~fit_stretch"),
    ("'w_640' q=nothing", "w_640"),
    ("f='original' dl=1", "f_original~dl_1"),
]


@pytest.mark.parametrize(("arguments", "spec"), URLS)
def test_url(arguments: str, spec: str) -> None:
    template = "{% tt_url 'lion.jpg' " + arguments + " %}"
    context = {"fit": "stretch", "nothing": None}
    assert render(template, **context) == f"{HOST}/t/lion.jpg/{spec}"
    stored = template.replace("%}", "as address %}") + "[{{ address }}]"
    assert render(stored, **context) == f"[{HOST}/t/lion.jpg/{spec}]"


def test_the_file_of_a_field_has_a_url() -> None:
    photo = Photo(image="lion.jpg", width=4000, height=3000)
    assert url(photo.image, "w_640") == f"{HOST}/t/lion.jpg/w_640"
    assert original_url(photo.image) == f"{HOST}/o/lion.jpg"
    photo.image.storage = FileSystemStorage(base_url="/media/")
    assert url(photo.image, "w_640") == original_url(photo.image) == "/media/lion.jpg"


def test_a_url_of_another_storage_is_escaped_as_text_of_a_page_is() -> None:
    elsewhere = Source(key="a", url_of_original="/media/a'b.jpg?x=1&y=2")
    escaped = "/media/a&#x27;b.jpg?x=1&amp;y=2"
    assert render("{% tt_url p w=9 %}", p=elsewhere) == escaped
    assert render("{% tt_url p w=9 as u %}{{ u }}", p=elsewhere) == escaped
    plain = "{% autoescape off %}{% tt_url p w=9 %}{% endautoescape %}"
    assert render(plain, p=elsewhere) == elsewhere.url_of_original


def test_the_version_goes_into_the_url() -> None:
    versioned = Source(key="lion.jpg", version=VERSION)
    assert render("{% tt_url p w=9 %}", p=versioned) == f"{HOST}/t/lion.jpg/w_9~v_{VERSION}"
    assert render("{% tt_url p 'card' %}", p=versioned) == f"{HOST}/t/lion.jpg/card~v_{VERSION}"


SIGNED = [
    # unsigned, originals, spec, whether it has to be signed
    ("any", "public", "w_640", False),
    ("any", "public", "w_640~dpr_1.5", False),
    ("any", "public", "w_640~dpr_1.7", True),
    ("any", "public", "f_original", False),
    ("any", "signed", "f_original", True),
    ("presets", "signed", "card", False),
    ("presets", "signed", "card~dpr_2~f_webp~v_0123456789abcdef", False),
    ("presets", "signed", "card~dpr_4", True),
    ("presets", "signed", "card~q_50", True),
    ("presets", "signed", "card~f_json", True),
    ("presets", "signed", "card~exp_1900000000", True),
    ("presets", "public", "w_640", True),
    ("presets", "public", "f_original", True),
    ("none", "signed", "card", True),
]


@pytest.mark.parametrize(("unsigned", "originals", "spec", "is_signed"), SIGNED)
def test_signed_where_the_service_asks_for_it(
    unsigned: Any, originals: Any, spec: str, is_signed: bool
) -> None:
    site = Settings(
        signing_key=KEY, unsigned=unsigned, originals=originals, presets=PRESETS, public_url=HOST
    )
    signature = f"~sig_{sign(KEY, 'lion.jpg', spec)}" if is_signed else ""
    assert url("lion.jpg", spec, settings=site) == f"{HOST}/t/lion.jpg/{spec}{signature}"


def test_originals() -> None:
    public = Settings(public_url=HOST)
    assert original_url("a b.jpg", settings=public) == f"{HOST}/o/a%20b.jpg"
    attachment = original_url("a.jpg", download="report-1.pdf", settings=public)
    assert attachment == f"{HOST}/t/a.jpg/f_original~dl_report-1.pdf"
    signed = Settings(public_url=HOST, signing_key=KEY, originals="signed", unsigned="presets")
    signature = sign(KEY, "a.jpg", f"f_original~v_{VERSION}")
    versioned = Source(key="a.jpg", version=VERSION)
    path = f"/t/a.jpg/f_original~v_{VERSION}~sig_{signature}"
    assert original_url(versioned, settings=signed) == HOST + path


def test_expiry() -> None:
    site = Settings(public_url=HOST, signing_key=KEY)
    date = datetime(2030, 1, 1, tzinfo=timezone.utc)
    assert "~exp_1893456000~sig_" in url("a.jpg", "w_9", expires=date, settings=site)
    for span in (60, timedelta(minutes=1)):
        assert "~exp_" in url("a.jpg", "w_9", expires=span, settings=site)
    with pytest.raises(ValueError, match="time zone"):
        url("a.jpg", "w_9", expires=datetime(2030, 1, 1), settings=site)
