"""How focal point and crops get from a row to the service, and what is reported if they do not.

A change is sent after the transaction, in one request, and nothing else is. A change that could not
be sent can be found, and is sent later.
"""

from __future__ import annotations

import logging
import urllib.request
from typing import Any

import pytest
from django.db import connection, transaction
from django.forms import modelform_factory
from django.test.utils import CaptureQueriesContext
from PIL import Image

from django_tintype import url
from django_tintype.api.client import client
from django_tintype.fields.sync import bring_up_to_date
from tests.gallery.models import Picture
from tests.service import Service
from tests.test_field import FIELD, SQUARE, asked, jpeg, row

# Real commits, because that is when changes are sent.
pytestmark = pytest.mark.django_db(transaction=True)


def colour_of_square(picture: Picture) -> str:
    """The colour at the centre of a square crop, as a browser gets it."""
    address = url(picture.image.tintype, "w_40~h_40~fit_cover~f_png")
    with urllib.request.urlopen(address, timeout=30) as answer:
        red, _, blue = Image.open(answer).convert("RGB").getpixel((20, 20))  # type: ignore[misc]
    return "red" if red > blue else "blue"


# Sending the focal point


def test_a_changed_focal_point_is_one_request_and_changes_the_crop(fresh_service: Service) -> None:
    picture = Picture.objects.create(image=jpeg(), focal="0x0.5", title="kept")
    assert colour_of_square(picture) == "red"
    before = picture.version
    with asked(fresh_service) as methods:
        picture = Picture.objects.get()
        picture.focal = "1x0.5"
        # As another process would do meanwhile: not to be written over.
        Picture.objects.update(title="of somebody else")
        picture.save(update_fields=["focal"])
    assert methods == ["PATCH"]
    assert client().record("pictures/a.jpg").focal_point == (1, 0.5)
    assert picture.version == row(picture)["version"] != before
    assert row(picture)["title"] == "of somebody else"
    assert colour_of_square(picture) == "blue"


def test_a_changed_focal_point_costs_one_query_to_read_and_one_to_write(
    fresh_service: Service,
) -> None:
    picture = Picture.objects.create(image=jpeg())
    with CaptureQueriesContext(connection) as queries:
        picture.focal = "0.1x0.1"
        picture.save()
    kinds = [query["sql"].split()[0] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert kinds == ["UPDATE", "SELECT", "UPDATE"]


CHANGES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"title": "other"}, []),
    ({"focal": "0.9x0.5"}, []),
    # Another spelling of the same.
    ({"focal": "0.90x0.500"}, []),
    ({"focal": "0.1x0.5"}, ["PATCH"]),
    ({"focal": ""}, ["PATCH"]),
    ({"focal": "0.1x0.5", "crops": {}}, ["PATCH"]),
    ({"crops": {"square": SQUARE}}, []),
    ({"crops": {"square": {**SQUARE, "x": 0.5}}}, ["PATCH"]),
    ({"crops": {"wide": SQUARE}}, ["PATCH"]),
]


@pytest.mark.parametrize(("changes", "methods"), CHANGES, ids=str)
def test_only_changes_are_sent(
    fresh_service: Service, changes: dict[str, Any], methods: list[str]
) -> None:
    Picture.objects.create(image=jpeg(), focal="0.9x0.5", crops={"square": SQUARE})
    with asked(fresh_service) as made:
        picture = Picture.objects.get()
        for name, value in changes.items():
            setattr(picture, name, value)
        picture.save()
        # What was sent once is known from then on.
        picture.save()
    assert made == methods
    record = client().record("pictures/a.jpg")
    assert record.crops == picture.crops
    assert record.version == row(picture)["version"]


def test_nothing_is_sent_before_the_commit_or_after_a_rollback(fresh_service: Service) -> None:
    picture = Picture.objects.create(image=jpeg())
    with asked(fresh_service) as methods, pytest.raises(InterruptedError), transaction.atomic():
        picture.focal = "0.1x0.1"
        picture.save()
        raise InterruptedError
    assert methods == []
    with asked(fresh_service) as methods, transaction.atomic():
        picture.focal = "0.2x0.2"
        picture.save()
        picture.focal = "0.3x0.3"
        picture.save()
        assert client().record("pictures/a.jpg").focal_point is None
    # What was saved last is sent, once.
    assert methods == ["GET", "PATCH"]
    assert client().record("pictures/a.jpg").focal_point == (0.3, 0.3)


