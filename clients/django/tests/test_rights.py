"""Who made an image and on what terms it may be used: a column is filled on upload, readers see a
credit line and search engines a schema.org/ImageObject, and no text from a file can inject
markup."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.forms import modelform_factory
from django.template import TemplateSyntaxError
from PIL import Image

from django_tintype.api.client import client
from django_tintype.delivery.source import Source
from django_tintype.html.pictures import tt_picture
from django_tintype.jinja2 import environment
from django_tintype.widgets import TintypeImageInput
from tests.markup import HOST, asking_nobody, render
from tests.service import Service
from tests.shelf.models import Figure
from tests.test_upkeep import run

RIGHTS = {
    "creators": ["Ada Example", "Bo Example"],
    "notice": "© Example Press",
    "credit": "Ada Example/Example Press",
    "web_statement": "https://example.org/licence?a=1&b=2",
    "licensor_url": "https://example.org/buy",
    "terms": "once",
}
LION = Source(key="lion.jpg", width=400, height=300, rights=RIGHTS)


@pytest.fixture
def site(settings: Any) -> None:
    settings.TINTYPE = {"URL": HOST}


def said(html: str) -> Any:
    [text] = re.findall(r'<script type="application/ld\+json">([^<>&]*)</script>', html)
    return json.loads(text)


@pytest.mark.usefixtures("site")
def test_a_credit_line_follows_on_request() -> None:
    plain = render("{% tt_img p w=100 alt='' %}", p=LION)
    shown = render("{% tt_img p w=100 alt='' credit=True %}", p=LION)
    assert shown == f'{plain}<small class="tintype-credit">Ada Example/Example Press</small>'
    cases: list[tuple[dict[str, Any], str]] = [
        ({**RIGHTS, "credit": None}, "Ada Example, Bo Example"),
        ({"notice": "© A & B", "creators": []}, "© A &amp; B"),
        ({"credit": "<script>alert(1)</script>"}, "&lt;script&gt;alert(1)&lt;/script&gt;"),
    ]
    for rights, line in cases:
        html = render("{% tt_img p alt='' credit=True %}", p=Source(key="a.jpg", rights=rights))
        assert html.endswith(f'<small class="tintype-credit">{line}</small>')


@pytest.mark.usefixtures("site")
def test_search_engines_are_told_what_they_read() -> None:
    html = render("{% tt_img p w=100 alt='' jsonld=True %}", p=LION)
    src = re.search('src="([^"]+)"', html)
    assert src and said(html) == {
        "@context": "https://schema.org/",
        "@type": "ImageObject",
        "contentUrl": src[1],
        "creator": [
            {"@type": "Person", "name": "Ada Example"},
            {"@type": "Person", "name": "Bo Example"},
        ],
        "creditText": RIGHTS["credit"],
        "copyrightNotice": RIGHTS["notice"],
        "license": RIGHTS["web_statement"],
        "acquireLicensePage": RIGHTS["licensor_url"],
    }


@pytest.mark.usefixtures("site")
def test_nothing_leaves_the_script_and_no_address_runs() -> None:
    evil = "</script><script>alert(1)</script><!-- &"
    rights = {"credit": evil, "web_statement": "javascript:alert(1)", "creators": "Ada"}
    html = render("{% tt_img p alt='' jsonld=True %}", p=Source(key="a.jpg", rights=rights))
    document = said(html)
    assert document["creditText"] == evil
    assert not {"license", "creator"} & document.keys()
    assert html.count("<script") == html.count("</script") == 1


@pytest.mark.usefixtures("site")
def test_where_nothing_is_known_nothing_is_shown() -> None:
    plain = render("{% tt_img 'a.jpg' alt='' %}")
    assert render("{% tt_img 'a.jpg' alt='' credit=True jsonld=True %}") == plain
    only_terms = Source(key="a.jpg", rights={"terms": "once", "marked": True})
    assert render("{% tt_img p alt='' credit=True jsonld=True %}", p=only_terms) == plain


@pytest.mark.usefixtures("site")
def test_a_picture_has_them_behind_it_and_a_variable_beside() -> None:
    html = render("{% tt_picture p alt='' formats='avif' credit=True jsonld=True %}", p=LION)
    assert re.fullmatch("<picture>.*</picture><small.*</small><script.*</script>", html)
    template = (
        "{% tt_img p w=100 alt='' credit=True jsonld=True as i %}{{ i.src }}|{{ i.credit }}|{{ i }}"
    )
    src, credit, whole = render(template, p=LION).split("|")
    assert src == f"{HOST}/t/lion.jpg/w_100" and credit.startswith("<small")
    assert whole.startswith("<img") and whole.endswith("</script>")


@pytest.mark.usefixtures("site")
def test_in_jinja2_and_python_too() -> None:
    template = environment(autoescape=True).from_string(
        "{{ tt_img(p, w=100, alt='', credit=True, jsonld=True) }}"
    )
    same = "{% tt_img p w=100 alt='' credit=True jsonld=True %}"
    assert template.render(p=LION) == render(same, p=LION)
    assert "tintype-credit" in str(tt_picture(LION, alt="", credit=True))


@pytest.mark.usefixtures("site")
def test_mistakes() -> None:
    with pytest.raises(TemplateSyntaxError, match="credit: must be True or False"):
        render("{% tt_img 'a.jpg' alt='' credit='yes' %}")


def licensed() -> ContentFile[bytes]:
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x013B], exif[0x8298] = "Ada Example", "Copyright Example Press"
    Image.new("RGB", (64, 48), "red").save(file, "JPEG", exif=exif)
    return ContentFile(file.getvalue(), "a.jpg")


@pytest.mark.django_db(transaction=True)
def test_a_column_has_them_from_the_upload_on(service: Service) -> None:
    Figure.objects.create(image=licensed())
    figure = Figure.objects.get()
    assert figure.rights["creators"] == ["Ada Example"]
    render("{% tt_img p alt='' credit=True %}", p=figure.image)  # performs lazy imports
    with asking_nobody():
        html = render("{% tt_img p w=10 alt='' credit=True %}", p=figure.image)
    assert "Ada Example</small>" in html
    form = modelform_factory(Figure, fields=["image"], widgets={"image": TintypeImageInput})
    assert "Credit: Ada Example" in str(form(instance=figure))
    figure.image = ContentFile(licensed().read() + b"\0", "b.jpg")
    assert figure.rights == {}


@pytest.mark.django_db(transaction=True)
def test_they_are_set_in_one_request_and_given_back(service: Service) -> None:
    figure = Figure.objects.create(image=licensed())
    version = figure.version
    before = len(service.requests())
    record = figure.image.set_rights(creators=["Bo Example"], credit="Bo/Desk")
    assert len(service.requests()) == before + 1
    assert record.set_rights == {"creators": ["Bo Example"], "credit": "Bo/Desk"}
    row = Figure.objects.get()
    for one in (figure, row):
        assert one.rights["creators"] == ["Bo Example"] and one.rights["credit"] == "Bo/Desk"
        assert one.version == record.version != version
    row.image.set_rights(creators=None, credit=None)
    row.refresh_from_db()
    assert row.rights["creators"] == ["Ada Example"] and row.version == version


@pytest.mark.django_db(transaction=True)
def test_rows_of_before_are_filled_on_request_and_not_again_and_again(service: Service) -> None:
    figure = Figure.objects.create(image=licensed())
    key = figure.image.storage.key(figure.image.name)
    Figure.objects.update(rights={})
    assert run("tintype_fill_dimensions", "shelf.Figure")[0].get("filled", 0) == 0
    run("tintype_fill_dimensions", "shelf.Figure", all=True)
    assert Figure.objects.get().rights["creators"] == ["Ada Example"]
    # Rights that are removed disappear from the row too.
    client().patch(key, {"rights": {"creators": [], "notice": ""}})
    run("tintype_fill_dimensions", "shelf.Figure", all=True)
    assert Figure.objects.get().rights == {}
