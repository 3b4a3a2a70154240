"""The contract of Django's `Storage`, kept by the service on a disk and in a bucket, and by the
double in memory alike.

Whatever a site may do with a storage that is not on its own disk works here, and answers with the
exceptions that Django's own storages raise.
"""

from __future__ import annotations

import errno
import io
import pickle
import tempfile
import threading
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, storages
from django.core.files.uploadedfile import InMemoryUploadedFile, TemporaryUploadedFile
from django.db.migrations.writer import MigrationWriter
from django.test import override_settings

from django_tintype import PreconditionFailed, TintypeStorage
from django_tintype.storages import tintype as storage_module
from django_tintype.testing import InMemoryTintype
from tests.bucket import started_bucket
from tests.service import Service

Make = Callable[..., TintypeStorage]


@pytest.fixture(scope="module")
def bucket_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("bucket")
    with started_bucket(folder) as environment:
        running = Service(folder / "media", environment)
        yield running.url
        running.stop()


@pytest.fixture(params=["disk", "bucket", "memory"])
def kept(request: pytest.FixtureRequest, settings: Any) -> str:
    """Where files are kept: by the service in two places, or by the double for tests."""
    where: str = request.param
    if where == "disk":
        request.getfixturevalue("service")
    if where == "bucket":
        settings.TINTYPE = {**settings.TINTYPE, "URL": request.getfixturevalue("bucket_url")}
    return where


@pytest.fixture
def make(kept: str) -> Make:
    """Makes storages of a test's own folder, because the service is shared."""
    location = f"contract/{uuid.uuid4().hex}"

    def make(kind: type[Any] = TintypeStorage, **options: Any) -> TintypeStorage:
        if kept == "memory":
            kind = type(kind.__name__, (kind,), {"client": InMemoryTintype.client})
        storage: TintypeStorage = kind(location=location, **options)
        return storage

    return make


@pytest.fixture
def storage(make: Make) -> TintypeStorage:
    return make()


def text(storage: TintypeStorage, name: str) -> bytes:
    with storage.open(name) as file:
        return bytes(file.read())


# Saving


class Once(io.RawIOBase):
    def __init__(self, data: bytes) -> None:
        self.rest = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self.rest.readinto(buffer)


def stream(data: bytes) -> File[Any]:
    """Bytes that come once, such as those of a socket."""
    once: Any = Once(data)
    return File(once, "stream")


def temporary_upload(data: bytes) -> TemporaryUploadedFile:
    file = TemporaryUploadedFile("t.bin", "text/plain", len(data), None)
    file.write(data)
    file.seek(0)
    return file


def local_file(data: bytes) -> File[Any]:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the test closes it
    file.write(data)
    return File(file, "l.bin")


LARGE = bytes(range(256)) * 4096

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


DECOMPOSED, COMPOSED = "Zu\u0308rich/gru\u0308n.jpg", "Z\u00fcrich/gr\u00fcn.jpg"


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
    # What is kept in a session, a cache or a queue is the name alone.
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
        # Which has no folders.
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
    # As Django's storage of hashed static files calls it.
    names = [storage._save("s", ContentFile(content)) for content in (b"1", b"2")]
    assert names[0] == "s" and names[1].startswith("s_")
    assert [text(storage, name) for name in names] == [b"1", b"2"]


# Hooks that subclasses override


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
    """An old recipe: who says that nothing exists gets the name that he asks for."""

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
    """The idiom of many a site, for files that are to keep their names."""

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
    # Nobody sees the file of the other in time, because both have asked before either saves.
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


# Reading and writing


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


#: mode, what was there, what is written, what is there then
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


# The rest of the contract


def test_exists_and_delete(storage: TintypeStorage) -> None:
    name = storage.save("a/b", ContentFile(b""))
    assert storage.exists(name)
    assert not any(map(storage.exists, ["a", "a/", "a/b/", "", "a/b/c"]))
    storage.delete(name)
    assert not storage.exists(name)
    storage.delete(name)
    with pytest.raises(ValueError, match="name"):
        storage.delete("")


