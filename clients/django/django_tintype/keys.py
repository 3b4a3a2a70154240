"""Which keys an original may have: the service's own rules, defined once for this package.

The cases in `tests/vectors/keys.json` of the repository hold for both. Keys are never changed;
names of a storage become keys by `plain`, once, before they are used.
"""

from __future__ import annotations

import hashlib
import unicodedata
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote

from django.core.exceptions import SuspiciousFileOperation

from .text import shortened

#: Of a new original. An adopted bucket may have longer keys.
MAX_KEY_BYTES: Final = 900
MAX_EXISTING_BYTES: Final = 1024
#: The limit of every common file system.
MAX_SEGMENT_BYTES: Final = 255
#: The service's own folder, in any case of letters, since some file systems ignore case.
RESERVED: Final = ".tintype"
_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
#: Characters of a hash that keep renamed files apart: a collision in 2^40.
_MARK_CHARACTERS: Final = 10


class InvalidKey(SuspiciousFileOperation):
    """A name that no original can have."""


def is_too_long(key: str) -> bool:
    """For a new key. The service has a separate code for this."""
    segments = map(_bytes, key.split("/"))
    return _bytes(key) > MAX_KEY_BYTES or any(length > MAX_SEGMENT_BYTES for length in segments)


def check_key(key: str) -> None:
    """Refuses keys that the service would refuse to create."""
    _check(key, MAX_KEY_BYTES)
    segments = key.split("/")
    problem = None
    if "" in segments:
        problem = "has a part that is empty"
    elif any(len(segment.encode()) > MAX_SEGMENT_BYTES for segment in segments):
        problem = f"has a part that is longer than {MAX_SEGMENT_BYTES} bytes"
    elif any(map(_is_control, key)):
        problem = "has control characters"
    elif "\\" in key:
        problem = "has a backslash"
    if problem:
        raise InvalidKey(f"key {shortened(key)!r} {problem}; choose another name")


@lru_cache(maxsize=1024)
def encode_key(key: str) -> str:
    """A key as written in URLs; raises `InvalidKey` for a key that no original can have, not even
    an adopted one."""
    _check(key, MAX_EXISTING_BYTES)
    return quote(key, safe="/")


def _check(key: str, limit: int) -> None:
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        raise InvalidKey(f"key {shortened(key)!a} is not text that UTF-8 can write") from None
    segments = key.split("/")
    problem = None
    if not key:
        problem = "is empty"
    elif length > limit:
        problem = f"is {length} bytes, limit is {limit}"
    elif key.endswith("/"):
        problem = "ends with a slash"
    elif "\0" in key:
        problem = "has the control character U+0000"
    elif "." in segments or ".." in segments:
        # Clients and proxies would resolve it to another path.
        problem = "has a segment that is . or .."
    elif next(filter(None, segments)).lower() == RESERVED:
        problem = f"lies under {RESERVED}/, which is reserved"
    if problem:
        raise InvalidKey(f"key {shortened(key)!r} {problem}; choose another name")


def composed(name: object) -> str:
    """A name in the one spelling that a storage uses: NFC, with slashes."""
    return unicodedata.normalize("NFC", str(name).replace("\\", "/"))


def plain(name: object) -> str:
    """A name to be read: composed, and without the `.` and `..` that a path may have and a key may
    not. A name that leads out of the storage is refused, as in Django's own."""
    text = composed(name)
    if text.startswith("/"):
        raise SuspiciousFileOperation(f"name {shortened(text)!r} is not relative to the storage")
    segments: list[str] = []
    for segment in text.split("/"):
        if segment == ".." and not any(segments):
            raise SuspiciousFileOperation(f"name {shortened(text)!r} leads out of the storage")
        if segment == "..":
            segments.pop()
        elif segment != ".":
            segments.append(segment)
    return "/".join(segments)


def tidied(name: object) -> str:
    """The name of a new file: like `plain`, and without empty segments, as in a file system. `..`
    stays, for Django to refuse."""
    text = composed(name)
    rooted = "/" if text.startswith("/") else ""
    return rooted + "/".join(segment for segment in text.split("/") if segment not in ("", "."))


def split_extension(file: str) -> tuple[str, str]:
    """Root and all suffixes, as Django splits them: `a` and `.tar.gz`."""
    extension = "".join(PurePosixPath(file).suffixes)
    return file.removesuffix(extension), extension


def joined(root: str, ending: str) -> str:
    """Both as one file name. If it is too long for a file name, the root is shortened, as for
    `max_length`; if nothing would be left of it, the name is refused later."""
    room = MAX_SEGMENT_BYTES - _bytes(ending)
    if 0 < room < _bytes(root):
        root = root.encode(errors="surrogatepass")[:room].decode(errors="ignore")
    return root + ending


def allowed(name: str, room: int = 0, max_length: int | None = None) -> str:
    """A similar name that the service accepts, always the same one: it ends with a hash of the old
    name, so that two names stay two. `room` is the length of a location in front of it in bytes,
    and `max_length` counts characters."""
    mark = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:_MARK_CHARACTERS]
    text = name.encode(errors="surrogatepass").decode(errors="replace")
    text = "".join("_" if _is_control(char) else char for char in composed(text))
    kept = [segment for segment in text.split("/") if segment not in ("", ".", "..")]
    *folders, file = [joined(segment, "") for segment in kept] or ["file"]
    if folders and folders[0].lower() == RESERVED:
        folders[0] = f"_{folders[0]}"
    root, extension = split_extension(file)
    ending = f"_{mark}{extension}"
    if len(ending.encode()) > MAX_SEGMENT_BYTES // 2:
        # Too long to be an extension.
        root, ending = file, f"_{mark}"
    file = joined(root or "file", ending)

    def fits(folder: list[str], file: str) -> bool:
        text = "/".join([*folder, file])
        is_short = max_length is None or len(text) <= max_length
        return is_short and room + len(text.encode()) <= MAX_KEY_BYTES

    while folders and not fits(folders, f"f{ending}"):
        folders.pop(0)
    while not fits(folders, file) and len(file) > len(ending) + 1:
        file = file[: len(file) - len(ending) - 1] + ending
    if not fits(folders, file):
        raise InvalidKey(f"name {shortened(name)!a} has none like it that is short enough")
    return "/".join([*folders, file])


def _is_control(char: str) -> bool:
    return unicodedata.category(char) == "Cc" or char in _BIDI


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
