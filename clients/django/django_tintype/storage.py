"""tintype as a Django storage: the whole contract of `Storage` over HTTP, one request per save.

`path()` is not implemented, on purpose: that is how Django's packages learn that files are remote.
"""

from __future__ import annotations

import os
import posixpath
import tempfile
import unicodedata
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

from .client import Client, client
from .files import TintypeFile
from .names import joined, split_extension
from .records import Record
from .urls import original_url

#: Names that a hook may offer for one file before the save is given up.
MAX_NAMES = 100


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
        """The key of the original that has this name."""
        name = str(name).replace("\\", "/")
        if name.startswith("/"):
            raise SuspiciousFileOperation(f"name {name[:200]!r} is not relative to the storage")
        return f"{self.location}/{name}" if self.location else name

    def name(self, key: str) -> str:
        """The name of the original that has this key."""
        if not self.location:
            return key
        if not key.startswith(self.location + "/"):
            raise SuspiciousFileOperation(f"key {key[:200]!r} is not below {self.location!r}")
        return key[len(self.location) + 1 :]

    # Saving

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """The name to save under. Unless hooks are overridden, the service finds out whether it is
        free, while it saves: nobody can take the name between the question and the answer."""
        name = unicodedata.normalize("NFC", str(name).replace("\\", "/"))
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
        for _ in range(MAX_NAMES):
            name = unicodedata.normalize("NFC", str(name))
            try:
                record = self.client.put(
                    self.key(name),
                    _body(content),
                    on_conflict=on_conflict,
                    length=_length(content),
                    record=_record(content),
                )
            except FileExistsError:
                if max_length is None:
                    # As Django calls it in the same place; an override may know no second argument.
                    other = self.get_available_name(name)
                else:
                    other = self.get_available_name(name, max_length=max_length)
                if isinstance(other, WishedName) and not other.is_final:
                    return self._save_as_service_names(other, content)
                if other == name:
                    raise
                name = other
            else:
                return SavedName(self.name(record.key), record)
        raise SuspiciousFileOperation(
            f"no free name for {name[:200]!r} in {MAX_NAMES} attempts; "
            "let get_available_name() offer another name each time"
        )

    # Reading

    def _open(self, name: str, mode: str = "rb") -> TintypeFile:
        return TintypeFile(name, self, mode)

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name. Folders are no files."""
        if not name or str(name).endswith("/"):
            return False
        return self.client.exists(self.key(name))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """The folders and files in a folder. One that is not there is empty."""
        prefix = self.key(str(path).strip("/")).strip("/")
        prefix = "" if prefix in ("", ".") else f"{prefix}/"
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

    def url(self, name: str | None) -> str:
        """The URL of the original. Asks nobody."""
        if self.base_url is not None:
            # As FileSystemStorage does it, to the odd cases.
            path = filepath_to_uri(name)
            return urljoin(self.base_url, path.lstrip("/") if path else path)
        if not name:
            raise ValueError("a file without a name has no URL")
        return original_url(self.key(name))

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
