"""TintypeStorage in place of FileSystemStorage, for suites written for local files.

The service keeps its files as plain ones below TINTYPE_ROOT, the suite's temporary folder, so that
tests may look at the disk. This adds what only a local storage has: absolute locations, `path()`,
folders that exist by themselves, links, access times, and modes, which are remembered but not
applied.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any

from django.conf import settings
from django.core.files import storage as package
from django.core.files.storage import filesystem
from django.utils._os import safe_join
from django.utils.deconstruct import deconstructible

from django_tintype.storages.tintype import TintypeStorage

ROOT = os.path.realpath(os.environ["TINTYPE_ROOT"])


@deconstructible(path="django.core.files.storage.FileSystemStorage")
class LocalTintypeStorage(TintypeStorage):
    # Tests of 5.2 derive classes with other flags, which are ignored here.
    OS_OPEN_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL

    def __init__(
        self,
        location: Any = None,
        base_url: Any = None,
        file_permissions_mode: int | None = None,
        directory_permissions_mode: int | None = None,
        allow_overwrite: bool = False,
    ) -> None:
        # As with FileSystemStorage, missing options follow the settings, which tests override.
        self._location = location
        self._base_url = base_url
        self._file_permissions_mode = file_permissions_mode
        self._directory_permissions_mode = directory_permissions_mode
        self.allow_overwrite = allow_overwrite

    @property
    def base_location(self) -> str:
        return str(settings.MEDIA_ROOT if self._location is None else self._location)

    @property
    def location(self) -> str:
        """What tests see: an absolute path. `key` makes it one of the service's."""
        return os.path.abspath(self.base_location)

    @property
    def base_url(self) -> Any:
        if "no_base_url" in self.__dict__:
            return None
        url = settings.MEDIA_URL if self._base_url is None else self._base_url
        return url if str(url).endswith("/") else f"{url}/"

    @base_url.setter
    def base_url(self, url: None) -> None:
        self.no_base_url = True

    def url(self, name: str | None) -> str:
        if self.base_url is None:
            # Without a base URL there is no URL, as when Django serves the files itself.
            raise ValueError("This file is not accessible via a URL.")
        return super().url(name)

    @property
    def file_permissions_mode(self) -> int | None:
        given = self._file_permissions_mode
        return settings.FILE_UPLOAD_PERMISSIONS if given is None else given

    @property
    def directory_permissions_mode(self) -> int | None:
        given = self._directory_permissions_mode
        return settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS if given is None else given

    def key(self, name: str) -> str:
        return os.path.relpath(self._local(name), ROOT)

    def name(self, key: str) -> str:
        return os.path.relpath(os.path.join(ROOT, key), os.path.realpath(self.location))

    def path(self, name: str) -> str:
        return self._local(name)

    # Separate from `path`, which suites override to imitate a remote storage.
    def _local(self, name: str) -> str:
        return safe_join(os.path.realpath(self.location), name)

    def exists(self, name: str) -> bool:
        path = self._local(name)
        return super().exists(name) or os.path.isdir(path) or os.path.islink(path)

    def _has_hooks(self) -> bool:
        hooks = ("get_alternative_name", "is_name_available", "exists")
        return any(
            getattr(type(self), hook) is not getattr(LocalTintypeStorage, hook) for hook in hooks
        )

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        folders, files = super().listdir(path)
        local = self._local(path)
        entries = list(os.scandir(local)) if os.path.isdir(local) else []
        empty = {entry.name for entry in entries if entry.is_dir() and not os.listdir(entry)}
        return [*folders, *empty], files

    def delete(self, name: str) -> None:
        super().delete(name)
        if os.path.isdir(self._local(name)):
            os.rmdir(self._local(name))
        # The service removes empty folders, including this storage's own.
        os.makedirs(self.location, exist_ok=True)

    def _save(self, name: str, content: Any) -> str:
        try:
            return super()._save(name, content)
        except FileExistsError as error:
            # The service's error names a key, FileSystemStorage's a folder.
            raise FileExistsError(os.path.join(ROOT, str(error))) from error

    def get_accessed_time(self, name: str) -> datetime:
        seconds = os.path.getatime(self._local(name))
        zone = timezone.utc if settings.USE_TZ else None
        return datetime.fromtimestamp(seconds, tz=zone)


def install() -> None:
    package.FileSystemStorage = filesystem.FileSystemStorage = LocalTintypeStorage  # type: ignore[misc,assignment]
