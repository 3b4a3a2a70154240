"""Values that both packages share: one reader for each kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..delivery.spec import Spec, SpecError
from .errors import CompatError, unsupported

#: Colour names used in templates, besides hex digits.
COLOURS = {"white": "ffffff", "black": "000000", "transparent": "00000000"}


def whole_number(name: str, value: object, first: int, last: int) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch("[0-9]{1,6}", text):
        raise CompatError(name, f"must be a whole number, not {text[:40]!r}")
    number = int(text)
    if not first <= number <= last:
        raise CompatError(name, f"must be from {first} to {last}, not {number}")
    return number


def colour(name: str, value: object) -> str:
    text = str(value).strip().lower().removeprefix("#")
    text = COLOURS.get(text, text)
    if not re.fullmatch("[0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8}", text):
        raise CompatError(name, f"must be a colour such as #fff or #ffffff, not {text[:40]!r}")
    return text


def quality(name: str, value: object) -> int:
    return whole_number(name, value, 1, 100)


def must_be_true(name: str, value: object) -> None:
    if not value:
        raise unsupported(f"{name}={value}", "remove it")


def refused(fix: str) -> Callable[[str, Any], None]:
    """For options that are harmless only while they are off."""

    def read(name: str, value: object) -> None:
        if value:
            raise unsupported(name, fix)

    return read


def changed(spec: Spec, **items: Any) -> Spec:
    try:
        return spec.replace(**items)
    except SpecError as error:
        raise CompatError(error.item, error.reason) from None
