"""What the service refuses, and that it is away, are errors of a form and not of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.admin import site
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.forms import ModelForm
from django.test import Client as Visitor

from django_tintype.client import client
from django_tintype.forms import UploadWhileValidating
from tests.conftest import StartService
from tests.gallery.models import Album, Picture
from tests.service import Service
from tests.test_field import asked, jpeg

pytestmark = pytest.mark.django_db(transaction=True)

ADD = "/admin/gallery/picture/add/"
AWAY = "The picture cannot be stored at the moment. Please try again."


if TYPE_CHECKING:
    # Generic in their stubs alone.
    FormOfPicture = ModelForm[Picture]
else:
    FormOfPicture = ModelForm


class PictureForm(UploadWhileValidating, FormOfPicture):
    class Meta:
        model = Picture
        fields = ("title", "image", "focal")


@pytest.fixture
def editor() -> Visitor:
    visitor = Visitor()
    visitor.force_login(get_user_model().objects.create_superuser("editor"))
    return visitor


def upload() -> SimpleUploadedFile:
    return SimpleUploadedFile("a.jpg", jpeg().read(), "image/jpeg")


def inline(**fields: Any) -> dict[str, Any]:
    counts = {"TOTAL_FORMS": 1, "INITIAL_FORMS": 0}
    form = {f"picture_set-0-{name}": value for name, value in fields.items()}
    return {f"picture_set-{name}": count for name, count in counts.items()} | form


def test_a_valid_form_is_one_request(fresh_service: Service, editor: Visitor) -> None:
    with asked(fresh_service) as methods:
        answer = editor.post(ADD, {"title": "a", "image": upload(), "focal": "0.1x0.2"})
    assert answer.status_code == 302
    assert methods == ["PUT"]
    picture = Picture.objects.get()
    record = client().record("pictures/a.jpg")
    assert (picture.width, picture.version) == (300, record.version)
    assert record.focal_point == (0.1, 0.2)


def test_what_is_refused_is_said_at_the_field(start_service: StartService, editor: Visitor) -> None:
    start_service({"TINTYPE_ALLOW_TYPES": "image/png"})
    answer = editor.post(ADD, {"title": "a", "image": upload()})
    assert answer.status_code == 200
    errors = answer.context["adminform"].form.errors
    assert list(errors) == ["image"] and "image/jpeg" in errors["image"][0]
    assert not Picture.objects.exists()


def test_a_service_that_is_away_is_said_at_the_field(
    fresh_service: Service, editor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    fresh_service.stop()
    answer = editor.post(ADD, {"title": "a", "image": upload()})
    assert answer.context["adminform"].form.errors == {"image": [AWAY]}
    assert "gallery.Picture.image could not be uploaded" in caplog.text
    assert not Picture.objects.exists()


def test_what_is_refused_is_said_in_a_list_that_can_be_edited(
    start_service: StartService, editor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_service({"TINTYPE_ALLOW_TYPES": "image/png"})
    options = site.get_model_admin(Picture)
    monkeypatch.setattr(options, "list_display", ("title", "image"))
    monkeypatch.setattr(options, "list_editable", ("image",))
    picture = Picture.objects.create(title="a")
    counts = {"form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "_save": "1"}
    row = {"form-0-id": picture.pk, "form-0-image": upload()}
    answer = editor.post("/admin/gallery/picture/", {**counts, **row})
    [errors] = answer.context["cl"].formset.errors
    assert list(errors) == ["image"] and "image/jpeg" in errors["image"][0]


def test_the_admin_takes_a_form_that_does_it_already(
    fresh_service: Service, editor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.get_model_admin(Picture), "form", PictureForm)
    with asked(fresh_service) as methods:
        answer = editor.post(ADD, {"title": "a", "image": upload(), "focal": "0.1x0.2"})
    assert (answer.status_code, methods) == (302, ["PUT"])


def test_nothing_is_uploaded_for_an_invalid_form(fresh_service: Service, editor: Visitor) -> None:
    with asked(fresh_service) as methods:
        answer = editor.post(ADD, {"image": upload(), "focal": "nowhere"})
    assert list(answer.context["adminform"].form.errors) == ["focal"]
    assert methods == []


def test_inlines_say_it_too(start_service: StartService, editor: Visitor) -> None:
    service = start_service()
    album = Album.objects.create(title="a")
    page = f"/admin/gallery/album/{album.pk}/change/"
    with asked(service) as methods:
        answer = editor.post(page, {"title": "a", **inline(image=upload(), focal="")})
    assert (answer.status_code, methods) == (302, ["PUT"])
    assert album.picture_set.get().width == 300
    service.stop()
    album.picture_set.all().delete()
    answer = editor.post(page, {"title": "a", **inline(image=upload(), focal="")})
    formset = answer.context["inline_admin_formsets"][0].formset
    assert formset.errors == [{"image": [AWAY]}]


def test_the_name_of_a_file_may_be_made_of_the_row_above(
    fresh_service: Service, editor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upload_to(picture: Picture, name: str) -> str:
        return f"albums/{picture.album_id}/{name}"

    monkeypatch.setattr(Picture._meta.get_field("image"), "upload_to", upload_to)
    form = {"title": "a", **inline(image=upload(), focal="0.1x0.2")}
    with asked(fresh_service) as methods:
        assert editor.post("/admin/gallery/album/add/", form).status_code == 302
    album = Album.objects.get()
    assert album.picture_set.get().image.name == f"albums/{album.pk}/a.jpg"
    assert methods == ["PUT"]
