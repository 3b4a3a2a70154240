"""The image to show, as far as it is known without any I/O: size, version and so on come from the
row in the database."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.files.storage import Storage
from django.db.models.fields.files import FieldFile

from ..text import shortened
from .spec import millionths

_GIVEN = "an image is given as the file of a field, as a Source or as a key"


@dataclass(frozen=True, kw_only=True)
class Source:
    """An image to show: an original of the service, and what is known about it."""

    key: str
    #: Of the upright image. Without them a tag writes neither width and height nor a srcset.
    width: int | None = None
    height: int | None = None
    version: str | None = None
    #: In fractions of the upright image.
    focal: tuple[float, float] | None = None
    #: A ThumbHash in base64.
    placeholder: str | None = None
    #: Set where the service does not have the file (yet): the URL at which it is shown unchanged.
    url_of_original: str | None = None
    #: Who made it and on what terms it may be used, as a record says.
    rights: Mapping[str, Any] | None = field(default=None, hash=False)

    @classmethod
    def of(cls, value: object) -> Source:
        """From a file of a model's field, from a key, or from a source itself."""
        match value:
            case Source():
                return value
            case str() if "://" in value:
                raise ValueError(f"{shortened(value)} is a URL, {_GIVEN}")
            case str() if value:
                return cls(key=value)
            case FieldFile() if value:
                return _of_file(value)
            case FieldFile():
                raise ValueError(f"field {value.field.name} has no file")
        raise TypeError(f"{_GIVEN}, not as {type(value).__name__}")

    @classmethod
    def stored(cls, storage: Storage, name: str) -> Source:
        """A file of a storage, of which only the name is known."""
        # A method of tintype's own storages, since they build on this module.
        ask: Callable[[str], Source] | None = getattr(storage, "tintype_source", None)
        return ask(name) if ask else cls(key=name, url_of_original=storage.url(name))

    @property
    def size(self) -> tuple[int, int] | None:
        if self.width is None or self.height is None:
            return None
        return self.width, self.height


def _of_file(file: FieldFile) -> Source:
    # The row as it was loaded: a deferred column would be a query.
    row: Mapping[str, Any] = file.instance.__dict__

    def column(option: str) -> Any:
        return row.get(getattr(file.field, option, None) or "")

    width, height = _side(column("width_field")), _side(column("height_field"))
    return replace(
        Source.stored(file.storage, file.name or ""),
        width=width if height else None,
        height=height if width else None,
        version=_version(column("version_field")),
        focal=_point(column("focal_field")),
        placeholder=_text(column("placeholder_field")),
        rights=_rights(column("rights_field")),
    )


def _side(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _version(value: object) -> str | None:
    """Any other value in the column is ignored rather than breaking the page."""
    return value if isinstance(value, str) and re.fullmatch("[0-9a-f]{16}", value) else None


def _text(value: object) -> str | None:
    return str(value) if value else None


def _rights(value: object) -> Mapping[str, Any] | None:
    return value if isinstance(value, Mapping) and value else None


def _point(value: object) -> tuple[float, float] | None:
    """`0.35x0.6`, or a pair as other fields for such points give it; None for anything else, in
    which case the crop is centred, as in the service."""
    parts = value if isinstance(value, (list, tuple)) else str(value or "").split("x")
    point = [millionths(str(part)) for part in parts]
    match point:
        case [int(x), int(y)] if x <= 1_000_000 and y <= 1_000_000:
            return x / 1e6, y / 1e6
    return None
