"""`TintypeImageField`, its file, and its field in forms."""

from __future__ import annotations

from .field import TintypeImageField

__all__ = ["TintypeImageField"]
