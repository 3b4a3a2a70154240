"""An original as it is downloaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import urllib3
from urllib3.exceptions import HTTPError

from .transport import unreachable


class Download:
    """An original as it is downloaded; a context manager."""

    def __init__(self, key: str, response: urllib3.BaseHTTPResponse | None, etag: str = "") -> None:
        self.key = key
        self._response = response
        headers: Mapping[str, str] = {} if response is None else response.headers
        self.etag = headers.get("etag", "").strip('"') or etag
        #: Where the bytes begin, and how long the whole original is.
        self.start, self.size = (0, 0) if response is None else _range(headers)

    @classmethod
    def empty(cls, key: str, etag: str) -> Download:
        return cls(key, None, etag)

    def read(self, amount: int | None = None) -> bytes:
        if self._response is None:
            return b""
        try:
            return self._response.read(amount)
        except HTTPError as error:
            raise unreachable(self.key, error) from error

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read(64 * 1024):
            yield chunk

    def close(self) -> None:
        # A connection with unread bytes cannot be reused.
        if self._response is not None:
            self._response.close()
            self._response.release_conn()

    def __enter__(self) -> Download:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _range(headers: Mapping[str, str]) -> tuple[int, int | None]:
    """Where the bytes of a response begin, and the length of the whole, if the response says so."""
    content_range = headers.get("content-range", "")
    if content_range.startswith("bytes ") and "/" in content_range:
        span, _, whole = content_range.removeprefix("bytes ").partition("/")
        start = span.partition("-")[0]
        if start.isdecimal() and whole.isdecimal():
            return int(start), int(whole)
    length = headers.get("content-length", "")
    return 0, int(length) if length.isdecimal() else None
