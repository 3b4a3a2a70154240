"""Opened files of a storage behave like those of `open()`: one version is read, and writes take
effect at close."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile

from django_tintype import PreconditionFailed, TintypeStorage
from tests.storages import LARGE, text
from tests.storages import kept as kept
from tests.storages import make as make
from tests.storages import storage as storage


def test_reads_as_a_file_does(storage: TintypeStorage) -> None:
    name = storage.save("big", ContentFile(LARGE))
    with storage.open(name) as file:
        assert file.size == len(LARGE) == len(file)
        assert file.read(5) == LARGE[:5]
        assert file.tell() == 5
        assert file.seek(-3, 2) == len(LARGE) - 3
        assert file.read() == LARGE[-3:]
        assert file.read() == b""
        file.seek(700_000)
        assert file.read(300_000) == LARGE[700_000:1_000_000]
        file.seek(len(LARGE) + 10)
        assert file.read(1) == b""
        assert b"".join(file.chunks()) == LARGE
        assert file.readable() and file.seekable() and not file.writable()
        with pytest.raises(io.UnsupportedOperation):
            file.write(b"x")
    assert file.closed
    file.open()
    assert file.read(4) == LARGE[:4]
    file.close()
    file.close()


def test_text_is_utf_8(storage: TintypeStorage) -> None:
    name = storage.save("lines.txt", ContentFile("größe\nzwei\r\n"))
    with storage.open(name, "r") as file:
        assert list(file) == ["größe\n", "zwei\n"]


#: mode, previous content, written content, resulting content
MODES = [
    ("wb", None, b"new", b"new"),
    ("w", None, "größe\n", "größe\n".encode()),
    ("wb", b"old and longer", b"new", b"new"),
    ("ab", b"old", b" and new", b"old and new"),
    ("a", None, "new", b"new"),
    ("r+b", b"old", b"N", b"Nld"),
    ("rb+", b"old", b"N", b"Nld"),
    ("x", None, "new", b"new"),
    ("w+", b"old", "new", b"new"),
]


@pytest.mark.parametrize(("mode", "before", "written", "after"), MODES)
def test_writes_at_close(
    storage: TintypeStorage, mode: str, before: bytes | None, written: Any, after: bytes
) -> None:
    if before is not None:
        storage.save("w", ContentFile(before))
    with storage.open("w", mode) as file:
        file.write(written)
        assert storage.exists("w") == (before is not None)
    assert text(storage, "w") == after
    assert storage.listdir("")[1] == ["w"]


@pytest.mark.parametrize("mode", ["a+", "a+b"])
def test_appends_wherever_one_has_read(storage: TintypeStorage, mode: str) -> None:
    storage.save("w", ContentFile(b"head\nline\n"))
    more: Any = b"more" if "b" in mode else "more"
    with storage.open("w", mode) as file:
        file.seek(0)
        assert file.readline() == ("head\n" if mode == "a+" else b"head\n")
        file.write(more)
        file.seek(2)
        file.write(more)
    assert text(storage, "w") == b"head\nline\nmoremore"


def test_a_with_block_that_fails_writes_nothing(storage: TintypeStorage) -> None:
    storage.save("w", ContentFile(b"old"))
    with pytest.raises(ZeroDivisionError), storage.open("w", "wb") as file:
        file.write(b"half of the ne")
        raise ZeroDivisionError
    assert text(storage, "w") == b"old"


def test_writing_does_not_undo_what_others_wrote(storage: TintypeStorage) -> None:
    storage.save("w", ContentFile(b"old"))
    file = storage.open("w", "ab")
    file.write(b" and mine")
    with storage.open("w", "wb") as other:
        other.write(b"theirs")
    with pytest.raises(PreconditionFailed, match="changed by somebody else"):
        file.close()
    assert text(storage, "w") == b"theirs"


def test_opening_to_write_and_writing_nothing_keeps_the_focal_point(
    storage: TintypeStorage,
) -> None:
    name: Any = storage.save("w", ContentFile(b"old"))
    storage.client.patch(name.record.key, {"focal_point": {"x": 0.25, "y": 0.5}})
    with storage.open("w", "r+b") as file:
        assert file.read() == b"old"
    assert storage.record("w").focal_point == (0.25, 0.5)


def test_a_replaced_file_is_not_read_torn(storage: TintypeStorage) -> None:
    storage.save("t", ContentFile(LARGE))
    file = storage.open("t")
    assert file.read(10) == LARGE[:10]
    with storage.open("t", "wb") as other:
        other.write(bytes(len(LARGE)))
    with pytest.raises(PreconditionFailed, match="replaced while it was read"):
        file.read()
    file.close()
    assert file.open().read(10) == bytes(10)


@pytest.mark.parametrize("mode", ["rw", "", "z", "rbt", "rr", "+"])
def test_a_mode_that_is_none_is_refused(storage: TintypeStorage, mode: str) -> None:
    with pytest.raises(ValueError, match="mode"):
        storage.open("a", mode)


def test_what_is_missing_has_an_errno(storage: TintypeStorage) -> None:
    asks: list[Callable[[], Any]] = [
        lambda: storage.open("no"),
        lambda: storage.open("no", "r+"),
        lambda: storage.size("no"),
        lambda: storage.get_modified_time("no"),
        lambda: storage.get_created_time("no"),
        lambda: storage.record("no"),
    ]
    for ask in asks:
        with pytest.raises(FileNotFoundError, match="No such file") as caught:
            ask()
        assert caught.value.errno == errno.ENOENT
        assert caught.value.filename == storage.key("no")
    with pytest.raises(FileExistsError):
        storage.save("x", ContentFile(b""))
        storage.open("x", "x")
