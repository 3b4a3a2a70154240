"""The client of the in-memory double, which behaves like the service.

Not for use by itself: see `django_tintype.testing`.
"""

from __future__ import annotations

import hashlib
import io
import json
import mimetypes
import secrets
import string
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import Any

from django.core.exceptions import SuspiciousFileOperation
from urllib3 import BaseHTTPResponse

from ..api.client import Client
from ..api.download import Download
from ..api.errors import TintypeError, as_django_has_it, refusal
from ..api.limits import Limits
from ..api.records import Head, ImageFacts, Listed, Page, Ready, Record
from ..api.upload import Body, SourceFailed, Upload, WrongLength
from ..keys import check_key, encode_key, is_too_long, joined, split_extension

#: Types that Python's own table lacks, or defines differently.
_TYPES = {
    ".mkv": "video/x-matroska",
    ".ogv": "video/ogg",
    ".ts": "video/mp2t",
    ".usdz": "model/vnd.usdz+zip",
}


_RENDERABLE = (
    *("jpeg", "png", "webp", "gif", "bmp", "tiff", "avif", "heic", "heif", "jxl", "jp2"),
    *("vnd.adobe.photoshop", "vnd.microsoft.icon", "svg+xml"),
)


@dataclass(frozen=True)
class _Stored:
    data: bytes
    record: Record