def test_a_change_that_is_taken_back_leaves_no_mark(fresh_service: Service) -> None:
    picture = Picture.objects.create(image=jpeg(), focal="0.1x0.1")
    version = picture.version
    with transaction.atomic():
        for focal in ("0.2x0.2", "0.1x0.1"):
            picture.focal = focal
            picture.save()
    assert row(picture)["version"] == version


@pytest.mark.parametrize("focal", ["0.1x0.1", ""])
def test_a_change_that_was_rolled_back_leaves_no_mark(fresh_service: Service, focal: str) -> None:
    Picture.objects.create(image=jpeg(), focal=focal)
    picture = Picture.objects.get()
    version = picture.version
    with transaction.atomic():
        with pytest.raises(KeyError), transaction.atomic():
            picture.focal = "0.2x0.2"
            picture.save()
            raise KeyError
        picture.focal = focal
        picture.save()
    assert row(picture)["version"] == picture.version == version
    with asked(fresh_service) as methods:
        picture.save()
    assert methods == []


@pytest.mark.parametrize("focal", ["0.2x0.2", ""])
def test_a_row_loaded_without_its_file_sends_its_focal_point_too(
    fresh_service: Service, focal: str
) -> None:
    Picture.objects.create(image=jpeg(), focal="0.1x0.1")
    with asked(fresh_service) as methods:
        picture = Picture.objects.only("focal").get()
        picture.focal = focal
        picture.save()
        picture.save()
    assert methods == ["PATCH"]
    assert client().record("pictures/a.jpg").focal_point == ((0.2, 0.2) if focal else None)
    assert row(picture)["version"] == client().record("pictures/a.jpg").version


def test_a_row_whose_file_is_loaded_later_sends_nothing(fresh_service: Service) -> None:
    Picture.objects.create(image=jpeg(), focal="0.1x0.1", title="before")
    picture = Picture.objects.defer("image").get()
    with asked(fresh_service) as methods:
        assert picture.image.name == "pictures/a.jpg"
        picture.title = "after"
        picture.save()
    assert methods == []
    assert (row(picture)["focal"], row(picture)["width"]) == ("0.1x0.1", 300)


def assign(picture: Picture) -> None:
    picture.image = jpeg((90, 60), name="b.jpg")
    picture.save()


def assign_another_rows(picture: Picture) -> None:
    picture.image = Picture(image=jpeg((90, 60), name="b.jpg")).image
    picture.save()


def save_file(picture: Picture) -> None:
    picture.image.save("b.jpg", jpeg((90, 60)))


@pytest.mark.parametrize("replace", [assign, assign_another_rows, save_file])
@pytest.mark.parametrize("loaded", ["image", "title", "focal", "width"])
def test_a_file_replaced_in_a_row_loaded_in_part_has_no_old_focal_point(
    fresh_service: Service, loaded: str, replace: Any
) -> None:
    Picture.objects.create(image=jpeg(), focal="0.1x0.1", crops={"square": SQUARE})
    picture = Picture.objects.only(loaded).get()
    replace(picture)
    found = row(picture)
    assert (found["focal"], found["crops"], found["width"]) == ("", {}, 90)
    assert found["version"] == client().record("pictures/b.jpg").version


def test_marks_that_were_not_loaded_are_compared_with_the_row(fresh_service: Service) -> None:
    def partly_loaded() -> Any:
        return Picture.objects.defer("focal", "crops").get()

    Picture.objects.create(image=jpeg(), focal="0.1x0.1", crops={"square": SQUARE})
    with asked(fresh_service) as methods:
        picture = partly_loaded()
        assert picture.focal and picture.crops
        picture.save()
    assert methods == []
    picture = partly_loaded()
    picture.focal = ""
    picture.save()
    record = client().record("pictures/a.jpg")
    assert (record.focal_point, record.crops) == (None, {"square": SQUARE})
    picture = partly_loaded()
    picture.crops = {}
    picture.save()
    record = client().record("pictures/a.jpg")
    assert (record.crops, row(picture)["version"]) == ({}, record.version)


