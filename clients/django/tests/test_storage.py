"""The contract of Django's `Storage`, kept by the service on a disk and in a bucket, and by the
double in memory alike.

Whatever a site may do with a remote storage works here, and raises the exceptions of Django's own
storages. Saving, the hooks of subclasses, and opened files have their own modules.
"""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages
from django.db.migrations.writer import MigrationWriter
from django.test import override_settings

from django_tintype import TintypeStorage
from tests.service import Service
from tests.storages import kept as kept
from tests.storages import make as make
from tests.storages import storage as storage
from tests.storages import text


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


#: As in FileSystemStorage, below its base.
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
    # If originals are signed, the URL of a folder is still the prefix of its files' URLs.
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


# Configuring, pickling and passing on a storage


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
