"""`TintypeImageField`, its file and its form field."""

from __future__ import annotations

from .field import TintypeImageField

__all__ = ["TintypeImageField"]