def test_marks_that_are_looked_at_do_not_stay_with_another_file(fresh_service: Service) -> None:
    Picture.objects.create(image=jpeg(), focal="0.1x0.1", crops={"square": SQUARE})
    picture = Picture.objects.only("title").get()
    assert picture.focal and picture.crops
    assign(picture)
    assert (row(picture)["focal"], row(picture)["crops"]) == ("", {})


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_file_cleared_in_a_row_loaded_in_part_leaves_nothing(
    fresh_service: Service, nothing: Any
) -> None:
    Picture.objects.create(image=jpeg(), focal="0.1x0.1")
    picture = Picture.objects.only("title").get()
    picture.image = nothing
    picture.save()
    found = row(picture)
    assert [found[c] for c in ("image", "focal", "width", "version")] == ["", "", None, ""]


def test_of_two_changes_at_once_row_and_record_end_with_the_same(fresh_service: Service) -> None:
    mine = Picture.objects.create(image=jpeg())
    theirs = Picture.objects.get()
    with transaction.atomic():
        mine.focal = "0.1x0.1"
        mine.save()
        # Saved by somebody else before ours is sent; their own request will come too late.
        theirs.focal = "0.9x0.9"
        theirs.save()
    record = client().record("pictures/a.jpg")
    assert row(mine)["focal"] == "0.9x0.9"
    assert record.focal_point == (0.9, 0.9)
    assert row(mine)["version"] == record.version


@pytest.mark.parametrize("text", ["middle", "2x0.5", "0.5", "0.5x0.5x0.5", "-0.1x0", "9" * 20])
def test_a_focal_point_that_is_none_is_refused(fresh_service: Service, text: str) -> None:
    picture = Picture.objects.create(image=jpeg())
    picture.focal = text
    with pytest.raises(ValueError, match=r"is not two numbers from 0 to 1 such as 0\.35x0\.6"):
        picture.save()
    form = modelform_factory(Picture, fields=["focal"])({"focal": text}, instance=picture)
    assert not form.is_valid()
    assert "is not two numbers from 0 to 1" in str(form.errors["focal"])


def test_a_pair_is_written_as_text(fresh_service: Service) -> None:
    for pair in ((0.1, 0.25), [0.1, 0.25]):
        picture = Picture.objects.create(image=jpeg(), focal=pair)
        assert row(picture)["focal"] == "0.1x0.25"
        assert client().record(row(picture)["image"]).focal_point == (0.1, 0.25)


def test_crops_that_are_emptied_in_a_form_are_none(fresh_service: Service) -> None:
    picture = Picture.objects.create(image=jpeg(), crops={"square": SQUARE})
    form = modelform_factory(Picture, fields=["crops"])({"crops": ""}, instance=picture)
    form.save()
    assert row(picture)["crops"] == client().record("pictures/a.jpg").crops == {}


def test_crops_that_are_none_are_refused(fresh_service: Service) -> None:
    with pytest.raises(ValueError, match="are not a dict of names and cuts"):
        Picture.objects.create(image=jpeg(), crops=["square"])
    form = modelform_factory(Picture, fields=["crops"])({"crops": '["square"]'})
    assert "are not a dict of names and cuts" in str(form.errors["crops"])


# What goes wrong


