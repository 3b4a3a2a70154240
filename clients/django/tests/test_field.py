"""What a `TintypeImageField` promises.

Saving a new file takes one request and fills every column; loading a row and reading its width
takes none. `test_marks` covers focal points and crops.
"""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, models, transaction
from django.db.migrations.writer import MigrationWriter
from django.db.models import signals
from django.forms import modelform_factory
from django.test.utils import CaptureQueriesContext, isolate_apps
from django.utils.datastructures import MultiValueDict
from PIL import Image
from pytest_django import Settings

from django_tintype import TintypeImageField
from django_tintype.api.client import client
from django_tintype.fields.state import RowState
from tests.conftest import StartService
from tests.gallery.models import (
    Album,
    Bare,
    Defaulted,
    Later,
    OnDisk,
    Picture,
    PictureProxy,
    Poster,
    Scan,
    Tidy,
)
from tests.service import Service
from tests.storages import stream

# Real commits, because that is when changes are sent.
pytestmark = pytest.mark.django_db(transaction=True)

FIELD: Any = Picture._meta.get_field("image")
SQUARE = {"x": 0.25, "y": 0.0, "width": 0.5, "height": 1.0}


def jpeg(size: tuple[int, int] = (300, 200), orientation: int = 1, name: str = "a.jpg") -> Any:
    """Red on the left, blue on the right, so that a crop shows where it is from."""
    picture = Image.new("RGB", size, "red")
    picture.paste("blue", (size[0] // 2, 0, *size))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    picture.save(file, "JPEG", exif=exif)
    return ContentFile(file.getvalue(), name)


@contextmanager
def asked(service: Service) -> Iterator[list[str]]:
    """The methods of the requests made meanwhile."""
    before = len(service.requests())
    methods: list[str] = []
    yield methods
    methods += [request["method"] for request in service.requests()[before:]]


def row(picture: models.Model) -> dict[str, Any]:
    found: dict[str, Any] = type(picture)._base_manager.filter(pk=picture.pk).values().get()
    return found


# Saving


def test_a_save_is_one_request_and_fills_every_column(fresh_service: Service) -> None:
    with asked(fresh_service) as methods:
        picture = Picture.objects.create(image=jpeg())
    assert methods == ["PUT"]
    record = client().record("pictures/a.jpg")
    assert record.image
    assert row(picture) == {
        "id": picture.pk,
        "album_id": None,
        "title": "",
        "image": "pictures/a.jpg",
        "width": 300,
        "height": 200,
        "version": record.version,
        "placeholder": record.image.thumbhash,
        "focal": "",
        "crops": {},
    }
    assert row(picture)["version"] and row(picture)["placeholder"]


@pytest.mark.parametrize("save", ["file.save", "instance.save", "create", "bulk_create", "form"])
def test_every_way_to_save_is_one_request(fresh_service: Service, save: str) -> None:
    with asked(fresh_service) as methods:
        match save:
            case "file.save":
                Picture().image.save("a.jpg", jpeg())
            case "instance.save":
                Picture(image=jpeg()).save()
            case "create":
                Picture.objects.create(image=jpeg())
            case "bulk_create":
                Picture.objects.bulk_create([Picture(image=jpeg())])
            case "form":
                form_class = modelform_factory(Picture, fields=["image"])
                upload = SimpleUploadedFile("a.jpg", jpeg().read(), "image/jpeg")
                form = form_class({}, MultiValueDict({"image": [upload]}))
                assert form.is_valid(), form.errors
                form.save()
    assert methods == ["PUT"]
    saved = Picture.objects.get()
    assert (saved.image.name, saved.height) == ("pictures/a.jpg", 200)
    # Columns before the image are known too late only for one INSERT of many rows.
    assert saved.width == (None if save == "bulk_create" else 300)


def test_dimensions_are_those_of_the_upright_picture(fresh_service: Service) -> None:
    picture = Picture.objects.create(image=jpeg((300, 200), orientation=6))
    assert (picture.width, picture.height) == (200, 300)


def test_a_focal_point_travels_with_the_upload(fresh_service: Service) -> None:
    with asked(fresh_service) as methods:
        picture = Picture.objects.create(image=jpeg(), focal="0.9x0.5", crops={"square": SQUARE})
    assert methods == ["PUT"]
    record = client().record("pictures/a.jpg")
    assert record.focal_point == (0.9, 0.5)
    assert record.crops == {"square": SQUARE}
    assert row(picture)["version"] == record.version


def test_what_is_no_picture_has_no_dimensions(fresh_service: Service) -> None:
    picture = Picture.objects.create(image=ContentFile(b"text", "a.txt"))
    found = row(picture)
    assert (found["width"], found["height"], found["placeholder"]) == (None, None, "")
    assert found["version"] == client().record("pictures/a.txt").version


def test_a_save_needs_no_pillow(fresh_service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    picture = Picture.objects.create(image=jpeg_without_pillow())
    assert picture.width == 300
    assert not [e for e in FIELD.check() if e.id == "fields.E210"]


JPEG = jpeg().read()


def jpeg_without_pillow() -> Any:
    return ContentFile(JPEG, "a.jpg")


@pytest.mark.parametrize("fields", [["image"], ["image", "width"]])
def test_update_fields_does_not_leave_the_other_columns_behind(
    fresh_service: Service, fields: list[str]
) -> None:
    picture = Picture.objects.create(image=jpeg(), title="before")
    picture.image = jpeg((90, 60), name="b.jpg")
    picture.title = "not to be saved"
    picture.save(update_fields=fields)
    found = row(picture)
    assert (found["width"], found["height"], found["title"]) == (90, 60, "before")
    assert found["version"] == client().record("pictures/b.jpg").version


def test_a_save_after_a_rollback_does_not_leave_the_other_columns_behind(
    fresh_service: Service,
) -> None:
    picture = Picture.objects.create(image=jpeg(), focal="0.1x0.1")
    picture.image = jpeg((90, 60), name="b.jpg")
    with pytest.raises(KeyError), transaction.atomic():
        picture.save(update_fields=["image"])
        raise KeyError
    assert row(picture)["width"] == 300
    picture.save(update_fields=["image"])
    found = row(picture)
    assert (found["width"], found["height"], found["focal"]) == (90, 60, "")
    assert found["version"] == client().record("pictures/b.jpg").version


def test_update_fields_with_the_same_file_writes_nothing_else(fresh_service: Service) -> None:
    picture = Picture.objects.create(image=jpeg(), focal="0.1x0.1")
    # As another process would do meanwhile.
    Picture.objects.update(focal="0.2x0.2", placeholder="?")
    with asked(fresh_service) as methods, CaptureQueriesContext(connection) as queries:
        picture.save(update_fields=["image"])
    assert methods == []
    assert len(queries) == 1
    assert (row(picture)["focal"], row(picture)["placeholder"]) == ("0.2x0.2", "?")


@pytest.mark.parametrize("model", [PictureProxy, Poster])
def test_proxies_and_children_are_saved_like_their_model(
    fresh_service: Service, model: type[Picture]
) -> None:
    picture = model.objects.create(image=jpeg())
    assert Picture.objects.get(pk=picture.pk).width == 300
    with asked(fresh_service) as methods:
        picture.focal = "0.1x0.2"
        picture.save()
    assert methods == ["PATCH"]
    assert Picture.objects.get(pk=picture.pk).version == client().record("pictures/a.jpg").version


def test_a_child_of_several_models_has_the_columns_of_its_own_picture(
    fresh_service: Service,
) -> None:
    other = Picture.objects.create(image=jpeg((90, 60)), focal="0.9x0.9")
    before = row(other)
    scan = Scan.objects.create(chapter_id=other.pk, image=jpeg(name="b.jpg"))
    assert scan.pk == other.pk != scan.id
    scan.focal = "0.1x0.2"
    scan.save(update_fields=["focal"])
    record = client().record("pictures/b.jpg")
    assert record.focal_point == (0.1, 0.2)
    assert scan.version == Scan.objects.get().version == record.version
    assert row(other) == before


def test_a_file_of_pythons_own_takes_the_focal_point_along(fresh_service: Service) -> None:
    picture = Picture(focal="0.1x0.2")
    picture.image.save("a.jpg", io.BytesIO(JPEG))  # type: ignore[arg-type]  # Django takes it
    assert client().record("pictures/a.jpg").focal_point == (0.1, 0.2)


def test_a_file_that_a_receiver_puts_there_has_its_own_columns(fresh_service: Service) -> None:
    def shrink(instance: Picture, **kwargs: Any) -> None:
        instance.image = jpeg((30, 20), name="small.jpg")

    other = Picture.objects.create(image=jpeg(name="other.jpg"), focal="0.1x0.1")
    signals.pre_save.connect(shrink, sender=Picture)
    try:
        picture = Picture.objects.create(image=jpeg())
        other.save(update_fields=["image"])
    finally:
        signals.pre_save.disconnect(shrink, sender=Picture)
    for changed in (picture, other):
        found = row(changed)
        assert (found["width"], found["height"], found["focal"]) == (30, 20, "")
        assert found["version"] == client().record(found["image"]).version


def test_columns_may_have_defaults_of_the_database(fresh_service: Service) -> None:
    with asked(fresh_service) as methods:
        picture = Defaulted.objects.create(image=jpeg())
        assert Defaulted.objects.create().focal == ""
    assert methods == ["PUT"]
    assert (row(picture)["focal"], row(picture)["version"]) == ("", picture.version)
    picture.focal = "0.1x0.2"
    picture.save()
    assert client().record("defaulted/a.jpg").focal_point == (0.1, 0.2)


def test_a_row_may_be_made_of_another(fresh_service: Service) -> None:
    theirs = Picture.objects.create(image=jpeg(), focal="0.9x0.5", crops={"square": SQUARE})
    copied = Picture.objects.get()
    with asked(fresh_service) as methods:
        copied.pk, copied._state.adding = None, True
        copied.save()
    # It cannot be told from a row that was created with its own focal point.
    assert methods == ["GET"]
    with asked(fresh_service) as methods:
        made = Picture.objects.create(image=theirs.image)
        assert {**row(copied), "id": 0} == {**row(made), "id": 0} == {**row(theirs), "id": 0}
        lent = Picture.objects.create(image=Bare.objects.create(image=theirs.image).image)
        assert (row(lent)["image"], row(lent)["width"]) == ("pictures/a.jpg", None)
    assert methods == []
    for file in (theirs.image, "pictures/a.jpg"):
        version = client().record("pictures/a.jpg").version
        client().patch("pictures/a.jpg", {"focal_point": None})
        album = Album.objects.create()
        Picture.objects.create(album=album, image=file, focal="0.2x0.2", version=version)
        assert client().record("pictures/a.jpg").focal_point == (0.2, 0.2)


# Loading


def test_loading_and_measuring_ask_nobody(fresh_service: Service) -> None:
    Picture.objects.create(image=jpeg())
    with asked(fresh_service) as methods, CaptureQueriesContext(connection) as queries:
        picture = Picture.objects.get()
        assert (picture.image.width, picture.image.height) == (300, 200)
        assert picture.image.tintype.size == (300, 200)
        assert pickle.loads(pickle.dumps(picture)).image.width == 300
    assert methods == []
    assert len(queries) == 1


def test_what_an_instance_remembers_is_one_value_that_copies_do_not_share(
    fresh_service: Service,
) -> None:
    def remembered(instance: models.Model) -> list[RowState]:
        return [value for name, value in vars(instance).items() if name.startswith("_tintype")]

    picture = Picture.objects.create(image=jpeg())
    picture.focal = "0.1x0.2"
    picture.save()
    for tidy in (Tidy.objects.create(image=jpeg()), Tidy.objects.get()):
        assert [type(value) for value in remembered(tidy)] == [RowState]
    (before,) = remembered(picture)
    assert before.known and before.known.marks.focal == (0.1, 0.2)
    other = copy.copy(picture)
    other.focal = "0.3x0.4"
    other.image = jpeg(name="b.jpg")
    other.save()
    assert remembered(picture) == [before]
    for twin in (copy.deepcopy(picture), pickle.loads(pickle.dumps(picture))):
        assert remembered(twin) == [before]


def test_a_row_without_dimensions_is_not_measured_by_loading_it(fresh_service: Service) -> None:
    Picture.objects.create(image=jpeg())
    Picture.objects.update(width=None, height=None)
    with asked(fresh_service) as methods:
        picture = Picture.objects.get()
        assert picture.width is None and picture.image.tintype.size is None
    assert methods == []
    with asked(fresh_service) as methods:
        assert (picture.image.width, picture.image.height) == (300, 200)
    assert methods == ["HEAD"]


def test_deferred_columns_stay_deferred(fresh_service: Service) -> None:
    Picture.objects.create(image=jpeg())
    with asked(fresh_service) as methods, CaptureQueriesContext(connection) as queries:
        picture = Picture.objects.only("title").get()
        picture.title = "other"
        picture.save()
    assert methods == []
    assert len(queries) == 2


def test_a_column_that_was_not_loaded_is_read_before_the_service_is_asked(
    fresh_service: Service,
) -> None:
    Picture.objects.create(image=jpeg())
    with asked(fresh_service) as methods:
        picture = Picture.objects.only("image").get()
        assert (picture.image.width, picture.image.height) == (300, 200)
    assert methods == []


def test_refreshing_a_row_takes_it_as_it_is_now(fresh_service: Service) -> None:
    mine = Picture.objects.create(image=jpeg())
    theirs = Picture.objects.get()
    theirs.image, theirs.focal = jpeg((90, 60), name="b.jpg"), "0.2x0.2"
    theirs.save()
    with asked(fresh_service) as methods:
        mine.refresh_from_db()
        assert (mine.width, mine.height, mine.version) == (90, 60, theirs.version)
        mine.save()
    assert methods == []
    assert row(mine) == row(theirs)


def test_refreshing_the_file_alone_does_not_leave_the_columns_of_the_old_one(
    fresh_service: Service,
) -> None:
    mine = Picture.objects.create(image=jpeg())
    theirs = Picture.objects.get()
    theirs.image = jpeg((90, 60), name="b.jpg")
    theirs.save()
    mine.refresh_from_db(fields=["image"])
    assert (mine.image.name, mine.width, mine.height) == ("pictures/b.jpg", 90, 60)


# Replacing


def test_another_file_has_columns_and_focal_point_of_its_own(fresh_service: Service) -> None:
    picture = Picture.objects.create(image=jpeg(), focal="0.9x0.5", crops={"square": SQUARE})
    picture.image = jpeg((90, 60), name="b.jpg")
    assert picture.width is None
    picture.save()
    found = row(picture)
    assert (found["width"], found["focal"], found["crops"]) == (90, "", {})
    assert client().record("pictures/b.jpg").focal_point is None


def test_a_focal_point_set_for_the_new_file_stays(fresh_service: Service) -> None:
    picture = Picture.objects.create(image=jpeg(), focal="0.9x0.5")
    with asked(fresh_service) as methods:
        picture.focal = "0.1x0.5"
        picture.image = jpeg((90, 60), name="b.jpg")
        picture.save()
    assert methods == ["PUT"]
    assert client().record("pictures/b.jpg").focal_point == (0.1, 0.5)
    assert row(picture)["focal"] == "0.1x0.5"


def test_a_focal_point_given_before_the_file_stays(fresh_service: Service) -> None:
    # As if the field had a default.
    picture = Picture(image="pictures/default.jpg", focal="0.1x0.5")
    picture.image.save("b.jpg", jpeg((90, 60)))
    assert client().record("pictures/b.jpg").focal_point == (0.1, 0.5)
    assert row(picture)["focal"] == "0.1x0.5"


def test_a_file_of_another_row_brings_what_is_known_of_it(fresh_service: Service) -> None:
    theirs = Picture.objects.create(image=jpeg(), focal="0.9x0.5")
    bare = Bare.objects.create(image=jpeg(name="bare.jpg"))
    mine = Picture.objects.create(image=jpeg((90, 60), name="b.jpg"), focal="0.1x0.5")
    with asked(fresh_service) as methods:
        mine.image = theirs.image
        mine.save(update_fields=["image"])
        columns = ("image", "width", "version", "focal")
        assert [row(mine)[name] for name in columns] == [row(theirs)[name] for name in columns]
        mine.image = bare.image
        mine.save()
        assert [row(mine)[name] for name in columns] == ["bare/bare.jpg", None, "", ""]
    assert methods == []


@pytest.mark.parametrize("clear", ["None", "delete"])
def test_a_cleared_file_leaves_nothing_behind(fresh_service: Service, clear: str) -> None:
    picture = Picture.objects.create(image=jpeg(), focal="0.9x0.5")
    if clear == "delete":
        picture.image.delete()
    else:
        picture.image = ""
        picture.save()
    found = row(picture)
    emptied = ("image", "width", "height", "version", "placeholder", "focal")
    assert [found[column] or None for column in emptied] == [None] * 6


# Other storages


def test_with_another_storage_it_is_an_image_field(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    saved = OnDisk.objects.create(image=jpeg())
    assert (saved.width, saved.height) == (300, 200)
    OnDisk.objects.update(width=None, height=None)
    # Django's own way: the file is opened when the row is loaded.
    assert OnDisk.objects.get().width == 300
    assert (tmp_path / "disk" / "a.jpg").exists()


def test_a_file_that_waits_to_be_moved_is_measured_here(
    start_service: StartService, tmp_path: Path
) -> None:
    folder = tmp_path / "waiting"
    folder.mkdir()
    service = start_service(DEFERRED_ROOT=folder, DEFERRED_ROOT_IS_SHARED_AND_DURABLE=True)
    with asked(service) as methods:
        waiting = Later.objects.create(image=jpeg((300, 200), orientation=6), focal="0.1x0.1")
        waiting.focal = "0.2x0.2"
        waiting.save()
    assert methods == []
    found = row(waiting)
    assert (found["width"], found["height"], found["version"]) == (200, 300, "")
    # A stream cannot be measured after it was kept.
    later = Later()
    later.image.save("b.jpg", stream(JPEG))
    assert (row(later)["width"], later.image.size) == (None, len(JPEG))


def test_it_works_with_the_double_for_the_tests_of_sites(
    settings: Settings,
) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django_tintype.testing.InMemoryTintype"},
    }
    picture = Picture.objects.create(image=jpeg(), focal="0.1x0.1")
    assert (picture.width, picture.height) == (300, 200)
    version = picture.version
    picture.focal = "0.2x0.2"
    picture.save()
    assert picture.version == row(picture)["version"] not in ("", version)


# Declaration


def test_a_migration_has_every_option() -> None:
    text, _ = MigrationWriter.serialize(FIELD)
    assert text == (
        "django_tintype.TintypeImageField(blank=True, crops_field='crops', focal_field='focal', "
        "height_field='height', placeholder_field='placeholder', upload_to='pictures', "
        "version_field='version', width_field='width')"
    )


@pytest.mark.parametrize(
    ("options", "columns", "ids"),
    [
        ({}, {}, ["tintype.W020"]),
        ({"width_field": "w", "height_field": "h"}, {}, ["tintype.E020", "tintype.E020"]),
        (
            {"version_field": "v"},
            {"v": models.CharField(max_length=8)},
            ["tintype.E021", "tintype.W020"],
        ),
        (
            {"focal_field": "f"},
            {"f": models.IntegerField()},
            ["tintype.E021", "tintype.W020", "tintype.W021"],
        ),
    ],
    ids=lambda value: " ".join(value),
)
@isolate_apps("tests.gallery")
def test_columns_are_checked(
    options: dict[str, Any], columns: dict[str, models.Field[Any, Any]], ids: list[str]
) -> None:
    body = {"__module__": "tests.gallery.models", "image": TintypeImageField(**options), **columns}
    model: Any = type("Checked", (models.Model,), body)
    found = model._meta.get_field("image").check()
    assert [message.id for message in found] == ids
    assert all(message.hint for message in found)


def test_the_models_of_these_tests_are_right() -> None:
    assert Picture.check() == []
    assert [message.id for message in Bare.check()] == ["tintype.W020"]
