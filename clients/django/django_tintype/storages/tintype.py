"""tintype as a Django storage: the whole contract of `Storage` over HTTP, one request per save.

`path()` is not implemented on purpose: that is how other packages learn that files are remote.
"""

from __future__ import annotations

import errno
import os
import posixpath
import random
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urljoin

from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files import File
from django.core.files.storage import Storage
from django.core.files.utils import validate_file_name
from django.db.models.fields.files import FieldFile
from django.utils.deconstruct import deconstructible
from django.utils.encoding import filepath_to_uri

from ..api.client import Client, client
from ..api.errors import TintypeAuthError, TintypeBlocked
from ..api.records import Record
from ..delivery.source import Source
from ..delivery.url import folder_url, original_url
from ..keys import composed, joined, plain, split_extension, tidied
from .files import TintypeFile

#: How many names a hook may offer for one file before the save fails.
MAX_NAMES = 100
#: How often in a row it may offer the same name while nothing has changed.
MAX_STANDSTILLS = 10
#: Competing writers wait for a random part of this.
STEP_SECONDS = 0.02


class WishedName(str):
    """A name that Django passes from `get_available_name` to `_save`, and how it may be changed.

    With `is_final`, hooks of a subclass have chosen it; otherwise the service picks a free one.
    """

    max_length: int | None
    is_final: bool

    def __new__(cls, name: str, max_length: int | None, *, is_final: bool = False) -> WishedName:
        self = super().__new__(cls, name)
        self.max_length, self.is_final = max_length, is_final
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)


class SavedName(str):
    """The name of a saved file, with its record."""

    record: Record

    def __new__(cls, name: str, record: Record) -> SavedName:
        self = super().__new__(cls, name)
        self.record = record
        return self

    # The record is current only right after the save.
    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)