def test_a_change_that_the_service_missed_is_told_marked_and_sent_later(
    fresh_service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    picture = Picture.objects.create(image=jpeg())
    fresh_service.stop()
    picture.focal = "0.1x0.1"
    with caplog.at_level(logging.ERROR, "django_tintype"):
        # The row is saved, so this raises nothing.
        picture.save()
    assert "'pictures/a.jpg'" in caplog.text
    assert "the next save of the row sends them again, or manage.py tintype_fill_dim" in caplog.text
    found = row(picture)
    assert (found["focal"], found["version"]) == ("0.1x0.1", "")
    # Without a version, no URL of the old crop is cached for ever.
    assert "~v_" not in url(picture.image.tintype, "w_40")

    fresh_service.start()
    with asked(fresh_service) as methods:
        bring_up_to_date(FIELD, picture, "default")
    assert methods == ["GET", "PATCH"]
    assert client().record("pictures/a.jpg").focal_point == (0.1, 0.1)
    assert row(picture)["version"] == client().record("pictures/a.jpg").version


@pytest.mark.parametrize("who", ["the same", "another"])
def test_a_change_that_was_missed_is_sent_with_the_next_save(
    fresh_service: Service, who: str
) -> None:
    picture = Picture.objects.create(image=jpeg())
    fresh_service.stop()
    picture.focal = "0.1x0.1"
    picture.save()
    fresh_service.start()
    if who == "another":
        picture = Picture.objects.get()
    with asked(fresh_service) as methods:
        picture.save()
    # Another process has to find out what is missing.
    assert methods == (["PATCH"] if who == "the same" else ["GET", "PATCH"])
    assert client().record("pictures/a.jpg").focal_point == (0.1, 0.1)
    assert row(picture)["version"] == client().record("pictures/a.jpg").version


def test_a_missed_focal_point_may_be_cleared(fresh_service: Service) -> None:
    picture = Picture.objects.create(image=jpeg(), focal="0.1x0.1")
    fresh_service.stop()
    picture.focal = "0.2x0.2"
    picture.save()
    fresh_service.start()
    picture = Picture.objects.get()
    picture.focal = ""
    picture.save()
    record = client().record("pictures/a.jpg")
    assert (record.focal_point, row(picture)["version"]) == (None, record.version)


def test_all_that_was_missed_is_sent(fresh_service: Service) -> None:
    picture = Picture.objects.create(image=jpeg(), focal="0.1x0.1", crops={"square": SQUARE})
    fresh_service.stop()
    picture.focal, picture.crops = "", {"other": SQUARE}
    picture.save()
    fresh_service.start()
    picture = Picture.objects.get()
    picture.save()
    record = client().record("pictures/a.jpg")
    assert (record.focal_point, record.crops) == (None, {"other": SQUARE})
    assert row(picture)["version"] == record.version


def test_marks_are_sent_to_the_file_of_the_row(fresh_service: Service) -> None:
    picture = Picture.objects.create(image=jpeg(), focal="0.1x0.1")
    picture.image, picture.focal = jpeg((90, 60), name="b.jpg"), ""
    picture.save(update_fields=["focal"])
    record = client().record("pictures/a.jpg")
    assert (record.focal_point, row(picture)["version"]) == (None, record.version)


def test_a_missed_focal_point_does_not_stay_with_another_file(fresh_service: Service) -> None:
    Picture.objects.create(image=jpeg(), focal="0.1x0.1")
    Picture.objects.update(focal="0.2x0.2", version="")
    picture = Picture.objects.get()
    assign(picture)
    assert row(picture)["focal"] == ""
    assert client().record("pictures/b.jpg").focal_point is None


def test_a_deleted_original_is_told(
    fresh_service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    picture = Picture.objects.create(image=jpeg())
    client().delete("pictures/a.jpg")
    picture.focal = "0.1x0.1"
    picture.save()
    assert "have not reached the service: [Errno 2]" in caplog.text


def test_rows_from_elsewhere_are_filled_from_the_record(fresh_service: Service) -> None:
    """As after an import, `QuerySet.update`, `loaddata`, or for columns that were added later."""
    client().put("pictures/there.jpg", jpeg().read(), record={"focal_point": {"x": 0.2, "y": 0.3}})
    picture = Picture(image="pictures/there.jpg")
    with asked(fresh_service) as methods:
        picture.save()
    assert methods == []
    with asked(fresh_service) as methods:
        bring_up_to_date(FIELD, picture, "default")
    assert methods == ["GET"]
    found = row(picture)
    assert (found["width"], found["height"], found["focal"]) == (300, 200, "0.2x0.3")
    assert found["version"] == client().record("pictures/there.jpg").version
