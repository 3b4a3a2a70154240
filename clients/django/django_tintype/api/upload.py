"""The body of an upload: hashed as it is sent, and sent again if its source can be read again."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from typing import Any, Final, Protocol, TypeAlias, cast

CHUNK_BYTES: Final = 256 * 1024


class Readable(Protocol):
    def read(self, amount: int, /) -> bytes: ...


Body: TypeAlias = bytes | Readable | Iterable[bytes]


class SourceFailed(Exception):
    """The source could not be read. Its own error, kept apart from those of the network."""

    def __init__(self, error: Exception) -> None:
        super().__init__(repr(error))
        self.error = error


class WrongLength(Exception):
    """The source has more or fewer bytes than announced."""


class Upload:
    """An iterable of bytes for one body; `sha256` is set once all of it was sent."""

    def __init__(self, source: Body, length: int | None = None) -> None:
        self.source = source
        # A length of 0 would end the body at once, whatever the source has.
        self.length = length or None
        self.sha256 = ""
        self._is_begun = False
        self._start: int | None = None
        if isinstance(source, (bytes, bytearray, memoryview)):
            self.length = len(source)
        elif hasattr(source, "read"):
            self._start = _position(source)
            if self._start is not None and length is None:
                self.length = _rest(source, self._start)

    @property
    def can_repeat(self) -> bool:
        if not self._is_begun or isinstance(self.source, (bytes, bytearray, memoryview)):
            return True
        if hasattr(self.source, "read"):
            return self._start is not None
        return iter(self.source) is not self.source

    def __iter__(self) -> Iterator[bytes]:
        digest, sent, held = hashlib.sha256(), 0, b""
        chunks = self._chunks()
        while True:
            try:
                chunk = next(chunks, None)
            except Exception as error:
                raise SourceFailed(error) from error
            if chunk is None:
                break
            sent += len(chunk)
            if self.length is not None and sent > self.length:
                raise WrongLength
            digest.update(chunk)
            # The last chunk waits until the source has ended: a body of the announced length is
            # stored, even if more was to come.
            yield held
            held = chunk
        if self.length is not None and sent < self.length:
            raise WrongLength
        yield held
        self.sha256 = digest.hexdigest()

    def _chunks(self) -> Iterator[bytes]:
        source = self.source
        if isinstance(source, (bytes, bytearray, memoryview)):
            self._is_begun = True
            view = memoryview(source)
            for at in range(0, len(view), CHUNK_BYTES):
                yield bytes(view[at : at + CHUNK_BYTES])
        elif hasattr(source, "read"):
            if self._start is not None:
                cast(Any, source).seek(self._start)
            self._is_begun = True
            while chunk := source.read(CHUNK_BYTES):
                yield chunk
        else:
            chunks = iter(source)
            self._is_begun = True
            yield from chunks


def _position(file: object) -> int | None:
    """The position of a file, if it can be restored."""
    try:
        if cast(Any, file).seekable():
            return int(cast(Any, file).tell())
    except (AttributeError, OSError, ValueError):
        pass
    return None


def _rest(file: object, start: int) -> int | None:
    if isinstance(file, io.TextIOBase):
        return None
    end = cast(Any, file).seek(0, os.SEEK_END)
    cast(Any, file).seek(start)
    return max(0, int(end) - start) if isinstance(end, int) else None
