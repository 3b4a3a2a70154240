"""The cost of a storage: requests and bytes according to the access log, and connections."""

from __future__ import annotations

import io
import multiprocessing
import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.images import get_image_dimensions
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.test import override_settings
from PIL import Image

from django_tintype import TintypeStorage
from django_tintype.api.client import client
from tests.service import Service
from tests.shelf.models import Document, Photo
from tests.wire import Wire, wire


@pytest.fixture(scope="module")
def photograph() -> bytes:
    """A JPEG of 10 MB: noise, because that compresses badly."""
    noise = Image.frombytes("RGB", (2600, 2000), random.Random(4).randbytes(2600 * 2000 * 3))
    file = io.BytesIO()
    noise.save(file, "JPEG", quality=92)
    return file.getvalue().ljust(10_000_000, b"\0")


@contextmanager
def seen(service: Service) -> Iterator[list[tuple[str, int, int]]]:
    """The method, status and bytes of each request made meanwhile."""
    before = len(service.requests())
    requests: list[tuple[str, int, int]] = []
    yield requests
    requests += [(r["method"], r["status"], r["bytes"]) for r in service.requests()[before:]]


def upload(data: bytes) -> TemporaryUploadedFile:
    file = TemporaryUploadedFile("t.jpg", "image/jpeg", len(data), None)
    file.write(data)
    file.seek(0)
    return file


def test_a_save_is_one_request(fresh_service: Service, photograph: bytes) -> None:
    storage = TintypeStorage()
    with upload(photograph) as file:
        for name in ("new.jpg", "new.jpg", "folder/new.jpg"):
            with seen(fresh_service) as requests:
                storage.save(name, file, max_length=100)
            assert [(method, status) for method, status, _ in requests] == [("PUT", 201)]


@pytest.mark.django_db
def test_a_save_through_a_model_is_one_request(fresh_service: Service, photograph: bytes) -> None:
    with seen(fresh_service) as requests:
        document = Document.objects.create(file=File(io.BytesIO(b"text"), "a.txt"))
        photo = Photo.objects.create(image=ContentFile(photograph, "a.jpg"))
    assert [method for method, _, _ in requests] == ["PUT", "PUT"]
    with seen(fresh_service) as requests:
        again = Photo.objects.get(pk=photo.pk)
        assert (again.width, again.height) == (2600, 2000)
        assert again.image.url and document.file.url
    assert requests == []


def test_dimensions_of_a_large_photograph(fresh_service: Service, photograph: bytes) -> None:
    storage = TintypeStorage()
    name = storage.save("a.jpg", ContentFile(photograph))
    with seen(fresh_service) as requests, storage.open(name) as file:
        assert get_image_dimensions(file) == (2600, 2000)
    assert len(requests) <= 2
    assert sum(size for _, _, size in requests) <= 128 * 1024


def test_a_short_header_is_one_request(fresh_service: Service) -> None:
    storage = TintypeStorage()
    picture = io.BytesIO()
    Image.new("RGB", (3000, 2000)).save(picture, "PNG")
    name = storage.save("a.png", picture)
    with seen(fresh_service) as requests, storage.open(name) as file:
        assert get_image_dimensions(file) == (3000, 2000)
        with Image.open(file) as image:
            assert image.size == (3000, 2000)
            image.verify()
    assert [method for method, _, _ in requests] == ["GET"]


def test_reading_on_fetches_more_at_a_time(fresh_service: Service, photograph: bytes) -> None:
    storage = TintypeStorage()
    name = storage.save("a.jpg", ContentFile(photograph))
    with seen(fresh_service) as requests, storage.open(name) as file:
        assert b"".join(file.chunks()) == photograph
    sizes = [size for _, _, size in requests]
    assert sum(sizes) == len(photograph)
    assert len(sizes) <= 10 and max(sizes) <= 4 * 1024 * 1024
    with seen(fresh_service) as requests, storage.open(name) as file:
        assert file.read() == photograph
    assert len(requests) == 2


#: what is done, and its requests
COSTS: list[tuple[str, Any, list[str]]] = [
    ("exists", lambda storage: storage.exists("a"), ["HEAD"]),
    ("exists not", lambda storage: storage.exists("no"), ["HEAD"]),
    ("size", lambda storage: storage.size("a"), ["HEAD"]),
    ("modified", lambda storage: storage.get_modified_time("a"), ["HEAD"]),
    ("listdir", lambda storage: storage.listdir(""), ["GET"]),
    ("url", lambda storage: storage.url("a"), []),
    ("open", lambda storage: storage.open("a").read(), ["GET"]),
    ("a free name", lambda storage: storage.get_available_name("a"), []),
    ("delete", lambda storage: storage.delete("a"), ["DELETE"]),
]


def test_everything_else_is_one_request_at_most(fresh_service: Service) -> None:
    storage = TintypeStorage()
    for what, act, expected in COSTS:
        storage.client.put("a", b"abc", on_conflict="overwrite")
        with seen(fresh_service) as requests:
            act(storage)
        assert [method for method, _, _ in requests] == expected, what


def test_long_folders_are_listed_in_pages(fresh_service: Service) -> None:
    for number in range(1_005):
        path = fresh_service.root / "many" / f"{number:04}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    with seen(fresh_service) as requests:
        folders, files = TintypeStorage().listdir("many")
    assert (len(folders), len(files), len(requests)) == (0, 1_005, 2)
    assert len([*client().walk("many/", records=False)]) == 1_005


# Connections


@pytest.fixture
def between(fresh_service: Service) -> Iterator[Wire]:
    with (
        wire(fresh_service.port) as wire_,
        override_settings(TINTYPE={"URL": wire_.url, "TOKEN": "dev"}),
    ):
        yield wire_


def use(storage: TintypeStorage, name: str) -> None:
    saved = storage.save(name, ContentFile(name.encode()))
    with storage.open(saved) as file:
        assert file.read() == name.encode()
    assert storage.exists(saved) and not storage.exists(saved + "not")
    storage.delete(saved)


def test_one_connection_serves_many_requests(between: Wire) -> None:
    storage = TintypeStorage()
    for number in range(20):
        use(storage, f"{number}")
    with pytest.raises(FileNotFoundError):
        storage.open("no")
    use(TintypeStorage(location="other"), "x")
    assert between.connections == 1


def test_threads_share_the_connections(between: Wire) -> None:
    storage = TintypeStorage()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: use(storage, f"{number}"), range(80)))
    assert between.connections <= 8


def forked(storage: TintypeStorage, answers: Any) -> None:
    try:
        for number in range(5):
            use(storage, f"child {os.getpid()} {number}")
        answers.put("fine")
    except BaseException as error:
        answers.put(repr(error))


def test_a_forked_process_opens_connections_of_its_own(between: Wire) -> None:
    storage = TintypeStorage()
    use(storage, "before")
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    children = [context.Process(target=forked, args=(storage, answers)) for _ in range(4)]
    for child in children:
        child.start()
    for number in range(10):
        use(storage, f"parent {number}")
    assert [answers.get(timeout=60) for _ in children] == ["fine"] * 4
    for child in children:
        child.join()
    # The parent's own connection stayed open.
    assert between.connections == 1 + len(children)


def test_half_a_file_read_leaves_no_broken_connection(between: Wire) -> None:
    storage = TintypeStorage()
    storage.save("big", ContentFile(bytes(1_000_000)))
    download = storage.client.get("big")
    download.read(10)
    download.close()
    use(storage, "after")
