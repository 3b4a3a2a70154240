"""tintype as a Django storage: the whole contract of `Storage` over HTTP, one request per save.

`path()` is not implemented, on purpose: that is how Django's packages learn that files are remote.
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

#: Names that a hook may offer for one file before the save is given up.
MAX_NAMES = 100
#: Times in a row that it may offer the same one where nothing has changed.
MAX_STANDSTILLS = 10
#: Writers that want one name get out of step within so many seconds.
STEP_SECONDS = 0.02


class WishedName(str):
    """A name that Django passes from `get_available_name` to `_save`, with what it may become.

    With `is_final`, hooks of a subclass have chosen it; else the service picks a free one.
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
    """The name of a saved file, with what the service knows of it since."""

    record: Record

    def __new__(cls, name: str, record: Record) -> SavedName:
        self = super().__new__(cls, name)
        self.record = record
        return self

    # A record is news at the moment of the save, and nothing to be kept.
    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)


@deconstructible(path="django_tintype.TintypeStorage")
class TintypeStorage(Storage):
    """Files in tintype, below `location`.

    A name that is taken is never written over: the service gives the new file a free name, unless
    `allow_overwrite` is set. `base_url` is where the files of `location` are published, if that is
    not where the setting PUBLIC_URL says; it is for `url()` alone, not for thumbnails.

    Secrets are no options: they come from the setting TINTYPE, so that no migration holds one.
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
        """The key of the original that has this name, however the name is written: composed (NFC),
        as every new one is, and without the `.` and `..` of a path."""
        path = plain(name)
        return f"{self.location}/{path}" if self.location else path

    def name(self, key: str) -> str:
        """The name of the original that has this key."""
        if not self.location:
            return key
        if not key.startswith(self.location + "/"):
            raise SuspiciousFileOperation(f"key {key[:200]!r} is not below {self.location!r}")
        return key[len(self.location) + 1 :]

    # Saving

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        name = content.name if name is None else name
        validate_file_name(name, allow_relative_path=True)
        # In one spelling before any hook sees it: else one that looks for a file, or deletes it,
        # means another than the one that is written.
        return super().save(tidied(name), content, max_length)

    def generate_filename(self, filename: str | os.PathLike[str]) -> str:
        return super().generate_filename(composed(filename))

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """The name to save under. Unless hooks are overridden, the service finds out whether it is
        free, while it saves: nobody can take the name between the question and the answer."""
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
        """Whether a subclass decides itself which names are free."""
        hooks = ("get_alternative_name", "is_name_available", "exists")
        return any(
            hook in self.__dict__ or getattr(type(self), hook) is not getattr(TintypeStorage, hook)
            for hook in hooks
        )

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        if self.allow_overwrite:
            # Asked for only because the name is too long, and about to be cut.
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
        # The content is needed again for each name that turns out to be taken.
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
                # A hook that makes room for the same name is not asked after the last attempt: it
                # would delete the file of another writer, and nothing would come in its place.
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
            # As Django calls it in the same place; an override may know no second argument.
            return self.get_available_name(name)
        return self.get_available_name(name, max_length=max_length)

    def _standing(self, name: str) -> object:
        """What has a name now, to be compared: None if nothing has."""
        try:
            head = self.client.head(self.key(name))
        except FileNotFoundError:
            return None
        except (TintypeAuthError, TintypeBlocked):
            # There, or not for this token to know.
            return ""
        return head.etag, head.created, head.modified

    # Reading

    def _open(self, name: str, mode: str = "rb") -> TintypeFile:
        return TintypeFile(name, self, mode)

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name. Folders are no files."""
        return not is_folder(name) and self.client.exists(self.key(name))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """The folders and files in a folder. One that is not there is empty."""
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
        """What pages show of a file. Asks nobody."""
        return Source(key=self.key(name))

    def pending(self, name: str) -> bool:
        """Whether the file has not reached the service yet. Asks nobody."""
        return False

    def url(self, name: str | None) -> str:
        """The URL of the original. Asks nobody. That of a folder, or of no name, is where the names
        in it begin, as with FileSystemStorage."""
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

    # The same for async views. None of these methods holds the event loop up; what is read from a
    # file of `aopen` does, so read it in a thread as well.

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
    """Whether a name is that of a folder, by the look of it: the storage itself is one."""
    path = plain(name or "")
    return path == "" or path.endswith("/")


_P = ParamSpec("_P")
_R = TypeVar("_R")


def _in_thread(method: Callable[_P, _R]) -> Callable[_P, Coroutine[Any, Any, _R]]:
    # Not the one thread that Django keeps for its database: a slow upload would hold up the others.
    return sync_to_async(method, thread_sensitive=False)


def _location(location: str) -> str:
    location = str(location).replace("\\", "/").strip("/")
    if any(segment in ("", ".", "..") for segment in location.split("/")) and location:
        raise ImproperlyConfigured(
            f"TintypeStorage: location {location[:200]!r} must be a folder such as 'photos/2016'"
        )
    return location


class _Chunks:
    """The bytes of a file that can be read again; each iteration begins anew."""

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
        # Opened when it is asked for, and takes itself for closed until then.
        _ = content.file
    try:
        return bool(content.seekable())
    except (AttributeError, ValueError):
        return False


def _length(content: File[Any]) -> int | None:
    """How many bytes there are, as far as that can be told without reading them."""
    try:
        if not _can_rewind(content) or content.read(0) != b"":
            return None
        content.seek(0, os.SEEK_END)
        return int(content.tell())
    except (AttributeError, OSError, TypeError, ValueError):
        return None


def _as_django_wants(time: datetime) -> datetime:
    return time if django_settings.USE_TZ else datetime.fromtimestamp(time.timestamp())
