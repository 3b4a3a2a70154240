"""Opened files of the service: read by ranges as needed, written as a whole at close."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import tempfile
from typing import TYPE_CHECKING, Any, Final

from django.core.files import File

from ..api.errors import PreconditionFailed, TintypeError, TintypeUnavailable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

    from ..api.client import Client
    from .tintype import TintypeStorage

    _File = File[Any]
else:
    # Generic in its stubs alone.
    _File = File

#: Enough for the header of nearly every image. Reading ahead doubles only for sequential reads.
FIRST_BYTES: Final = 64 * 1024
MAX_AHEAD_BYTES: Final = 4 * 1024 * 1024

#: How often an interrupted response is resumed.
MAX_RESUMES: Final = 3

_MODES: Final = frozenset(
    "".join((how, plus, kind)) for how in "rwax" for plus in ("", "+") for kind in ("", "b", "t")
)


class TintypeFile(_File):
    """A file like that of `open()`.

    Reading sees one version of the original: if it is replaced meanwhile, further reads fail.
    Writing changes nothing until close, which replaces the version that was there at open, or fails
    if there is another by then. A `with` block that ends in an exception changes nothing.
    """

    file: Any

    def __init__(self, name: str, storage: TintypeStorage, mode: str = "rb") -> None:
        self.name = name
        self._storage = storage
        self._open(mode)

    def _open(self, mode: str) -> None:
        how = "".join(sorted(set(mode), key="rwax+bt".find))
        if how not in _MODES or len(how) != len(mode):
            raise ValueError(f"invalid mode: {mode!r}")
        self.mode = mode
        client, key = self._storage.client, self._storage.key(str(self.name))
        self._draft: _Draft | None = None
        binary: Any
        if how[0] == "r" and "+" not in how:
            binary = io.BufferedReader(RangeReader(client, key))
        else:
            self._draft = _Draft(client, key, how[0])
            binary = self._draft.file
        self.file = binary if "b" in how else io.TextIOWrapper(binary, encoding="utf-8")
        if how[0] == "a":
            self.file.seek(0, os.SEEK_END)

    @property
    def size(self) -> int:
        if self.closed:
            return self._storage.size(str(self.name))
        here = self.file.tell()
        end = int(self.file.seek(0, os.SEEK_END))
        self.file.seek(here)
        return end

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> TintypeFile:
        """Rewinds an open file, or reopens a closed one."""
        if not self.closed and mode in (None, self.mode):
            self.file.seek(0)
        else:
            self.close()
            self._open(mode or self.mode)
        return self

    def close(self) -> None:
        if self.closed:
            return
        try:
            if self._draft is not None:
                self.file.flush()
                self._draft.commit()
        finally:
            self.file.close()

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            # Half a file is worse than none.
            self._draft = None
        self.close()


class RangeReader(io.RawIOBase):
    """The bytes of one version of an original, fetched in windows."""

    def __init__(self, client: Client, key: str) -> None:
        self._client, self._key = client, key
        self._position = 0
        self._ahead = FIRST_BYTES
        self.size = FIRST_BYTES
        self._etag: str | None = None
        # Kept: readers of a header return to the start.
        self._head = self._fetch(0, FIRST_BYTES)
        self._window, self._window_start = b"", len(self._head)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError("negative seek position")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        data = self._available()
        if not data and len(target) and self._position < self.size:
            self._load()
            data = self._available()
        count = min(len(data), len(target))
        target[:count] = data[:count]
        self._position += count
        return count

    def readall(self) -> bytes:
        data = bytes(self._available())
        start = self._position + len(data)
        if start < self.size:
            data += self._fetch(start, self.size)
        self._position += len(data)
        return data

    def _available(self) -> memoryview:
        """The buffered bytes from the position on."""
        for start, window in ((0, self._head), (self._window_start, self._window)):
            if start <= self._position < start + len(window):
                return memoryview(window)[self._position - start :]
        return memoryview(b"")

    def _load(self) -> None:
        """Moves the window to the position, and enlarges it for sequential reads."""
        reads_on = self._position == self._window_start + len(self._window)
        if not reads_on:
            self._ahead = FIRST_BYTES
        elif self._window:
            self._ahead = min(2 * self._ahead, MAX_AHEAD_BYTES)
        start = self._position
        self._window = self._fetch(start, min(start + self._ahead, self.size))
        self._window_start = start

    def _fetch(self, start: int, end: int) -> bytes:
        """The bytes up to `end` or the end of the original; the first response fixes the
        version."""
        data = bytearray()
        for attempt in range(MAX_RESUMES + 1):
            at = start + len(data)
            try:
                with self._client.get(
                    self._key, start=at, end=end, if_match=self._etag
                ) as download:
                    if download.start != at or download.size is None:
                        raise TintypeError(
                            f"the response for {self._key!r} does not say which bytes it has; "
                            "check proxies between here and the service"
                        )
                    self.size, self._etag = download.size, download.etag
                    while chunk := download.read(min(end, self.size) - start - len(data)):
                        data += chunk
                return bytes(data)
            except PreconditionFailed as error:
                error.detail = f"{self._key!r} was replaced while it was read; open it again"
                raise
            except TintypeUnavailable as error:
                # A response with a status has been retried already.
                if error.status is not None or attempt == MAX_RESUMES:
                    raise
        raise AssertionError("the last attempt returns or raises")


class _Appended(io.BufferedRandom):
    """Every write goes to the end, wherever the file was read."""

    def write(self, data: ReadableBuffer, /) -> int:
        self.seek(0, os.SEEK_END)
        return super().write(data)


class _Draft:
    """A temporary file that is being written, and the version that it replaces."""

    def __init__(self, client: Client, key: str, how: str) -> None:
        self.client, self.key = client, key
        # Closed by its owner.
        file: Any = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        self.file = _Appended(file) if how == "a" else io.BufferedRandom(file)
        self.etag: str | None = None
        self.sha256: str | None = None
        try:
            if how in "ra":
                self._copy()
            else:
                self.etag = client.head(key).etag
        except FileNotFoundError:
            if how == "r":
                self.file.close()
                raise
        if how == "x" and self.etag is not None:
            self.file.close()
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), key)

    def _copy(self) -> None:
        digest = hashlib.sha256()
        with self.client.get(self.key) as download:
            for chunk in download:
                self.file.write(chunk)
                digest.update(chunk)
            self.etag, self.sha256 = download.etag, digest.hexdigest()
        self.file.seek(0)

    def commit(self) -> None:
        self.file.seek(0)
        if self.sha256 is not None and self._digest() == self.sha256:
            # A replacement resets the focal point, and here nothing was changed.
            return
        try:
            self.client.put(self.key, self.file, if_match=self.etag, create_only=self.etag is None)
        except PreconditionFailed as error:
            error.detail = f"{self.key!r} was changed by somebody else since it was opened"
            raise

    def _digest(self) -> str:
        digest = hashlib.sha256()
        while chunk := self.file.read(FIRST_BYTES):
            digest.update(chunk)
        self.file.seek(0)
        return digest.hexdigest()
