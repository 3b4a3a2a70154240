"""Why an image cannot be shown, or only in part: from a response or from a local file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

_TYPES: Final = {
    "psd": "image/vnd.adobe.photoshop",
    "ico": "image/vnd.microsoft.icon",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
}


class Trouble(NamedTuple):
    """What is wrong with an image. Only `truncated` can be shown all the same."""

    #: The service's code, or `not-a-picture` or `truncated`.
    code: str
    #: What the file is, such as `heic`.
    format: str | None = None
    pixels: int | None = None
    limit: int | None = None

    @property
    def is_fatal(self) -> bool:
        return self.code != "truncated"

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Trouble | None:
        """From a record in a response."""
        image = answer["image"]
        if image is None:
            return cls("not-a-picture", format_of(str(answer["type"])))
        pixels = (image.get("width") or 0) * (image.get("height") or 0) or None
        if not image.get("renderable", True):
            reason = image.get("reason") or {}
            limit = reason.get("limit")
            return cls(
                str(reason.get("code", "corrupt-image")),
                str(image["format"]),
                pixels,
                limit if isinstance(limit, int) else None,
            )
        return cls("truncated", str(image["format"])) if image.get("truncated") else None


def media_type(format: str) -> str:
    return _TYPES.get(format, f"image/{format}")


def format_of(media_type: str) -> str | None:
    known = {value: name for name, value in _TYPES.items()}
    subtype = media_type.rpartition("/")[2]
    # Other subtypes mean nothing to users.
    is_word = subtype.isalnum() and len(subtype) < 5
    return known.get(media_type) or (subtype if is_word else None)
