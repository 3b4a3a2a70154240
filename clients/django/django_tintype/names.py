"""What a new original may be called, by the rules of the service, and how a name gets shorter."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath
from typing import Final

from django.core.exceptions import SuspiciousFileOperation

MAX_KEY_BYTES: Final = 900
MAX_SEGMENT_BYTES: Final = 255
_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def check_key(key: str) -> None:
    """Refuses what the service would refuse."""
    segments = key.split("/")
    problem = None
    if len(key.encode()) > MAX_KEY_BYTES:
        problem = f"is longer than {MAX_KEY_BYTES} bytes"
    elif any(len(segment.encode()) > MAX_SEGMENT_BYTES for segment in segments):
        problem = f"has a part that is longer than {MAX_SEGMENT_BYTES} bytes"
    elif any(unicodedata.category(char) == "Cc" or char in _BIDI for char in key):
        problem = "has control characters"
    elif "\\" in key or segments[0] == ".tintype" or not {"", ".", ".."}.isdisjoint(segments):
        problem = "is not a name for an original"
    if problem:
        raise SuspiciousFileOperation(f"key {key[:200]!r} {problem}; choose another name")


def split_extension(file: str) -> tuple[str, str]:
    """Root and all suffixes, as Django tells them apart: `a` and `.tar.gz`."""
    extension = "".join(PurePosixPath(file).suffixes)
    return file.removesuffix(extension), extension


def joined(root: str, ending: str) -> str:
    """Both as one file name. If it has more bytes than a file name can have, the root gives way,
    as it does to `max_length`; where there would be none left, the name is refused later."""
    room = MAX_SEGMENT_BYTES - _bytes(ending)
    if 0 < room < _bytes(root):
        root = root.encode(errors="surrogatepass")[:room].decode(errors="ignore")
    return root + ending


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
