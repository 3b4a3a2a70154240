"""Converts the geometry and options of sorl-thumbnail to specs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from django.conf import settings as site

from ..delivery.geometry import Rect, Size
from ..delivery.spec import FORMATS, MAX_BOX, Spec
from .cuts import Cut, choose
from .errors import CompatError, unsupported
from .values import changed, colour, must_be_true, quality, refused, whole_number

_GEOMETRY = re.compile("([0-9]{1,5})?(?:x([0-9]{1,5}))?")
_OFFSET = re.compile("([0-9]{1,5})(%|px)")
_ACROSS = {"left": "0%", "center": "50%", "right": "100%"}
_DOWN = {"top": "0%", "center": "50%", "bottom": "100%"}
#: The centre is left to the focal point of the image, if it has one.
_COMPASS: dict[tuple[int | None, int | None], str | None] = {
    (0, 0): "nw", (50, 0): "n", (100, 0): "ne",
    (0, 50): "w", (50, 50): None, (100, 50): "e",
    (0, 100): "sw", (50, 100): "s", (100, 100): "se",
}  # fmt: skip


class Offset(NamedTuple):
    """Where the crop begins: a share of the free length, or pixels of the resized image."""

    percent: int | None
    pixels: int = 0


def spec_of(geometry: object, options: Mapping[str, Any], size: Size | None) -> Spec:
    """The spec of what sorl-thumbnail would make of an original of this size. Raises
    `CompatError`."""
    width, height = parse_geometry(geometry)
    read = {**_defaults(), **{name: read_option(name, value) for name, value in options.items()}}
    base, crop, up = read.get("cropbox"), read.get("crop"), bool(read.get("upscale"))
    if base and size and (base.x + base.width > size.width or base.y + base.height > size.height):
        raise CompatError("cropbox", f"reaches over the edge of {size.width}x{size.height} pixels")
    padding = bool(read.get("padding"))
    look = {
        "q": read.get("quality"),
        "f": read.get("format"),
        "gray": read.get("colorspace"),
        "blur": read.get("blur"),
        "bg": read.get("padding_color") if padding else read.get("flatten"),
    }
    short = None
    if not (crop and width and height):
        fit = "pad" if padding and width and height else None
        short = changed(Spec(), w=width, h=height, fit=fit, up=up, crop=base)
    elif (crop[0].percent, crop[1].percent) in _COMPASS:
        g = _COMPASS[crop[0].percent, crop[1].percent]
        short = changed(Spec(), w=width, h=height, fit="cover", g=g, up=up, crop=base)
    cut = partial(_cut, geometry=(width, height), crop=crop, up=up, pads=padding)
    return changed(choose(size, short, cut, base=base), **look)


def parse_geometry(geometry: object, ratio: float | None = None) -> tuple[int | None, int | None]:
    """`200x100`, `200` or `x100`; with the ratio of an image the other side is filled in."""
    found = _GEOMETRY.fullmatch(str(geometry).strip())
    if not found or not (found[1] or found[2]):
        raise CompatError("geometry", f"must be 200x100, 200 or x100, not {str(geometry)[:40]!r}")
    width, height = (int(side) if side else None for side in found.groups())
    for side in (width, height):
        if side is not None and not 1 <= side <= MAX_BOX:
            raise CompatError("geometry", f"must have sides from 1 to {MAX_BOX}, not {side}")
    if ratio is not None and width is None and height is not None:
        width = _round(height * ratio)
    elif ratio is not None and height is None and width is not None:
        height = _round(width / ratio)
    return width, height


def read_option(name: str, value: Any) -> Any:
    """One option, checked."""
    if name not in OPTIONS:
        raise CompatError(name, f"is not an option of sorl-thumbnail: {', '.join(OPTIONS)}")
    return OPTIONS[name](name, value)


def _round(number: float) -> int:
    return round(number) if number > 1 else math.ceil(number)


def _cut(
    source: Size,
    *,
    geometry: tuple[int | None, int | None],
    crop: tuple[Offset, Offset] | None,
    up: bool,
    pads: bool,
) -> Cut:
    width, height = geometry
    if width is None:
        width = _round((height or 1) * source.width / source.height)
    if height is None:
        height = _round(width * source.height / source.width)
    factors = (width / source.width, height / source.height)
    factor = max(factors) if crop else min(factors)
    scaled = source
    if factor < 1 or up:
        scaled = Size(_round(source.width * factor), _round(source.height * factor))
    box = Rect(0, 0, *scaled)
    if crop:
        kept = Size(min(scaled.width, width), min(scaled.height, height))
        x = _begin(crop[0], scaled.width - kept.width)
        y = _begin(crop[1], scaled.height - kept.height)
        box = Rect(x, y, *kept)
    is_filled = (box.width, box.height) == (width, height)
    return Cut(scaled, box, Size(width, height) if pads and not is_filled else None)


def _begin(offset: Offset, free: int) -> int:
    return min(free, offset.pixels if offset.percent is None else free * offset.percent // 100)


def _crop(name: str, value: Any) -> tuple[Offset, Offset] | None:
    text = str(value).strip()
    if not value or text == "noop":
        return None
    if text == "smart":
        raise unsupported("crop=smart", "set a focal point on the image, and crop=center")
    words = text.split(" ")
    if len(words) == 1:
        across = "center" if text in _DOWN else text
        down = "center" if text in _ACROSS else text
        words = [across, down]
    offsets = [_offset(word, edges) for word, edges in zip(words, (_ACROSS, _DOWN), strict=False)]
    match offsets:
        case [Offset() as x, Offset() as y] if len(words) == 2:
            return x, y
    raise CompatError(name, f"must be as in 'center', '50% top' or '10px 0px', not {text[:40]!r}")


def _offset(word: str, edges: Mapping[str, str]) -> Offset | None:
    found = _OFFSET.fullmatch(edges.get(word, word))
    if not found:
        return None
    return Offset(int(found[1])) if found[2] == "%" else Offset(None, int(found[1]))


def _cropbox(name: str, value: Any) -> Rect | None:
    if not value:
        return None
    parts = value if isinstance(value, (list, tuple)) else str(value).split(",")
    numbers = [whole_number(name, part, 0, 999_999) for part in parts]
    match numbers:
        case [left, top, right, bottom] if left < right and top < bottom:
            return Rect(left, top, right - left, bottom - top)
    raise CompatError(name, f"must be left,top,right,bottom in pixels, not {str(value)[:40]!r}")


def _format(name: str, value: Any) -> str | None:
    word = str(value or "auto").lower()
    if word not in FORMATS[:-2]:
        raise CompatError(name, f"must be one of JPEG PNG GIF WEBP AVIF, not {str(value)[:40]!r}")
    return word


def _colorspace(name: str, value: Any) -> bool:
    if value not in (None, "", "RGB", "GRAY"):
        raise CompatError(name, f"must be RGB or GRAY, not {str(value)[:40]!r}")
    return bool(value == "GRAY")


def _blur(name: str, value: Any) -> int | None:
    return whole_number(name, value or 0, 0, 100) or None


def _flatten(name: str, value: Any) -> str | None:
    return "ffffff" if value and value != "off" else None


def _switch(name: str, value: Any) -> bool:
    return bool(value)


OPTIONS: dict[str, Callable[[str, Any], Any]] = {
    "crop": _crop,
    "upscale": _switch,
    "quality": quality,
    "format": _format,
    "colorspace": _colorspace,
    "padding": _switch,
    "padding_color": colour,
    "cropbox": _cropbox,
    "blur": _blur,
    "flatten": _flatten,
    "progressive": must_be_true,
    "orientation": must_be_true,
    "rounded": refused("use border-radius in the style sheet"),
    "remove_border": refused("cut it away with cropbox"),
}


def _defaults() -> dict[str, Any]:
    """sorl's defaults. Quality and format are the service's own, unless the site has set sorl's."""
    found = {"upscale": True, "padding_color": "ffffff"}
    for name in ("upscale", "quality", "format", "colorspace", "padding", "padding_color", "blur"):
        value = getattr(site, f"THUMBNAIL_{name.upper()}", None)
        if value is not None:
            found[name] = read_option(name, value)
    if getattr(site, "THUMBNAIL_PRESERVE_FORMAT", False):
        # Then THUMBNAIL_FORMAT applies only to names without a known extension.
        found.pop("format", None)
    return found
