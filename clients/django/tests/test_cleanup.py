"""`delete_orphans=True`: files that no row of the field names any more are deleted after the
transaction, and nothing else is.
"""

from __future__ import annotations

import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.migrations.writer import MigrationWriter

from django_tintype.api.client import client
from tests.gallery.models import Picture, Tidy, TidyChild
from tests.service import Service
from tests.test_field import jpeg

pytestmark = pytest.mark.django_db(transaction=True)


def there() -> set[str]:
    return {record.key.removeprefix("tidy/") for record in client().walk("tidy/")}


def tidy(name: str, kind: type[Tidy] = Tidy) -> Tidy:
    row = kind(image=jpeg(name=name))
    row.save()
    return row


@pytest.mark.parametrize("kind", [Tidy, TidyChild])
def test_what_was_replaced_or_deleted_is_gone(fresh_service: Service, kind: type[Tidy]) -> None:
    row = tidy("a.jpg", kind)
    assert there() == {"a.jpg"}
    row.image = jpeg((200, 100), name="b.jpg")
    row.save()
    assert there() == {"b.jpg"}
    row = kind.objects.get()
    row.image = jpeg((100, 100), name="c.jpg")
    row.save(update_fields=["image"])
    assert there() == {"c.jpg"}
    kind.objects.only("pk").get().delete()
    assert there() == set()
    tidy("d.jpg", kind)
    kind.objects.all().delete()
    assert there() == set()


def test_a_file_that_was_never_loaded_goes_too(fresh_service: Service) -> None:
    tidy("a.jpg")
    row = Tidy.objects.defer("image").get()
    row.image = jpeg(name="b.jpg")
    row.save()
    assert there() == {"b.jpg"}
    row = Tidy.objects.defer("image").get()
    row.title = "not the image"
    row.save()
    assert there() == {"b.jpg"}
    row.image = ""
    row.save()
    assert there() == set()


def test_what_another_row_names_stays(fresh_service: Service) -> None:
    one, other = tidy("a.jpg"), Tidy()
    other.image = one.image
    other.save()
    one.delete()
    assert there() == {"a.jpg"}
    other.image = jpeg(name="b.jpg")
    other.save()
    assert there() == {"b.jpg"}


def test_what_was_never_saved_lets_nothing_go(fresh_service: Service) -> None:
    client().put("tidy/theirs.jpg", b"of somebody else")
    row = Tidy(image="tidy/theirs.jpg")
    row.image = jpeg(name="a.jpg")
    row.save()
    assert there() == {"a.jpg", "theirs.jpg"}


def test_the_default_of_all_rows_stays(fresh_service: Service) -> None:
    client().put("tidy/none.jpg", b"default")
    row = Tidy.objects.create()
    row.image = jpeg(name="a.jpg")
    row.save()
    Tidy.objects.create().delete()
    assert there() == {"none.jpg", "a.jpg"}


def test_what_was_rolled_back_stays_and_goes_with_the_next_save(fresh_service: Service) -> None:
    row = tidy("a.jpg")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        row.image = jpeg(name="b.jpg")
        row.save()
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Tidy.objects.get().delete()
        raise ZeroDivisionError
    assert "a.jpg" in there()
    assert Tidy.objects.get().image.read() == jpeg().read()
    with transaction.atomic():
        row.image = jpeg(name="c.jpg")
        row.save()
        assert "a.jpg" in there()
    assert there() == {"c.jpg"}


def test_a_service_that_is_away_is_told_and_nothing_fails(
    fresh_service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    row = tidy("a.jpg")
    fresh_service.stop()
    row.delete()
    assert not Tidy.objects.exists()
    assert "tidy/a.jpg" in caplog.text and "tintype_orphans" in caplog.text


def test_without_the_option_everything_stays(fresh_service: Service) -> None:
    row = Picture.objects.create(image=ContentFile(b"x", "tidy.txt"))
    row.image = ContentFile(b"y", "tidy.txt")
    row.save()
    row.delete()
    assert len(client().list("pictures/").files) == 2


def test_the_option_is_in_migrations() -> None:
    text, _ = MigrationWriter.serialize(Tidy._meta.get_field("image"))
    assert "delete_orphans=True" in text
    text, _ = MigrationWriter.serialize(Picture._meta.get_field("image"))
    assert "delete_orphans" not in text and "allow_unrenderable" not in text