def test_listdir_is_one_folder_relative_to_it(storage: TintypeStorage) -> None:
    for name in ("a", "folder/b", "folder/c", "folder/deep/d", "folder-not/e"):
        storage.save(name, ContentFile(b""))
    folders, files = storage.listdir("")
    assert (sorted(folders), files) == (["folder", "folder-not"], ["a"])
    assert storage.listdir("folder") == (["deep"], ["b", "c"])
    assert storage.listdir("folder/") == (["deep"], ["b", "c"])
    assert storage.listdir("nowhere") == ([], [])


def test_times_are_what_the_settings_want(storage: TintypeStorage) -> None:
    before = datetime.now(timezone.utc) - timedelta(seconds=2)
    storage.save("a", ContentFile(b""))
    after = datetime.now(timezone.utc) + timedelta(seconds=2)
    for ask in (storage.get_created_time, storage.get_modified_time):
        assert before < ask("a") < after
        with override_settings(USE_TZ=False):
            naive = ask("a")
        assert naive.tzinfo is None
        assert abs(naive.timestamp() - ask("a").timestamp()) < 1
    with pytest.raises(NotImplementedError):
        storage.get_accessed_time("a")


def test_there_is_no_path(storage: TintypeStorage) -> None:
    # How packages learn that a file is remote.
    with pytest.raises(NotImplementedError):
        storage.path("a")


KEY = "correct-horse-battery-staple-said-the-lion"

#: settings, options, name, URL
URLS: list[tuple[dict[str, str], dict[str, str], str, str]] = [
    ({}, {}, "a/b.jpg", "http://media/o/a/b.jpg"),
    ({}, {"location": "in/here"}, "b.jpg", "http://media/o/in/here/b.jpg"),
    ({}, {}, "Zürich 1+2%.jpg", "http://media/o/Z%C3%BCrich%201%2B2%25.jpg"),
    ({}, {"base_url": "/m/", "location": "in"}, "ü/b.jpg", "/m/%C3%BC/b.jpg"),
    ({}, {"base_url": "https://cdn/x"}, "/b.jpg", "https://cdn/x/b.jpg"),
    (
        {"SIGNING_KEY": KEY},
        {},
        "b.jpg",
        "http://media/t/b.jpg/f_original~sig_",
    ),
    ({"SIGNING_KEY": KEY, "ORIGINALS": "public"}, {}, "b.jpg", "http://media/o/b.jpg"),
]


@pytest.mark.parametrize(("tintype", "options", "name", "url"), URLS)
def test_urls_ask_nobody(
    tintype: dict[str, str], options: dict[str, Any], name: str, url: str
) -> None:
    with override_settings(
        TINTYPE={"URL": "http://127.0.0.1:9", "PUBLIC_URL": "http://media", **tintype}
    ):
        got = TintypeStorage(**options).url(name)
        assert got.startswith(url) if url.endswith("_") else got == url


#: As FileSystemStorage has them, below its own base.
PATHS: list[tuple[Any, str]] = [
    ("", ""),
    (None, ""),
    ("photos/", "photos/"),
    ("./photos/", "photos/"),
    ("./b.txt", "b.txt"),
    ("a/./b.txt", "a/b.txt"),
    ("a/../b.txt", "b.txt"),
    ("/b.txt", "b.txt"),
    ("a\\b.txt", "a/b.txt"),
    (Path("a/b.txt"), "a/b.txt"),
]


@pytest.mark.parametrize(("name", "path"), PATHS)
@pytest.mark.parametrize("options", [{}, {"base_url": "http://media/o/in/"}])
def test_urls_of_paths(name: Any, path: str, options: dict[str, Any]) -> None:
    with override_settings(TINTYPE={"PUBLIC_URL": "http://media"}):
        storage = TintypeStorage(location="in", **options)
        assert storage.url(name) == f"http://media/o/in/{path}"
        files = FileSystemStorage("/nowhere", base_url="http://media/o/in/")
        assert files.url(name) == storage.url(name)
    # Where originals are signed, a folder still is where its URLs would begin.
    with override_settings(TINTYPE={"PUBLIC_URL": "http://media", "SIGNING_KEY": KEY}):
        assert TintypeStorage().url("photos/") == "http://media/o/photos/"


