"""A storage for sites that move uploads to the service later: `DeferredTintypeStorage`.

A save ends once the file is safe in a shared folder, and never waits for the service. From there
`tintype_move`, or a task after the transaction, moves it to the service. Until then it is read and
shown from the folder.
"""

from __future__ import annotations

import errno
import os
import posixpath
import random
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings as django_settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files import File
from django.core.files.storage import Storage
from django.core.files.utils import validate_file_name
from django.core.signing import Signer
from django.db import transaction
from django.urls import reverse
from django.utils.crypto import get_random_string
from django.utils.deconstruct import deconstructible

from ..api.records import Record
from ..delivery.source import Source
from ..keys import composed, joined, split_extension
from .folder import DeferredFolder, folder
from .tintype import MAX_NAMES, STEP_SECONDS, TintypeStorage, is_folder

if TYPE_CHECKING:
    _File = File[Any]
else:
    # Generic in its stubs alone.
    _File = File

#: Enough to make a request for free names unnecessary.
RANDOM_CHARACTERS: Final = 12

_HOOKS: Final = ("get_alternative_name", "is_name_available", "exists")


@deconstructible(path="django_tintype.DeferredTintypeStorage")
class DeferredTintypeStorage(TintypeStorage):
    """Files that reach tintype after the save.

    Names get a random part, because they are final before the service has seen them. A file that is
    not moved yet cannot be opened for writing, and has no record.
    """

    def __init__(self, location: str = "", base_url: str | None = None) -> None:
        super().__init__(location=location, base_url=base_url)

    @property
    def folder(self) -> DeferredFolder:
        return folder()

    def pending(self, name: str) -> bool:
        """Whether the file is still in the folder. Makes no request."""
        return self.folder.stat(self.key(name)) is not None

    # Saving

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        name = composed(name)
        if any(
            getattr(type(self), hook) is not getattr(DeferredTintypeStorage, hook)
            for hook in _HOOKS
        ):
            # A subclass decides which names are free; it may call `exists()`.
            return Storage.get_available_name(self, name, max_length)
        directory, file = posixpath.split(name)
        if ".." in directory.split("/"):
            raise SuspiciousFileOperation(f"Detected path traversal attempt in '{directory}'")
        validate_file_name(file)
        root, extension = split_extension(file)
        ending = f"_{get_random_string(RANDOM_CHARACTERS)}{extension}"
        if max_length is not None:
            room = max_length - len(posixpath.join(directory, ending))
            if room < 1:
                raise SuspiciousFileOperation(
                    f'Storage can not find an available filename for "{name}". Please make sure '
                    'that the corresponding file field allows sufficient "max_length".'
                )
            root = root[:room]
        return posixpath.join(directory, joined(root, ending))

    def _save(self, name: str, content: File[Any]) -> str:
        with self.folder.draft(content.chunks()) as draft:
            for left in reversed(range(MAX_NAMES)):
                key = self.key(name)
                try:
                    self.folder.place(draft, key)
                    break
                except FileExistsError as taken:
                    # As in TintypeStorage: not after the last attempt.
                    if taken.errno != errno.EEXIST or not left:
                        raise
                name = self.get_available_name(name)
                time.sleep(random.uniform(0, STEP_SECONDS))
        if has_workers():
            # Not before the commit: an earlier task might move a file that no row gets.
            transaction.on_commit(partial(_enqueue, key), robust=True)
        return name

    def delete(self, name: str) -> None:
        if not name:
            raise ValueError("The name must be given to delete().")
        key = self.key(name)
        if not self.folder.discard(key):
            super().delete(name)

    # Reading: the folder first. Files only ever move from it to the service, so what is not in the
    # folder is in the service or nowhere.

    def _open(self, name: str, mode: str = "rb") -> Any:
        is_waiting = self.pending(name)
        if set(mode) <= set("rbt"):
            if is_waiting:
                with suppress(FileNotFoundError):  # moved just now
                    return _WaitingFile(name, self, mode)
            self._refuse_deleted(name)
        elif is_waiting:
            raise OSError(
                f"{name!r} waits to be moved to the service, and is read-only until then; "
                "save the changed content under a new name"
            )
        return super()._open(name, mode)

    def exists(self, name: str) -> bool:
        if is_folder(name):
            return False
        if self.pending(name):
            return True
        return not self.folder.is_deleted(self.key(name)) and super().exists(name)

    def size(self, name: str) -> int:
        found = self._stat(name)
        return super().size(name) if found is None else found.st_size

    def get_created_time(self, name: str) -> datetime:
        found = self._stat(name)
        return super().get_created_time(name) if found is None else _time(found)

    def get_modified_time(self, name: str) -> datetime:
        found = self._stat(name)
        return super().get_modified_time(name) if found is None else _time(found)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        key = self.key(str(path).strip("/")).strip("/")
        folders, files, deleted = self.folder.listdir(key)
        arrived = super().listdir(path)
        return sorted(folders.union(arrived[0])), sorted(files.union(arrived[1]) - deleted)

    def record(self, name: str) -> Record:
        self._refuse_deleted(name)
        return super().record(name)

    def tintype_source(self, name: str) -> Source:
        source = super().tintype_source(name)
        return replace(source, url_of_original=self.url(name)) if self.pending(name) else source

    def url(self, name: str | None) -> str:
        if name and not is_folder(name) and self.pending(name):
            return pending_url(self.key(name))
        return super().url(name)

    def _stat(self, name: str) -> os.stat_result | None:
        found = self.folder.stat(self.key(name))
        if found is None:
            self._refuse_deleted(name)
        return found

    def _refuse_deleted(self, name: str) -> None:
        if self.folder.is_deleted(self.key(name)):
            raise FileNotFoundError(2, os.strerror(2), name)


class _WaitingFile(_File):
    """A file in the folder. If it is reopened, from wherever it is by then."""

    def __init__(self, name: str, storage: DeferredTintypeStorage, mode: str) -> None:
        encoding = None if "b" in mode else "utf-8"
        super().__init__(storage.folder.path(storage.key(name)).open(mode, encoding=encoding), name)
        self._storage = storage

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> _WaitingFile:
        if self.closed:
            self.file = self._storage.open(str(self.name), mode or self.mode)
        else:
            self.seek(0)
        return self


def has_workers() -> bool:
    """Whether the site has workers of Django's task framework, which exists since Django 6.0.

    `tintype_move` is there for sites without, and for what a task could not move.
    """
    try:
        from django.tasks import task_backends
        from django.tasks.backends.immediate import ImmediateBackend
    except ImportError:
        return False
    # Django's default backend runs a task at once, within the request, which would wait for the
    # service.
    return not isinstance(task_backends["default"], ImmediateBackend)


def _enqueue(key: str) -> None:
    from ..tasks import move_original

    move_original.enqueue(key)


def signature(key: str) -> str:
    return Signer(salt="django_tintype.deferred").signature(key)


def pending_url(key: str) -> str:
    """The URL of a file that is not moved yet: `deferred_urls` answers there, even after the
    move."""
    return reverse("tintype-pending", args=[signature(key), key])


def _time(found: os.stat_result) -> datetime:
    if django_settings.USE_TZ:
        return datetime.fromtimestamp(found.st_mtime, tz=timezone.utc)
    return datetime.fromtimestamp(found.st_mtime)
