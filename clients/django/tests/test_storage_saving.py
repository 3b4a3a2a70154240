"""What a storage saves and under which names, like Django's own storages: with the service on a
disk and in a bucket, and in memory.
"""

from __future__ import annotations

import io
import pickle
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import InMemoryUploadedFile, TemporaryUploadedFile

from django_tintype import TintypeStorage
from tests.storages import COMPOSED, DECOMPOSED, LARGE, Make, stream, text
from tests.storages import kept as kept
from tests.storages import make as make
from tests.storages import storage as storage


def temporary_upload(data: bytes) -> TemporaryUploadedFile:
    file = TemporaryUploadedFile("t.bin", "text/plain", len(data), None)
    file.write(data)
    file.seek(0)
    return file


def local_file(data: bytes) -> File[Any]:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the test closes it
    file.write(data)
    return File(file, "l.bin")


CONTENTS: dict[str, tuple[Callable[[], Any], bytes]] = {
    "bytes": (lambda: ContentFile(b"content"), b"content"),
    "text": (lambda: ContentFile("größer"), "größer".encode()),
    "nothing": (lambda: ContentFile(b""), b""),
    "a plain file object": (lambda: io.BytesIO(LARGE), LARGE),
    "a text stream": (lambda: io.StringIO("zeile\n"), b"zeile\n"),
    "an upload in memory": (
        lambda: InMemoryUploadedFile(io.BytesIO(b"up"), None, "u", "image/png", 2, None),
        b"up",
    ),
    "an upload on disk": (lambda: temporary_upload(LARGE), LARGE),
    "a local file that stands at its end": (lambda: local_file(LARGE), LARGE),
    "a stream that cannot seek": (lambda: stream(LARGE), LARGE),
    "a stream whose size lies": (
        lambda: InMemoryUploadedFile(io.BytesIO(b"up"), None, "u", "image/png", 99, None),
        b"up",
    ),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_saves_any_content_and_leaves_it_open(storage: TintypeStorage, case: str) -> None:
    make_content, expected = CONTENTS[case]
    content = make_content()
    name = storage.save("folder/a.bin", content)
    assert name == "folder/a.bin"
    assert text(storage, name) == expected
    assert storage.size(name) == len(expected)
    assert not content.closed
    content.close()


def test_chunks_of_a_wrapper_are_what_is_sent(storage: TintypeStorage) -> None:
    class Doubled(ContentFile):  # type: ignore[type-arg]
        def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
            for chunk in super().chunks(chunk_size):
                yield chunk * 2

    assert text(storage, storage.save("a", Doubled(b"ab"))) == b"abab"


def test_a_name_that_is_taken_gets_seven_characters(storage: TintypeStorage) -> None:
    names = [storage.save("folder/a.tar.gz", ContentFile(str(n))) for n in range(5)]
    assert names[0] == "folder/a.tar.gz"
    assert len(set(names)) == 5
    for name in names[1:]:
        assert name.startswith("folder/a_") and name.endswith(".tar.gz")
        assert len(name) == len("folder/a_1234567.tar.gz")
    assert [text(storage, name) for name in names] == [b"0", b"1", b"2", b"3", b"4"]


def test_max_length_counts_the_name_without_the_location(storage: TintypeStorage) -> None:
    assert storage.save("folder/lion.jpg", ContentFile(b"1"), max_length=15) == "folder/lion.jpg"
    second = storage.save("folder/lion.jpg", ContentFile(b"2"), max_length=20)
    assert second.startswith("folder/l") and len(second) == 20
    cut = storage.save(f"{'x' * 60}.jpg", ContentFile(b"3"), max_length=30)
    assert len(cut) == 30 and cut.endswith(".jpg")
    with pytest.raises(SuspiciousFileOperation):
        storage.save("folder/lion.jpg", ContentFile(b"4"), max_length=19)


@pytest.mark.parametrize(
    ("name", "max_length", "characters"),
    [
        (f"{'x' * 300}.jpg", 100, 100),
        (f"{'x' * 300}.jpg", None, 255),
        # Three bytes each in a key.
        (f"{'写' * 90}.jpg", 100, 83 + 4),
        (f"{'写' * 300}.tar.gz", 200, 82 + 7),
    ],
)
def test_names_longer_than_any_file_name_are_cut(
    storage: TintypeStorage, name: str, max_length: int | None, characters: int
) -> None:
    first = storage.save(name, ContentFile(b"1"), max_length=max_length)
    second = storage.save(name, ContentFile(b"2"), max_length=max_length)
    assert len(first) == characters
    for saved, content in ((first, b"1"), (second, b"2")):
        assert saved.startswith(name[:50]) and saved.endswith(name[name.index(".") :])
        assert text(storage, saved) == content


def test_a_name_is_composed_whoever_asks(storage: TintypeStorage) -> None:
    assert storage.save(DECOMPOSED, ContentFile(b"1")) == COMPOSED
    for name in (DECOMPOSED, COMPOSED):
        assert storage.exists(name) and storage.size(name) == 1
        assert text(storage, name) == b"1"
        assert storage.url(name) == storage.url(COMPOSED)
        assert storage.record(name).size == 1
        assert storage.get_modified_time(name) == storage.get_modified_time(COMPOSED)
        assert storage.listdir(name.rpartition("/")[0]) == ([], ["gr\u00fcn.jpg"])
    storage.delete(DECOMPOSED)
    assert not storage.exists(COMPOSED)


def test_the_saved_name_brings_the_record(storage: TintypeStorage) -> None:
    name: Any = storage.save("a.txt", ContentFile(b"abc"))
    assert name.record.size == 3
    assert name.record.key == storage.key("a.txt")
    assert storage.record(name).sha256 == name.record.sha256
    # A session, a cache or a queue stores only the name.
    assert type(pickle.loads(pickle.dumps(name))) is str


ODD_NAMES = [
    "a b?c#d%20+e&f=g;h,i.jpg",
    "löwe/größe 日本 😀.jpg",
    "'quoted' \"twice\" <b>.jpg",
    "..a/.b./~c~w_1.tar.gz",
    "sub/.hidden",
    "100%",
    "a:b@c$d!*(e)[f]{g}|h^`.jpg",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_names_like_others(storage: TintypeStorage, name: str, kept: str) -> None:
    assert storage.save(name, ContentFile(name.encode())) == name
    assert text(storage, name) == name.encode()
    assert storage.exists(name) and storage.size(name) == len(name.encode())
    folder, _, file = name.rpartition("/")
    assert storage.listdir(folder)[1] == [file]
    if kept != "memory":
        public = storage.client.public(storage.url(name))
        assert (public.status, public.data) == (200, name.encode())
    storage.delete(name)
    assert not storage.exists(name)


def test_names_may_be_paths(storage: TintypeStorage) -> None:
    name: Any = Path("folder/a.txt")
    assert storage.save(name, ContentFile(b"abc")) == "folder/a.txt"
    assert storage.exists(name) and storage.size(name) == 3
    assert storage.url(name) == storage.url("folder/a.txt")
    assert storage.listdir(name.parent) == ([], ["a.txt"])
    with storage.open(name) as file:
        assert file.read() == b"abc"
    storage.delete(name)
    assert not storage.exists(name)


REFUSED_NAMES = ["", ".", "..", "a/..", "../a", "/a", "a/../b", "folder/"]


@pytest.mark.parametrize("name", REFUSED_NAMES)
def test_dangerous_names_are_refused(storage: TintypeStorage, name: str) -> None:
    with pytest.raises(SuspiciousFileOperation):
        storage.save(name, ContentFile(b""))


def test_a_name_that_the_service_refuses_is_suspicious(storage: TintypeStorage) -> None:
    with pytest.raises(SuspiciousFileOperation):
        storage.save("a\x07b", ContentFile(b""))
    with pytest.raises(SuspiciousFileOperation):
        storage.save(f"x.{'x' * 300}", ContentFile(b""))


def test_a_file_is_no_folder_on_a_disk(storage: TintypeStorage, kept: str) -> None:
    storage.save("a", ContentFile(b""))
    if kept == "bucket":
        # A bucket has no folders.
        assert storage.save("a/b", ContentFile(b"")) == "a/b"
        return
    with pytest.raises(FileExistsError, match="a exists and is not a directory"):
        storage.save("a/b", ContentFile(b""))


def test_overwrites_only_where_told_to(make: Make) -> None:
    storage = make(allow_overwrite=True)
    assert storage.save("a.txt", ContentFile(b"1")) == "a.txt"
    assert storage.save("a.txt", ContentFile(b"2")) == "a.txt"
    assert text(storage, "a.txt") == b"2"
    long = storage.save(f"{'x' * 60}.txt", ContentFile(b"3"), max_length=30)
    assert len(long) == 30


def test_a_save_without_a_wish_does_not_write_over_a_file(storage: TintypeStorage) -> None:
    # As called by Django's storage of hashed static files.
    names = [storage._save("s", ContentFile(content)) for content in (b"1", b"2")]
    assert names[0] == "s" and names[1].startswith("s_")
    assert [text(storage, name) for name in names] == [b"1", b"2"]
