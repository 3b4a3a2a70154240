"""The form's view of an image: nothing inline, no secret of the service, and no I/O while a page is
rendered."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django import forms
from django.contrib.admin import AdminSite
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import ImageField
from django.forms import modelform_factory
from django.test import Client as Visitor
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from django_tintype import TintypeImageField
from django_tintype.admin import AdminTintypeImageInput
from django_tintype.widgets import TintypeImageInput
from tests.browser import Browser
from tests.gallery.admin import PictureAdmin
from tests.gallery.models import Bare, Picture
from tests.service import Service
from tests.test_field import asked, jpeg

KEY = "0123456789abcdef0123456789abcdef"
STORED: dict[str, Any] = {
    "image": "pictures/a.jpg",
    "width": 300,
    "height": 200,
    "version": "0123456789abcdef",
}


def form_of(picture: Any, **options: Any) -> str:
    form_class = modelform_factory(
        type(picture), exclude=["album"], widgets={"image": TintypeImageInput}
    )
    return str(form_class(instance=picture, **options))


def test_nothing_is_inline() -> None:
    html = form_of(Picture(**STORED))
    assert "<tintype-focal" in html
    assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=|javascript:", html)


def test_one_picture_serves_picker_and_previews(settings: Settings) -> None:
    settings.TINTYPE = {**settings.TINTYPE, "PRESETS": {"card": "w_400~h_300~fit_cover"}}
    html = form_of(Picture(**STORED))
    sources = re.findall(r'src="([^"]+)"', html)
    assert len(sources) == 2 and len(set(sources)) == 1
    assert sources[0].endswith("/t/pictures/a.jpg/w_960~v_0123456789abcdef")


def test_it_is_signed_where_it_has_to_be(settings: Settings) -> None:
    settings.TINTYPE = {**settings.TINTYPE, "SIGNING_KEY": KEY}
    html = form_of(Picture(**STORED))
    assert re.search(r"/t/pictures/a\.jpg/w_960~v_0123456789abcdef~sig_[\w-]{22}", html)
    assert KEY not in html


def test_previews_are_of_presets_that_follow_the_focal_point(settings: Settings) -> None:
    presets = {
        "card": "w_400~h_300~fit_cover",
        "small": "w_100",
        "padded": "w_100~h_100~fit_pad",
        "north": "w_100~h_100~fit_cover~g_n",
        "turned": "w_100~h_100~fit_cover~rot_90",
    }
    settings.TINTYPE = {**settings.TINTYPE, "PRESETS": presets}
    assert re.findall(r"tintype-name\">(\w+)", form_of(Picture(**STORED))) == ["card"]


def test_names_are_those_of_the_form() -> None:
    html = form_of(Picture(**STORED), prefix="pictures-3")
    assert 'data-image="image" data-focal="focal"' in html
    assert 'name="pictures-3-image"' in html and 'name="pictures-3-focal"' in html


def test_without_a_focal_point_there_is_no_picker() -> None:
    assert 'data-focal=""' in form_of(Bare(image="bare/a.jpg"))


def test_an_empty_form_shows_no_picture() -> None:
    html = form_of(Picture())
    assert re.search(r'class="tintype-preview"\s+hidden', html)
    # HTML knows no <img> without a source.
    assert "<img" not in html


@pytest.mark.parametrize("layout", ["as_p", "as_div", "as_table", "as_ul"])
def test_it_stays_in_one_piece_wherever_a_form_puts_it(
    chromium: Browser, settings: Settings, layout: str
) -> None:
    settings.TINTYPE = {**settings.TINTYPE, "PRESETS": {"card": "w_400~h_300~fit_cover"}}
    form_class = modelform_factory(
        Picture, fields=["image", "focal"], widgets={"image": TintypeImageInput}
    )
    html = getattr(form_class(instance=Picture(**STORED)), layout)()
    container = {"as_table": "table", "as_ul": "ul"}.get(layout, "form")
    chromium.open("about:blank")
    parts = chromium.run(
        "document.body.innerHTML = arguments[0];"
        "return ['preview', 'mark', 'text', 'crops', 'name'].map("
        "  name => document.querySelectorAll(`tintype-focal .tintype-${name}`).length"
        ").concat(document.querySelectorAll('tintype-focal input[type=file]').length)",
        f"<{container}>{html}</{container}>",
    )
    assert parts == [1, 1, 1, 1, 1, 1]


class OwnWidgets(PictureAdmin):
    formfield_overrides = {TintypeImageField: {"widget": forms.FileInput}}  # noqa: RUF012


@pytest.mark.parametrize(
    ("admin", "widget"), [(PictureAdmin, AdminTintypeImageInput), (OwnWidgets, forms.FileInput)]
)
def test_the_admin_takes_our_widget_unless_told_otherwise(
    admin: type[PictureAdmin], widget: type[forms.Widget]
) -> None:
    options = admin(Picture, AdminSite())
    field: ImageField = Picture._meta.get_field("image")  # type: ignore[assignment]
    form_field = options.formfield_for_dbfield(field, request=RequestFactory().get("/"))
    assert type(form_field.widget) is widget


@pytest.mark.django_db(transaction=True)
def test_a_list_of_pictures_asks_nobody_and_needs_no_more_queries(fresh_service: Service) -> None:
    visitor = Visitor()
    visitor.force_login(get_user_model().objects.create_superuser("editor"))
    counted = []
    for more in (1, 9):
        for _ in range(more):
            Picture.objects.create(image=jpeg())
        with asked(fresh_service) as methods, CaptureQueriesContext(connection) as queries:
            html = visitor.get("/admin/gallery/picture/").content.decode()
        assert html.count("<img ") == Picture.objects.count()
        # Present if the column is the link to the form.
        assert 'alt=""' not in html and 'alt="a.jpg"' in html
        assert methods == []
        counted.append(len(queries))
    assert counted[0] == counted[1]
