"""Marks that editors set on an image: focal point and crops.

A row has them in columns and the service in the original's record; this module converts between the
two.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError

from ..delivery.spec import as_text, millionths, written
from ..text import shortened

Point = tuple[float, float]
#: Left, top, width and height by the name of the crop, in fractions of the upright image.
Crops = Mapping[str, Mapping[str, float]]


class Marks(NamedTuple):
    #: The name of their file.
    name: str | None
    focal: Point | None = None
    crops: Crops = MappingProxyType({})

    def changes_to(self, wanted: Marks) -> dict[str, Any]:
        """The merge patch that turns a record with these marks into one with the wanted marks."""
        changes: dict[str, Any] = {}
        if wanted.focal != self.focal:
            changes["focal_point"] = _point(wanted.focal)
        if wanted.crops != self.crops:
            gone = dict.fromkeys(self.crops.keys() - wanted.crops.keys())
            changes["crops"] = {**gone, **wanted.crops}
        return changes

    def as_record(self) -> dict[str, Any]:
        """Sent with an upload, in the same request."""
        return Marks(self.name).changes_to(self)

    def copy(self) -> Marks:
        return self._replace(crops=deepcopy(dict(self.crops)))


def read_focal(value: object) -> Point | None:
    """Reads `0.35x0.6`, or a pair as other focal point fields store it; None without a point.
    Raises ValueError."""
    if value is None or value == "":
        return None
    text = value if isinstance(value, str) else as_text("focal point", value)
    match [millionths(part) for part in text.split("x", 2)]:
        case [int(x), int(y)] if x <= 1_000_000 and y <= 1_000_000:
            return x / 1e6, y / 1e6
    raise ValueError(
        f"focal point {shortened(text)!r} is not two numbers from 0 to 1 such as 0.35x0.6"
    )


def read_crops(value: object) -> Crops:
    """Raises ValueError if it is no dict; its content is checked by the service."""
    if not value:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(
            f"crops {shortened(repr(value))} are not a dict of names and cuts, such as "
            '{"square": {"x": 0.25, "y": 0, "width": 0.5, "height": 1}}'
        )
    return value


def write_focal(focal: Point | None) -> str:
    return "" if focal is None else f"{written(float(focal[0]))}x{written(float(focal[1]))}"


def validate_focal(value: object) -> None:
    """For the column of the focal point, and for forms."""
    try:
        read_focal(value)
    except ValueError as error:
        raise ValidationError(str(error), code="invalid") from None


def validate_crops(value: object) -> None:
    """For the column of the crops, and for forms."""
    try:
        read_crops(value)
    except ValueError as error:
        raise ValidationError(str(error), code="invalid_crops") from None


def _point(focal: Point | None) -> dict[str, float] | None:
    return None if focal is None else {"x": focal[0], "y": focal[1]}