class MemoryClient(Client):
    """Behaves like the service, on a dict."""

    def __init__(self) -> None:
        self._files: dict[str, _Stored] = {}
        self._lock = threading.RLock()
        self._changes = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return _get_memory, ()

    def __repr__(self) -> str:
        return "Client(in memory)"

    def clear(self) -> None:
        with self._lock:
            self._files.clear()

    def put(
        self,
        key: str,
        body: Body,
        *,
        on_conflict: str = "fail",
        max_length: int | None = None,
        content_type: str | None = None,
        if_match: str | None = None,
        create_only: bool = False,
        record: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        length: int | None = None,
    ) -> Record:
        _check_new(key)
        data = _read(key, body, length)
        with self._lock:
            there = self._files.get(key)
            if on_conflict != "rename" and max_length is not None and len(key) > max_length:
                raise _refused(400, "name-too-long", key)
            if if_match is not None:
                if there is None or if_match not in ("*", there.record.etag):
                    raise _refused(412, "precondition-failed", key)
            elif create_only and self._is_taken(key):
                raise _refused(412, "precondition-failed", key)
            elif on_conflict == "rename":
                key = self._free(key, max_length)
            elif self._is_folder(key) or (on_conflict == "fail" and there):
                raise _refused(409, "key-exists", key)
            self._check_parents(key)
            return self._store(key, data, dict(record or {}))

    def get(
        self,
        key: str,
        *,
        start: int | None = None,
        end: int | None = None,
        if_match: str | None = None,
    ) -> Download:
        stored = self._find_shown(key)
        self._check_match(stored, if_match)
        first = start or 0
        if first and first >= len(stored.data):
            raise _refused(416, "range-not-satisfiable", key)
        return _MemoryDownload(stored, first, end)

    def head(self, key: str) -> Head:
        record = self._find_shown(key).record
        return Head(
            size=record.size,
            etag=record.etag,
            created=record.created,
            modified=record.modified,
            type=record.type,
            width=record.image.width if record.image else None,
            height=record.image.height if record.image else None,
            format=record.image.format if record.image else None,
        )

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        encode_key(key)
        with self._lock:
            stored = self._files.get(key)
            if if_match is not None and (stored is None or stored.record.etag != if_match):
                raise _refused(412, "precondition-failed", key)
            self._files.pop(key, None)

    def record(self, key: str) -> Record:
        record = self._find(key).record
        return replace(record, record_etag=record.etag)

    def patch(
        self,
        key: str,
        changes: Mapping[str, Any],
        *,
        if_match: str | None = None,
        actor: str | None = None,
    ) -> Record:
        with self._lock:
            stored = self._find(key)
            self._check_match(stored, if_match)
            # The bytes keep their ETag; the image has another version.
            record = _versioned(_patched(stored.record, changes))
            self._files[key] = replace(stored, record=record)
            return replace(record, record_etag=record.etag)

    def list(
        self,
        prefix: str,
        *,
        delimiter: str | None = "/",
        cursor: str | None = None,
        limit: int = 1000,
        records: bool = False,
    ) -> Page:
        folders: set[str] = set()
        files: dict[str, Listed] = {}
        with self._lock:
            for key, stored in self._files.items():
                if not key.startswith(prefix):
                    continue
                folder, slash, _ = key[len(prefix) :].partition("/")
                if delimiter and slash:
                    folders.add(f"{prefix}{folder}/")
                else:
                    record = stored.record
                    listed = Listed(key, record.size, record.etag, record.modified)
                    files[key] = replace(listed, record=record if records else None)
        entries = sorted(entry for entry in folders | files.keys() if entry > (cursor or ""))
        page = entries[:limit]
        return Page(
            dirs=tuple(entry for entry in page if entry in folders),
            files=tuple(files[entry] for entry in page if entry in files),
            cursor=page[-1] if len(entries) > limit else None,
        )

    def batch(self, op: str, keys: Iterable[str]) -> Sequence[dict[str, Any]]:
        return [self._one_of_batch(op, key) for key in keys]

    def _one_of_batch(self, op: str, key: str) -> dict[str, Any]:
        try:
            if op == "stat":
                return {"key": key, "status": 200, "record": _answer(self._find(key).record)}
            encode_key(key)
        except FileNotFoundError:
            problem = {"code": "not-found", "detail": "there is no such original"}
            return {"key": key, "status": 404, "problem": problem}
        except SuspiciousFileOperation as error:
            problem = {"code": "invalid-key", "detail": str(error)}
            return {"key": key, "status": 400, "problem": problem}
        if op == "delete":
            self.delete(key)
        return {"key": key, "status": 204}

    def _place(
        self, what: str, source: str, target: str, on_conflict: str, max_length: int | None
    ) -> Record:
        _check_new(target)
        with self._lock:
            if source == target:
                raise _refused(400, "invalid-request", source)
            stored = self._find(source)
            said = _said(stored.record)
            record = self.put(
                target, stored.data, on_conflict=on_conflict, max_length=max_length, record=said
            )
            if what == "move":
                self.delete(source)
            return record

    def purge(self, *, key: str | None = None, prefix: str | None = None) -> int:
        return 1 if prefix is None else sum(name.startswith(prefix) for name in self._files)

    def limits(self) -> Limits:
        return Limits(
            renderable=tuple(f"image/{name}" for name in _RENDERABLE),
            allowed=("*",),
            max_pixels=100_000_000,
            max_upload_bytes=5 << 30,
        )

    def ready(self) -> Ready:
        return Ready(version="memory", clock=datetime.now(timezone.utc))

    def public(
        self, url: str, *, method: str = "GET", accept: str | None = None
    ) -> BaseHTTPResponse:
        raise TintypeError(f"{url} is in memory; nothing can be fetched from there")

    def _find(self, key: str) -> _Stored:
        encode_key(key)
        stored = self._files.get(key)
        if stored is None:
            raise _refused(404, "not-found", key)
        return stored

    def _find_shown(self, key: str) -> _Stored:
        stored = self._find(key)
        if stored.record.state.get("name") == "blocked":
            raise _refused(451, "blocked", key)
        return stored

    def _check_match(self, stored: _Stored, if_match: str | None) -> None:
        if if_match not in (None, "*", stored.record.etag):
            raise _refused(412, "precondition-failed", stored.record.key)

    def _store(self, key: str, data: bytes, said: dict[str, Any]) -> Record:
        self._changes += 1
        now = datetime.now(timezone.utc)
        there = self._files.get(key)
        image = _image_facts(data)
        guessed = _TYPES.get(PurePosixPath(key).suffix.lower()) or mimetypes.guess_type(key)[0]
        record = Record(
            key=key,
            size=len(data),
            type=f"image/{image.format}" if image else guessed or "application/octet-stream",
            sha256=hashlib.sha256(data).hexdigest(),
            version=None,
            etag=f"memory-{self._changes:x}",
            created=there.record.created if there else now,
            modified=now,
            image=image,
        )
        record = _versioned(_patched(record, said))
        self._files[key] = _Stored(data, record)
        return record

    def _is_folder(self, key: str) -> bool:
        return any(name.startswith(key + "/") for name in self._files)

    def _is_taken(self, key: str) -> bool:
        return key in self._files or self._is_folder(key)

    def _check_parents(self, key: str) -> None:
        for parent in PurePosixPath(key).parents:
            if str(parent) in self._files:
                raise _refused(409, "parent-not-directory", key)

    def _free(self, wished: str, max_length: int | None) -> str:
        """Applies the rule of Django's `get_available_name`, as the service does."""
        folder, slash, file = wished.rpartition("/")
        root, extension = split_extension(file)
        key = wished
        while self._is_taken(key) or (max_length is not None and len(key) > max_length):
            suffix = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(7))
            if max_length is not None:
                root = root[: max(0, max_length - len(f"{folder}{slash}_{suffix}{extension}"))]
                if not root:
                    raise _refused(400, "name-too-long", wished)
            key = folder + slash + joined(root, f"_{suffix}{extension}")
        return key


class _MemoryDownload(Download):
    def __init__(self, stored: _Stored, start: int, end: int | None) -> None:
        self.key, self.etag = stored.record.key, stored.record.etag
        self.start, self.size = start, len(stored.data)
        self._bytes = io.BytesIO(stored.data[start:end])

    def read(self, amount: int | None = None) -> bytes:
        return self._bytes.read(amount)

    def close(self) -> None:
        pass


memory = MemoryClient()