@deconstructible(path="django_tintype.TintypeStorage")
class TintypeStorage(Storage):
    """Files in tintype, below `location`.

    A file is never overwritten: the service gives a new file a free name, unless `allow_overwrite`
    is set. `base_url` is where the files of `location` are published, if not at PUBLIC_URL; it
    applies to `url()` only, not to thumbnails.

    Secrets are not options: they come from the setting TINTYPE, so that no migration contains one.
    """

    def __init__(
        self, location: str = "", allow_overwrite: bool = False, base_url: str | None = None
    ) -> None:
        self.location = _location(location)
        self.allow_overwrite = allow_overwrite
        self.base_url = None if base_url is None else base_url.rstrip("/") + "/"

    @property
    def client(self) -> Client:
        return client()

    def key(self, name: str) -> str:
        """The key of the original with this name, however the name is spelt: composed (NFC), as
        every new one is, and without the `.` and `..` of a path."""
        path = plain(name)
        return f"{self.location}/{path}" if self.location else path

    def name(self, key: str) -> str:
        """The name of the original with this key."""
        if not self.location:
            return key
        if not key.startswith(self.location + "/"):
            raise SuspiciousFileOperation(f"key {key[:200]!r} is not below {self.location!r}")
        return key[len(self.location) + 1 :]

    # Saving

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        name = content.name if name is None else name
        validate_file_name(name, allow_relative_path=True)
        # In one spelling before any hook sees it: otherwise a hook that looks for a file, or
        # deletes it, refers to another file than the one that is written.
        return super().save(tidied(name), content, max_length)

    def generate_filename(self, filename: str | os.PathLike[str]) -> str:
        return super().generate_filename(composed(filename))

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """The name to save under. Unless hooks are overridden, the service chooses it during the
        save, so that no other process can take it in between."""
        name = composed(name)
        if self._has_hooks() or self.allow_overwrite:
            name = super().get_available_name(name, max_length)
            return WishedName(name, max_length, is_final=self._has_hooks())
        folder, file = posixpath.split(name)
        if ".." in folder.split("/"):
            raise SuspiciousFileOperation(f"Detected path traversal attempt in '{folder}'")
        validate_file_name(file)
        name = posixpath.join(folder, joined(*split_extension(file)))
        return WishedName(name, max_length)

    def _has_hooks(self) -> bool:
        """Whether a subclass decides which names are free."""
        hooks = ("get_alternative_name", "is_name_available", "exists")
        return any(
            hook in self.__dict__ or getattr(type(self), hook) is not getattr(TintypeStorage, hook)
            for hook in hooks
        )

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        if self.allow_overwrite:
            # Called only because the name is too long and will be cut.
            return file_root + file_ext
        return super().get_alternative_name(file_root, file_ext)

    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        if self.allow_overwrite:
            return not (max_length and len(name) > max_length)
        return super().is_name_available(name, max_length=max_length)

    def _save(self, name: str, content: File[Any]) -> str:
        if isinstance(name, WishedName) and not name.is_final:
            return self._save_as_service_names(name, content)
        return self._save_as_hooks_name(name, content)

    def _save_as_service_names(self, name: WishedName, content: File[Any]) -> SavedName:
        key, max_length = self.key(name), name.max_length
        if max_length is not None:
            max_length += len(key) - len(name)
        record = self.client.put(
            key,
            _body(content),
            on_conflict="overwrite" if self.allow_overwrite else "rename",
            max_length=max_length,
            length=_length(content),
            record=_record(content),
        )
        return SavedName(self.name(record.key), record)

    def _save_as_hooks_name(self, name: str, content: File[Any]) -> SavedName:
        max_length = name.max_length if isinstance(name, WishedName) else None
        if _can_rewind(content):
            return self._save_under_free_name(name, max_length, content)
        # The content is needed again for each name that is taken.
        with tempfile.TemporaryFile() as file:
            for chunk in _Chunks(content):
                file.write(chunk)
            copy = File(file, name)
            copy.tintype_record = _record(content)  # type: ignore[attr-defined]
            return self._save_under_free_name(name, max_length, copy)

    def _save_under_free_name(
        self, name: str, max_length: int | None, content: File[Any]
    ) -> SavedName:
        on_conflict = "overwrite" if self.allow_overwrite else "fail"
        standstills = 0
        for left in reversed(range(MAX_NAMES)):
            name = composed(name)
            try:
                record = self.client.put(
                    self.key(name),
                    _body(content),
                    on_conflict=on_conflict,
                    length=_length(content),
                    record=_record(content),
                )
                return SavedName(self.name(record.key), record)
            except FileExistsError as taken:
                # After the last attempt a hook that makes room for the same name is not called: it
                # would delete another writer's file, and nothing would replace it.
                if taken.errno != errno.EEXIST or not left:
                    raise
                there = self._standing(name)
                other = self._ask_hooks(name, max_length)
                if isinstance(other, WishedName) and not other.is_final:
                    return self._save_as_service_names(other, content)
                while composed(other) == name and self._standing(name) == there:
                    standstills += 1
                    if standstills == MAX_STANDSTILLS:
                        raise
                    if there is None:
                        break
                    time.sleep(random.uniform(0, STEP_SECONDS))
                    other = self._ask_hooks(name, max_length)
                else:
                    standstills = 0
                name = other
        raise AssertionError("the last attempt returns or raises")

    def _ask_hooks(self, name: str, max_length: int | None) -> str:
        if max_length is None:
            # As Django calls it here; an override may take no second argument.
            return self.get_available_name(name)
        return self.get_available_name(name, max_length=max_length)

    def _standing(self, name: str) -> object:
        """What is stored under a name, for comparison: None if nothing is."""
        try:
            head = self.client.head(self.key(name))
        except FileNotFoundError:
            return None
        except (TintypeAuthError, TintypeBlocked):
            # Exists, or is not visible to this token.
            return ""
        return head.etag, head.created, head.modified

    # Reading

    def _open(self, name: str, mode: str = "rb") -> TintypeFile:
        return TintypeFile(name, self, mode)

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name. Folders do not count."""
        return not is_folder(name) and self.client.exists(self.key(name))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """The folders and files in a folder. A missing one is empty."""
        prefix = self.key(str(path).strip("/")).strip("/")
        prefix = f"{prefix}/" if prefix else ""
        folders: list[str] = []
        files: list[str] = []
        cursor = None
        while True:
            page = self.client.list(prefix, cursor=cursor)
            folders += [folder[len(prefix) : -1] for folder in page.dirs]
            files += [file.key[len(prefix) :] for file in page.files]
            cursor = page.cursor
            if cursor is None:
                return folders, files

    def size(self, name: str) -> int:
        return self.client.head(self.key(name)).size

    def get_created_time(self, name: str) -> datetime:
        return _as_django_wants(self.client.head(self.key(name)).created)

    def get_modified_time(self, name: str) -> datetime:
        return _as_django_wants(self.client.head(self.key(name)).modified)

    def record(self, name: str) -> Record:
        """What the service knows of a file."""
        return self.client.record(self.key(name))

    def tintype_source(self, name: str) -> Source:
        """What pages show of a file. Makes no request."""
        return Source(key=self.key(name))

    def pending(self, name: str) -> bool:
        """Whether the file has not reached the service yet. Makes no request."""
        return False

    def url(self, name: str | None) -> str:
        """The URL of the original. Makes no request. For a folder, or for no name, it is the common
        start of URLs, as in FileSystemStorage."""
        path = plain(str(name or "").lstrip("/\\"))
        if self.base_url is not None:
            return urljoin(self.base_url, filepath_to_uri(path))
        if is_folder(path):
            return folder_url(self.key(path))
        return original_url(self.key(path))

    def delete(self, name: str) -> None:
        if not name:
            raise ValueError("The name must be given to delete().")
        self.client.delete(self.key(name))

    # The same for async views. None of these methods blocks the event loop; reading a file of
    # `aopen` does, so do that in a thread as well.

    async def asave(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        return await _in_thread(self.save)(name, content, max_length)

    async def aopen(self, name: str, mode: str = "rb") -> File[Any]:
        return await _in_thread(self.open)(name, mode)

    async def adelete(self, name: str) -> None:
        await _in_thread(self.delete)(name)

    async def aexists(self, name: str) -> bool:
        return await _in_thread(self.exists)(name)

    async def alistdir(self, path: str) -> tuple[list[str], list[str]]:
        return await _in_thread(self.listdir)(path)

    async def asize(self, name: str) -> int:
        return await _in_thread(self.size)(name)

    async def aget_created_time(self, name: str) -> datetime:
        return await _in_thread(self.get_created_time)(name)

    async def aget_modified_time(self, name: str) -> datetime:
        return await _in_thread(self.get_modified_time)(name)

    async def arecord(self, name: str) -> Record:
        return await _in_thread(self.record)(name)

    async def aurl(self, name: str | None) -> str:
        return self.url(name)


def is_folder(name: object) -> bool:
    """Whether a name is that of a folder, judged by the name alone: the empty one is the root."""
    path = plain(name or "")
    return path == "" or path.endswith("/")


_P = ParamSpec("_P")
_R = TypeVar("_R")


def _in_thread(method: Callable[_P, _R]) -> Callable[_P, Coroutine[Any, Any, _R]]:
    # Not in the one thread that Django keeps for its database, where a slow upload would block the
    # others.
    return sync_to_async(method, thread_sensitive=False)


def _location(location: str) -> str:
    location = str(location).replace("\\", "/").strip("/")
    if any(segment in ("", ".", "..") for segment in location.split("/")) and location:
        raise ImproperlyConfigured(
            f"TintypeStorage: location {location[:200]!r} must be a folder such as 'photos/2016'"
        )
    return location


class _Chunks:
    """The bytes of a file that can be read again; each iteration starts over."""

    def __init__(self, content: File[Any]) -> None:
        self.content = content

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.content.chunks():
            yield chunk.encode() if isinstance(chunk, str) else chunk


def _body(content: File[Any]) -> _Chunks | Iterator[bytes]:
    chunks = _Chunks(content)
    return chunks if _can_rewind(content) else iter(chunks)


def _record(content: File[Any]) -> dict[str, Any] | None:
    """Focal point and crops that `TintypeImageField` sends along with the bytes."""
    return getattr(content, "tintype_record", None)


def _can_rewind(content: File[Any]) -> bool:
    if isinstance(content, FieldFile):
        # Opened on access; until then it counts as closed.
        _ = content.file
    try:
        return bool(content.seekable())
    except (AttributeError, ValueError):
        return False


def _length(content: File[Any]) -> int | None:
    """The length in bytes, if it is known without reading."""
    try:
        if not _can_rewind(content) or content.read(0) != b"":
            return None
        content.seek(0, os.SEEK_END)
        return int(content.tell())
    except (AttributeError, OSError, TypeError, ValueError):
        return None


def _as_django_wants(time: datetime) -> datetime:
    return time if django_settings.USE_TZ else datetime.fromtimestamp(time.timestamp())
