"""The exceptions of this package, for a site's own code to catch."""

from __future__ import annotations

from .api.errors import (
    PreconditionFailed,
    TintypeAuthError,
    TintypeBlocked,
    TintypeError,
    TintypeRejected,
    TintypeUnavailable,
)
from .keys import InvalidKey

__all__ = [
    "InvalidKey",
    "PreconditionFailed",
    "TintypeAuthError",
    "TintypeBlocked",
    "TintypeError",
    "TintypeRejected",
    "TintypeUnavailable",
]
