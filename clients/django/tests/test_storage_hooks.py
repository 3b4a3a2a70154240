"""Names chosen by a subclass are respected, and nothing is overwritten for them."""

from __future__ import annotations

import threading
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile

from django_tintype import TintypeStorage
from django_tintype.storages import tintype as storage_module
from tests.storages import DECOMPOSED, Make, stream, text
from tests.storages import kept as kept
from tests.storages import make as make
from tests.storages import storage as storage


class Numbered(TintypeStorage):
    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        number = 1
        candidate = name
        while self.exists(candidate):
            number += 1
            candidate = f"{name}.{number}"
        return candidate


class Dated(TintypeStorage):
    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return super().get_available_name(f"2016/{name}", max_length)


class Alternative(TintypeStorage):
    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        return f"{file_root}-again{file_ext}"


class Reserved(TintypeStorage):
    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        return not name.startswith("reserved") and super().is_name_available(name, max_length)


class Hidden(TintypeStorage):
    """An old recipe: if nothing exists, a file gets the requested name."""

    def exists(self, name: str) -> bool:
        return False


def test_names_of_a_subclass_are_respected(make: Make) -> None:
    numbered = make(Numbered)
    assert [numbered.save("n", ContentFile(b"")) for _ in range(3)] == ["n", "n.2", "n.3"]
    dated = make(Dated)
    assert dated.save("d", ContentFile(b"")) == "2016/d"
    assert dated.save("d", ContentFile(b"")).startswith("2016/d_")
    alternative = make(Alternative)
    saved = [alternative.save("a.txt", ContentFile(b"")) for _ in range(2)]
    assert saved == ["a.txt", "a-again.txt"]
    reserved = make(Reserved)
    with pytest.raises(SuspiciousFileOperation):
        reserved.save("reserved.txt", ContentFile(b""), max_length=12)


def test_names_of_a_subclass_never_write_over_a_file(make: Make) -> None:
    hidden = make(Hidden)
    hidden.save("a", ContentFile(b"first"))
    with pytest.raises(FileExistsError):
        hidden.save("a", ContentFile(b"second"))
    assert text(hidden, "a") == b"first"


class Deleting(TintypeStorage):
    """A common idiom of sites, for files that have to keep their names."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        if self.exists(name):
            self.delete(name)
        return name


class DeletingUnseen(TintypeStorage):
    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        self.delete(name)
        return name


class DeletingWhenAsked(TintypeStorage):
    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        self.delete(name)
        return super().is_name_available(name, max_length)


MAKE_ROOM = [Deleting, DeletingUnseen, DeletingWhenAsked]


@pytest.mark.parametrize("kind", MAKE_ROOM)
@pytest.mark.parametrize("name", ["logo.png", DECOMPOSED])
def test_a_hook_that_makes_room_keeps_the_name(
    make: Make, kind: type[TintypeStorage], name: str
) -> None:
    storage = make(kind)
    for content in (b"1", b"2", b"3"):
        saved = storage.save(name, ContentFile(content))
        assert saved == unicodedata.normalize("NFC", name)
        assert text(storage, name) == content
    assert len(storage.listdir(saved.rpartition("/")[0])[1]) == 1


@pytest.mark.parametrize("kind", MAKE_ROOM)
def test_two_that_make_room_at_once_are_both_right(make: Make, kind: type[TintypeStorage]) -> None:
    # Both have made room before either writes, so that one finds the other's file.
    both_asked = threading.Barrier(2)

    class Together(kind):  # type: ignore[valid-type,misc]
        def get_available_name(self, name: str, max_length: int | None = None) -> str:
            available = super().get_available_name(name, max_length)
            if name not in here.asked:
                here.asked.append(name)
                both_asked.wait(30)
            return str(available) if kind is not DeletingWhenAsked else available

    class Here(threading.local):
        def __init__(self) -> None:
            self.asked: list[str] = []

    here, storage = Here(), make(Together)
    with ThreadPoolExecutor(2) as pool:
        for number in range(3):
            name, contents = f"logo-{number}.png", [b"1", b"2"]
            saves = [pool.submit(storage.save, name, ContentFile(c)) for c in contents]
            assert [save.result() for save in saves] == [name, name]
            assert text(storage, name) in contents


def test_many_that_make_room_at_once_are_all_right(make: Make) -> None:
    storage = make(Deleting)
    contents = [str(number).encode() for number in range(6)]
    with ThreadPoolExecutor(len(contents)) as pool:
        saved = list(pool.map(lambda c: storage.save("logo.png", ContentFile(c)), contents))
    assert set(saved) == {"logo.png"}
    assert text(storage, "logo.png") in contents
    assert storage.listdir("")[1] == ["logo.png"]


def test_who_is_always_too_late_says_so_and_deletes_nobody_elses_file(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_module, "MAX_NAMES", 5)

    class TooLate(Deleting):
        asked = 0

        def get_available_name(self, name: str, max_length: int | None = None) -> str:
            super().get_available_name(name, max_length)
            TooLate.asked += 1
            self.client.put(self.key(name), b"theirs %d" % TooLate.asked)
            return name

    storage = make(TooLate)
    with pytest.raises(FileExistsError):
        storage.save("logo.png", ContentFile(b"mine"))
    assert TooLate.asked == 5
    assert text(storage, "logo.png") == b"theirs %d" % TooLate.asked


def test_names_of_a_subclass_may_race(make: Make) -> None:
    # Neither sees the other's file in time, because both have checked before either saves.
    both_asked = threading.Barrier(2)

    class Asked(Numbered):
        def get_available_name(self, name: str, max_length: int | None = None) -> str:
            available = super().get_available_name(name, max_length)
            if available == "r":
                both_asked.wait(10)
            return available

    storage = make(Asked)
    contents = [ContentFile(b"1"), stream(b"2")]
    with ThreadPoolExecutor(2) as pool:
        names = list(pool.map(lambda content: storage.save("r", content), contents))
    assert sorted(names) == ["r", "r.2"]
    assert [text(storage, name) for name in names] == [b"1", b"2"]
