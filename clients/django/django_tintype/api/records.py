"""What the API returns, as frozen values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from .trouble import Trouble

_IMAGE = re.compile(r"w=(\d{1,9}), h=(\d{1,9}), format=([a-z0-9-]{1,32})")
_RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class ImageFacts:
    """What the pixels are. Width and height are those of the upright image."""

    format: str
    width: int
    height: int
    frames: int = 1
    alpha: bool = False
    dominant_colour: str | None = None
    thumbhash: str | None = None
    renderable: bool = True
    #: Facts that need the decoded image follow later.
    pending: bool = False
    #: The file ends too early.
    truncated: bool = False
    #: Images made from it have neither.
    gain_map: bool = False
    c2pa: bool = False
    #: Part of its pixels is missing or wrong.
    damaged: bool = False

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> ImageFacts:
        return cls(**{name: answer[name] for name in cls.__dataclass_fields__ if name in answer})


@dataclass(frozen=True)
class Record:
    """What the service knows of an original."""

    key: str
    size: int
    type: str | None
    sha256: str | None
    version: str | None
    etag: str
    created: datetime
    modified: datetime
    image: ImageFacts | None = None
    focal_point: tuple[float, float] | None = None
    crops: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=lambda: {"name": "public"})
    meta: Mapping[str, Any] = field(default_factory=dict)
    #: The version of the record itself, where known: what `patch(if_match=…)` takes.
    record_etag: str | None = None
    #: Why it cannot be shown, or only in part.
    trouble: Trouble | None = None
    #: Who made it and on what terms it may be used: ``creators``, ``notice``, ``credit``,
    #: ``web_statement`` and others. None: nothing is known.
    rights: Mapping[str, Any] | None = None
    #: What of it was set with ``patch(key, {"rights": …})``, in place of what the file says.
    set_rights: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, answer: Mapping[str, Any], record_etag: str | None = None) -> Record:
        image, focal = answer["image"], answer["focal_point"]
        return cls(
            key=answer["key"],
            size=answer["size"],
            type=answer["type"],
            sha256=answer["sha256"],
            version=answer["version"],
            etag=answer["etag"],
            created=_time(answer["created"]),
            modified=_time(answer["modified"]),
            # If it cannot be read as an image, not even its size is known.
            image=ImageFacts.of(image) if image and image["width"] else None,
            focal_point=(focal["x"], focal["y"]) if focal else None,
            crops=answer["crops"],
            state=answer["state"],
            meta=answer["meta"],
            record_etag=record_etag.strip('"') if record_etag else None,
            trouble=Trouble.of(answer),
            rights=answer.get("rights"),
            set_rights=answer.get("set_rights") or {},
        )

    @classmethod
    def of_listed(cls, listed: Listed) -> Record:
        """What a listing says of an original that has not been probed yet."""
        return cls(
            key=listed.key,
            size=listed.size,
            type=None,
            sha256=None,
            version=None,
            etag=listed.etag,
            created=listed.modified,
            modified=listed.modified,
        )


@dataclass(frozen=True)
class Head:
    """What response headers say of an original."""

    size: int
    etag: str
    created: datetime
    modified: datetime
    type: str | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Head:
        created = headers.get("tintype-created")
        # Last-Modified has whole seconds.
        modified = headers.get("tintype-modified")
        last_modified = headers.get("last-modified")
        modified_at = _EPOCH
        if modified:
            modified_at = _time(modified)
        elif last_modified:
            modified_at = parsedate_to_datetime(last_modified)
        image = _IMAGE.fullmatch(headers.get("tintype-image", ""))
        return cls(
            size=int(headers.get("content-length", 0)),
            etag=headers.get("etag", "").strip('"'),
            created=_time(created) if created else modified_at,
            modified=modified_at,
            type=headers.get("content-type"),
            width=int(image[1]) if image else None,
            height=int(image[2]) if image else None,
            format=image[3] if image else None,
        )


@dataclass(frozen=True)
class Listed:
    key: str
    size: int
    etag: str
    modified: datetime
    record: Record | None = None


@dataclass(frozen=True)
class Page:
    """Full keys; `dirs` end with a slash."""

    dirs: tuple[str, ...]
    files: tuple[Listed, ...]
    #: Where the next page begins; None after the last.
    cursor: str | None

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Page:
        return cls(
            dirs=tuple(answer["dirs"]),
            files=tuple(
                Listed(
                    key=file["key"],
                    size=file["size"],
                    etag=file["etag"],
                    modified=_time(file["modified"]),
                    record=Record.of(file["record"]) if file.get("record") else None,
                )
                for file in answer["files"]
            ),
            cursor=answer["cursor"],
        )


@dataclass(frozen=True)
class Ready:
    """A service that responds."""

    version: str
    #: Its clock when it responded.
    clock: datetime | None


def _time(text: str) -> datetime:
    # Not `fromisoformat`: before Python 3.11 it understands neither Z nor nanoseconds.
    match = _RFC_3339.fullmatch(text)
    second = parse_datetime(match[1] + match[3]) if match else None
    if match is None or second is None:
        return _EPOCH
    nanoseconds = int((match[2] or "").ljust(9, "0")[:9])
    # As one float, like `os.stat`, so that the times of a local file and of this one compare equal.
    return datetime.fromtimestamp(second.timestamp() + 1e-9 * nanoseconds, tz=timezone.utc)
