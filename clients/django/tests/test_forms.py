"""A file that the service refuses, and an unavailable service, are errors of a form and not of a
page."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.admin import site
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.forms import ModelForm
from django.test import Client as Visitor
from PIL import Image

from django_tintype.api.client import client
from django_tintype.forms import UploadWhileValidating
from tests.conftest import StartService
from tests.gallery.models import Album, Picture
from tests.service import CHECKOUT, Service
from tests.test_field import asked, jpeg

pytestmark = pytest.mark.django_db(transaction=True)

CORPUS = CHECKOUT.parent / "shared" / "corpus"

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


# What can be shown, in an editor's words


def png(width: int, height: int) -> bytes:
    content = io.BytesIO()
    Image.new("1", (width, height)).save(content, "PNG")
    return content.getvalue()


def heic() -> bytes:
    return b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)


AVIF = b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(64)
PSD = b"8BPS\0\1\0\0\0\0\0\0\0\3\0\0\0\x20\0\0\0\x20\0\x08\0\3" + bytes(64)
LAB = PSD[:25] + b"\x09" + PSD[26:]
DAMAGED = jpeg().read()[:2] + b"\xff\xdb" + bytes(3000)

#: A file that cannot be shown, and the expected message.
UNSHOWN = [
    ("a.png", png(12000, 10000), "120 megapixels; at most 100 can be shown"),
    ("a.psd", PSD, "damaged and cannot be shown"),
    ("a.jpg", DAMAGED, "damaged and cannot be shown"),
    ("a.heic", heic(), "damaged and cannot be shown"),
    ("a.jpg", LAB, "Photoshop file, which cannot be shown here"),
    ("a.jpg", b"%PDF-1.7 a document", "PDF file"),
    ("a.jpg", b"no picture at all, and no other file that is known", "is no picture"),
]
SAVED = "was added successfully"


@pytest.mark.parametrize("is_known", [True, False], ids=["limits-known", "limits-unknown"])
@pytest.mark.parametrize(("name", "content", "said"), UNSHOWN)
def test_what_cannot_be_shown_is_an_error_of_the_form(
    fresh_service: Service, editor: Visitor, name: str, content: bytes, said: str, is_known: bool
) -> None:
    if is_known:
        editor.get(ADD)
    answer = editor.post(ADD, {"title": "a", "image": SimpleUploadedFile(name, content)})
    assert answer.status_code == 200
    errors = answer.context["adminform"].form.errors
    assert list(errors) == ["image"] and said in errors["image"][0]
    assert not Picture.objects.exists()
    # Nothing is left of it, neither in the database nor in the service.
    assert client().list("pictures/").files == ()


@pytest.mark.parametrize(
    ("name", "size"), [("made-orient-6.heic", (200, 320)), ("made-orient-6.avif", (320, 200))]
)
def test_what_a_phone_takes_is_taken_though_pillow_may_not_know_it(
    fresh_service: Service, editor: Visitor, name: str, size: tuple[int, int]
) -> None:
    assert "image/heic,image/heif" in editor.get(ADD).content.decode()
    content = (CORPUS / "orientation" / name).read_bytes()
    form = {"title": "a", "image": SimpleUploadedFile(name, content)}
    answer = editor.post(ADD, form, follow=True)
    assert any(SAVED in str(message) for message in answer.context["messages"])
    picture = Picture.objects.get()
    assert (picture.width, picture.height) == size


def test_what_cannot_be_shown_is_a_warning_where_that_is_wanted(
    fresh_service: Service, editor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Picture._meta.get_field("image"), "allow_unrenderable", True)
    for is_known in (False, True):
        for name, content, said in UNSHOWN[:4]:
            if is_known:
                assert 'accept="image/*"' in editor.get(ADD).content.decode()
            form = {"title": "a", "image": SimpleUploadedFile(name, content)}
            answer = editor.post(ADD, form, follow=True)
            told = [str(message) for message in answer.context["messages"]]
            assert any(said in message for message in told), told
            assert any(SAVED in message for message in told), told
    assert Picture.objects.count() == 8


def test_a_picture_without_its_end_is_a_warning(fresh_service: Service, editor: Visitor) -> None:
    whole = jpeg().read()
    form = {"title": "a", "image": SimpleUploadedFile("a.jpg", whole[: len(whole) * 3 // 4])}
    answer = editor.post(ADD, form, follow=True)
    told = [str(message) for message in answer.context["messages"]]
    assert any("The end of this picture is missing" in message for message in told), told
    assert Picture.objects.get().width == 300


def test_a_form_says_what_the_service_takes_and_asks_now_and_then(
    start_service: StartService, editor: Visitor
) -> None:
    service = start_service({"TINTYPE_ALLOW_TYPES": "image/png,image/jpeg,application/pdf"})
    with asked(service) as methods:
        for _ in range(3):
            page = editor.get(ADD).content.decode()
            assert 'accept="image/jpeg,image/png"' in page
    assert methods == ["GET"]
    webp = SimpleUploadedFile("a.webp", b"RIFF\x10\0\0\0WEBPVP8 ")
    with asked(service) as methods:
        answer = editor.post(ADD, {"title": "a", "image": webp})
    said = answer.context["adminform"].form.errors["image"][0]
    assert "WebP files (image/webp) are not accepted here. Please use JPEG or PNG." in said
    assert methods == []


def test_a_form_does_without_a_service(fresh_service: Service, editor: Visitor) -> None:
    fresh_service.stop()
    assert 'accept="image/*"' in editor.get(ADD).content.decode()


def test_a_form_needs_no_pillow(
    fresh_service: Service, editor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert "tintype.W022" in [message.id for message in Picture.check()]
    form = {"title": "a", "image": SimpleUploadedFile("a.jpg", DAMAGED)}
    assert "damaged" in str(editor.post(ADD, form).context["adminform"].form.errors)
    assert editor.post(ADD, {"title": "a", "image": upload_without_pillow()}).status_code == 302


JPEG = jpeg().read()


def upload_without_pillow() -> SimpleUploadedFile:
    return SimpleUploadedFile("a.jpg", JPEG, "image/jpeg")
