"""Where the tests of storages keep files: the service on a disk and in a bucket, and in memory."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import File

from django_tintype import TintypeStorage
from django_tintype.testing import InMemoryTintype

Make = Callable[..., TintypeStorage]

DECOMPOSED, COMPOSED = "Zu\u0308rich/gru\u0308n.jpg", "Z\u00fcrich/gr\u00fcn.jpg"
LARGE = bytes(range(256)) * 4096


@pytest.fixture(params=["disk", "bucket", "memory"])
def kept(request: pytest.FixtureRequest, settings: Any) -> str:
    """Where files are kept: by the service in one of two stores, or by the double for tests."""
    where: str = request.param
    if where == "disk":
        request.getfixturevalue("service")
    if where == "bucket":
        settings.TINTYPE = {**settings.TINTYPE, "URL": request.getfixturevalue("bucket_url")}
    return where


@pytest.fixture
def make(kept: str) -> Make:
    """Makes storages with a folder per test, because the service is shared."""
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


class Once(io.RawIOBase):
    def __init__(self, data: bytes) -> None:
        self.rest = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self.rest.readinto(buffer)


def stream(data: bytes) -> File[Any]:
    """Bytes that can be read only once, such as those of a socket."""
    once: Any = Once(data)
    return File(once, "stream")
