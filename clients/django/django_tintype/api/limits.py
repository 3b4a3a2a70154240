"""What the service accepts and can show, for forms that check uploads in advance. Cached."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from django.core.signals import setting_changed

if TYPE_CHECKING:
    from .client import Client

#: Seconds for which limits are cached, and for which a failed request is not repeated.
KEPT_SECONDS: Final = 300.0
PAUSE_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Limits:
    #: Media types from which variants can be made.
    renderable: tuple[str, ...]
    #: Media types that may be uploaded, with `*` as a wildcard.
    allowed: tuple[str, ...]
    max_pixels: int
    max_upload_bytes: int
    #: For JPEG, which is decoded smaller; None where the service is older than that.
    max_declared_pixels: int | None = None

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Limits:
        return cls(
            renderable=tuple(map(str, answer["renderable"])),
            allowed=tuple(map(str, answer["allowed"])),
            max_pixels=int(answer["max_pixels"]),
            max_upload_bytes=int(answer["max_upload_bytes"]),
            max_declared_pixels=answer.get("max_declared_pixels"),
        )

    def max_pixels_of(self, format: str | None) -> int:
        if format == "jpeg" and self.max_declared_pixels is not None:
            return self.max_declared_pixels
        return self.max_pixels

    def allows(self, media_type: str) -> bool:
        return any(fnmatchcase(media_type, allowed) for allowed in self.allowed)

    @property
    def taken(self) -> tuple[str, ...]:
        """What may be uploaded and can then be shown."""
        return tuple(filter(self.allows, self.renderable))


_kept: dict[str, tuple[float, Limits | None]] = {}


def limits(client: Client, *, ask: bool) -> Limits | None:
    """The limits of the service; None where they are unknown. Makes a request only with `ask`."""
    until, kept = _kept.get(repr(client), (0.0, None))
    if not ask or time.monotonic() < until:
        return kept
    try:
        found: Limits | None = client.limits()
    except Exception:
        # An older service, or an unavailable one: forms can do without, and the upload itself
        # decides.
        found = kept
    seconds = PAUSE_SECONDS if found is None else KEPT_SECONDS
    _kept[repr(client)] = time.monotonic() + seconds, found
    return found


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "TINTYPE":
        _kept.clear()


setting_changed.connect(_forget, dispatch_uid="django_tintype.api.limits")