def test_a_path_names_the_file_that_it_leads_to(storage: TintypeStorage) -> None:
    assert storage.save("./a//b.txt", ContentFile(b"1")) == "a/b.txt"
    for name in ("a/b.txt", "./a/b.txt", "a/./b.txt", "a/c/../b.txt", "a\\b.txt"):
        assert storage.exists(name) and storage.size(name) == 1 and text(storage, name) == b"1"
    assert storage.listdir(".") == storage.listdir("a/..") == (["a"], [])
    assert not any(map(storage.exists, (".", "./", "a/.", "a/..")))
    for name in ("..", "../a/b.txt", "a/../../b.txt", "/a/b.txt"):
        for ask in (storage.exists, storage.open, storage.delete, storage.size):
            with pytest.raises(SuspiciousFileOperation):
                ask(name)
    storage.delete("./a/b.txt")
    assert not storage.exists("a/b.txt")


async def everything_async(storage: TintypeStorage) -> None:
    name = await storage.asave("a/b.txt", ContentFile(b"abc"))
    assert await storage.aexists(name)
    assert await storage.asize(name) == 3
    assert await storage.alistdir("a") == ([], ["b.txt"])
    assert await storage.aurl(name) == storage.url(name)
    assert (await storage.arecord(name)).size == 3
    assert await storage.aget_created_time(name) == storage.get_created_time(name)
    assert await storage.aget_modified_time(name) == storage.get_modified_time(name)
    with await storage.aopen(name) as file:
        assert file.read() == b"abc"
    await storage.adelete(name)
    assert not await storage.aexists(name)


def test_every_method_has_an_async_twin(storage: TintypeStorage) -> None:
    import asyncio

    asyncio.run(everything_async(storage))


# How a storage is configured, kept and passed on


def test_is_a_backend_of_storages(service: Service) -> None:
    options = {"location": "x", "allow_overwrite": True, "base_url": "https://cdn/"}
    entry = {"BACKEND": "django_tintype.TintypeStorage", "OPTIONS": options}
    with override_settings(STORAGES={"photos": entry}):
        storage: Any = storages["photos"]
        assert (storage.location, storage.allow_overwrite, storage.base_url) == (
            "x",
            True,
            "https://cdn/",
        )


def test_migrations_and_pickles_hold_no_secret() -> None:
    with override_settings(TINTYPE={"TOKEN": "tt_web_secret", "SIGNING_KEY": KEY}):
        storage = TintypeStorage(location="photos", allow_overwrite=True)
        storage.url("a")
        client = storage.client
        written, imports = MigrationWriter.serialize(storage)
        assert written == "django_tintype.TintypeStorage(allow_overwrite=True, location='photos')"
        assert imports == {"import django_tintype"}
        again = pickle.loads(pickle.dumps(storage))
        assert (again.location, again.allow_overwrite) == ("photos", True)
        assert pickle.loads(pickle.dumps(client)) is client
        for kept in (
            pickle.dumps(storage),
            pickle.dumps(client),
            repr(client),
            repr(client.settings),
        ):
            assert b"secret" not in (kept if isinstance(kept, bytes) else kept.encode())
            assert b"horse" not in (kept if isinstance(kept, bytes) else kept.encode())


@pytest.mark.parametrize("location", ["a/../b", "a//b", "./a"])
def test_a_location_is_a_folder(location: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="location"):
        TintypeStorage(location=location)


def test_settings_may_change_while_a_storage_lives() -> None:
    storage = TintypeStorage()
    with override_settings(TINTYPE={"URL": "http://one"}):
        assert storage.client.settings.url == "http://one"
        assert storage.url("a") == "http://one/o/a"
    with override_settings(TINTYPE={"URL": "http://two"}):
        assert storage.client.settings.url == "http://two"
        assert storage.url("a") == "http://two/o/a"