def _get_memory() -> Client:
    return memory


def _refused(status: int, code: str, key: str) -> Exception:
    problem = {"code": code, "detail": code.replace("-", " ")}
    error: TintypeError = refusal(status, problem, None)
    return as_django_has_it(error, key)


def _check_new(key: str) -> None:
    encode_key(key)
    if is_too_long(key):
        raise _refused(400, "name-too-long", key)
    check_key(key)


def _read(key: str, body: Body, length: int | None) -> bytes:
    upload = Upload(body, length)
    try:
        return b"".join(upload)
    except SourceFailed as failed:
        raise failed.error from failed.error.__cause__
    except WrongLength:
        if not upload.can_repeat:
            raise TintypeError(f"the content of {key!r} is not {length} bytes long") from None
        upload.length = None
        return b"".join(upload)


_NO_RIGHTS: Mapping[str, Any] = {
    "creators": [],
    "notice": None,
    "credit": None,
    "source": None,
    "marked": None,
    "owners": [],
    "terms": None,
    "web_statement": None,
    "licensor": None,
    "licensor_url": None,
    "digital_source_type": None,
}


def _patched(record: Record, changes: Mapping[str, Any]) -> Record:
    """Merges as in RFC 7396, the fields that clients may set."""
    unknown = changes.keys() - {"focal_point", "crops", "rights", "state", "meta"}
    if unknown:
        raise _refused(400, "invalid-request", record.key)
    crops, state, meta = (
        _merged(getattr(record, name), changes.get(name, {})) for name in ("crops", "state", "meta")
    )
    if "name" in (changes.get("state") or {}):
        state = dict(changes["state"])
    focal = record.focal_point
    if "focal_point" in changes:
        point = changes["focal_point"]
        focal = point and (
            point.get("x", focal[0] if focal else -1),
            point.get("y", focal[1] if focal else -1),
        )
        if focal and not all(0 <= part <= 1 for part in focal):
            raise _refused(400, "invalid-request", record.key)
    if not all(map(_is_inside, crops.values())):
        raise _refused(400, "invalid-request", record.key)
    rights = _merged(record.set_rights, changes.get("rights", {}))
    if rights.keys() - _NO_RIGHTS.keys():
        raise _refused(400, "invalid-request", record.key)
    return replace(
        record,
        crops=crops,
        state=state or {"name": "public"},
        meta=meta,
        focal_point=focal,
        set_rights=rights,
        # What the file says is not read here.
        rights={**_NO_RIGHTS, **rights} if rights else None,
    )


def _is_inside(crop: object) -> bool:
    """Whether a crop is a part of the image."""
    parts = crop if isinstance(crop, dict) else {}
    if parts.keys() != {"x", "y", "width", "height"}:
        return False
    x, y, width, height = (parts[name] for name in ("x", "y", "width", "height"))
    is_number = all(isinstance(part, int | float) and part >= 0 for part in parts.values())
    # The service keeps millionths, so a sum may differ from 1 by less than that.
    return is_number and width > 0 < height and max(x + width, y + height) <= 1.0000005


def _merged(target: Mapping[str, Any], patch: Mapping[str, Any] | None) -> dict[str, Any]:
    if patch is None:
        return {}
    merged = dict(target)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            there = merged.get(name)
            merged[name] = _merged(there if isinstance(there, Mapping) else {}, value)
        else:
            merged[name] = value
    return merged


def _versioned(record: Record) -> Record:
    facts = json.dumps(
        [record.sha256, record.focal_point, record.crops, record.set_rights], sort_keys=True
    )
    return replace(record, version=hashlib.sha256(facts.encode()).hexdigest()[:16])


def _said(record: Record) -> dict[str, Any]:
    focal = record.focal_point
    return {
        "focal_point": {"x": focal[0], "y": focal[1]} if focal else None,
        "crops": dict(record.crops),
        "rights": dict(record.set_rights),
        "state": dict(record.state),
        "meta": dict(record.meta),
    }


def _answer(record: Record) -> dict[str, Any]:
    image = record.image
    return {
        **_said(record),
        "rights": record.rights,
        "set_rights": dict(record.set_rights),
        "key": record.key,
        "size": record.size,
        "type": record.type,
        "sha256": record.sha256,
        "version": record.version,
        "etag": record.etag,
        "created": record.created.isoformat(),
        "modified": record.modified.isoformat(),
        "image": image and dict(image.__dict__),
    }


def _image_facts(data: bytes) -> ImageFacts | None:
    try:
        from PIL import Image
    except ImportError:
        return None
    try:
        with Image.open(io.BytesIO(data)) as image:
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            width, height = image.size[::-1] if turned else image.size
            return ImageFacts(
                format=(image.format or "").lower(),
                width=width,
                height=height,
                frames=getattr(image, "n_frames", 1),
                alpha="A" in image.getbands() or "transparency" in image.info,
            )
    except (OSError, SyntaxError, ValueError):
        return None
