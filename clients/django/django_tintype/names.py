"""Where `keys` was before: for code that imports from here."""

from __future__ import annotations

from .keys import (
    MAX_KEY_BYTES,
    MAX_SEGMENT_BYTES,
    check_key,
    joined,
    split_extension,
)

__all__ = ["MAX_KEY_BYTES", "MAX_SEGMENT_BYTES", "check_key", "joined", "split_extension"]
