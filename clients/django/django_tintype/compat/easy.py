"""Converts the options and aliases of easy-thumbnails to specs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from django.conf import settings as site

from ..delivery.geometry import Rect, Size
from ..delivery.spec import MAX_BOX, Spec, written
from .cuts import Cut, choose
from .errors import CompatError, unsupported
from .values import changed, colour, must_be_true, quality, refused, whole_number

_SIZE = re.compile("([0-9]{1,5})x([0-9]{1,5})")
_EDGES = re.compile("(?:(-?)([0-9]{1,4}))?,(?:(-?)([0-9]{1,4}))?")
_TARGET = re.compile("([0-9]{1,3})?,([0-9]{1,3})?")


class Edge(NamedTuple):
    """Where the crop begins, in percent of its own length, from the near or the far edge."""

    percent: int
    is_far: bool


class Crop(NamedTuple):
    #: `scale`: as large as needed for cropping, but not cropped.
    is_scale: bool = False
    #: Across and down; None is the target, or the centre.
    edges: tuple[Edge | None, Edge | None] = (None, None)


def spec_of(options: Mapping[str, Any], size: Size | None) -> Spec:
    """The spec of what easy-thumbnails would make of an original of this size. Raises
    `CompatError`."""
    given = {**(getattr(site, "THUMBNAIL_DEFAULT_OPTIONS", None) or {}), **options}
    default_quality = getattr(site, "THUMBNAIL_QUALITY", None)
    if default_quality is not None:
        given.setdefault("quality", default_quality)
    read = {name: read_option(name, value) for name, value in given.items()}
    if read.get("size") is None:
        raise CompatError("size", "is missing")
    look = {
        "q": read.get("quality"),
        "gray": read.get("bw"),
        "sharpen": read.get("sharpen"),
        "bg": read.get("background") or read.get("replace_alpha"),
    }
    needs_size = "zoom" if read.get("zoom") else "crop"
    spec = choose(size, _short(read), partial(_cut, read=read), needs_size=needs_size)
    return changed(spec, **look)


def read_option(name: str, value: Any) -> Any:
    """One option, checked."""
    if name not in OPTIONS:
        raise CompatError(name, f"is not an option of easy-thumbnails: {', '.join(OPTIONS)}")
    return OPTIONS[name](name, value)


def alias_options(alias: str, target: str | None) -> Mapping[str, Any] | None:
    """An alias of THUMBNAIL_ALIASES; for `app.Model.field`, the most specific one."""
    aliases: Mapping[str, Mapping[str, Any]] = getattr(site, "THUMBNAIL_ALIASES", None) or {}
    for place in _places(target):
        if found := aliases.get(place, {}).get(alias):
            options: Mapping[str, Any] = found
            return options
    return None


def _places(target: str | None) -> Iterator[str]:
    parts = target.split(".") if target else []
    for count in range(len(parts), 0, -1):
        yield ".".join(parts[:count])
    yield ""


def _short(read: Mapping[str, Any]) -> Spec | None:
    """The spec that holds for originals of all sizes, if there is one."""
    width, height = read["size"]
    crop, target = read.get("crop"), read.get("target")
    if read.get("zoom") or (crop and crop.is_scale and width and height):
        return None
    g, fit = None, None
    if crop and width and height:
        fit = "cover"
        if any(crop.edges):
            g = _compass(crop.edges)
            if g is None or target:
                return None
        elif target and target != (50, 50):
            g = "x".join(written(share / 100) for share in target)
    elif read.get("background") and width and height:
        fit = "pad"
    return changed(Spec(), w=width or None, h=height or None, fit=fit, g=g, up=read.get("upscale"))


def _compass(edges: tuple[Edge | None, Edge | None]) -> str | None:
    if any(edge is not None and edge.percent for edge in edges):
        return None
    across = "" if edges[0] is None else "e" if edges[0].is_far else "w"
    down = "" if edges[1] is None else "s" if edges[1].is_far else "n"
    return down + across


def _cut(source: Size, *, read: Mapping[str, Any]) -> Cut:
    width, height = asked = read["size"]
    crop, up = read.get("crop"), bool(read.get("upscale"))
    factors = (width / source.width, height / source.height)
    factor = max(factors) if crop or not (width and height) else min(factors)
    width = width or round(source.width * factor)
    height = height or round(source.height * factor)
    if zoom := read.get("zoom"):
        if not crop:
            width, height = round(source.width * factor), round(source.height * factor)
            crop = Crop()
        factor *= (100 + zoom) / 100
    scaled = source
    if factor < 1 or (factor > 1 and up):
        sides = (max(1, round(source.width * factor)), max(1, round(source.height * factor)))
        scaled = Size(*sides)
    box = Rect(0, 0, *scaled)
    if crop and not crop.is_scale:
        shares = read.get("target") or (50, 50)
        x, kept_width = _begin(scaled.width, width, shares[0], crop.edges[0])
        y, kept_height = _begin(scaled.height, height, shares[1], crop.edges[1])
        box = Rect(x, y, kept_width, kept_height)
    is_smaller = box.width < asked[0] or box.height < asked[1]
    if not (read.get("background") and all(asked) and is_smaller):
        return Cut(scaled, box, None)
    # Centred on the canvas, which crops what exceeds it (`crop=scale`).
    x, y = (max(0, side - end) // 2 for side, end in zip(box[2:], asked, strict=True))
    kept = (min(side, end) for side, end in zip(box[2:], asked, strict=True))
    return Cut(scaled, Rect(box.x + x, box.y + y, *kept), Size(*asked))


def _begin(side: int, wanted: int, share: int, edge: Edge | None) -> tuple[int, int]:
    kept = min(side, wanted)
    free = side - kept
    if edge is None:
        return max(0, min(free, side * share // 100 - wanted // 2)), kept
    offset = min(wanted * edge.percent // 100, free)
    return free - offset if edge.is_far else offset, kept


def _size(name: str, value: Any) -> tuple[int, int]:
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    parts = found.groups() if found else value
    if not isinstance(parts, (list, tuple)) or len(parts) != 2:
        raise CompatError(name, f"must be 200x100, or a pair of numbers, not {str(value)[:40]!r}")
    width, height = (whole_number(name, part, 0, MAX_BOX) for part in parts)
    if not (width or height):
        raise CompatError(name, "must not be 0x0")
    return width, height


def _crop(name: str, value: Any) -> Crop | None:
    if not value:
        return None
    text = str(value)
    if text == "smart":
        raise unsupported("crop=smart", "set a focal point on the image, and crop alone")
    if text == "scale":
        return Crop(is_scale=True)
    if value is True or (found := _EDGES.fullmatch(text)) is None:
        # Any other word just turns cropping on.
        return Crop()
    across_far, across, down_far, down = found.groups()
    return Crop(
        edges=(
            Edge(int(across), bool(across_far)) if across else None,
            Edge(int(down), bool(down_far)) if down else None,
        )
    )


def _target(name: str, value: Any) -> tuple[int, int] | None:
    if not value:
        return None
    parts = value
    if isinstance(value, str):
        found = _TARGET.fullmatch(value)
        parts = found.groups() if found else None
    if not isinstance(parts, (list, tuple)) or len(parts) != 2:
        raise CompatError(name, f"must be percentages such as 10,20, not {str(value)[:40]!r}")
    across, down = (
        50 if part in (None, "") else whole_number(name, part, 0, 100) for part in parts
    )
    return across, down


def _switch(name: str, value: Any) -> bool | None:
    return bool(value) or None


def _colour(name: str, value: Any) -> str | None:
    return colour(name, value) if value else None


def _zoom(name: str, value: Any) -> int:
    return whole_number(name, value or 0, 0, 10_000)


def _sharpen(name: str, value: Any) -> float | None:
    return 1.0 if value else None


def _subsampling(name: str, value: Any) -> None:
    raise unsupported(f"{name}={value}", "remove it")


OPTIONS: dict[str, Callable[[str, Any], Any]] = {
    "size": _size,
    "crop": _crop,
    "upscale": _switch,
    "zoom": _zoom,
    "target": _target,
    "bw": _switch,
    "sharpen": _sharpen,
    "background": _colour,
    "replace_alpha": _colour,
    "quality": quality,
    "exif_orientation": must_be_true,
    "autocrop": refused("remove it, and crop the borders before uploading"),
    "detail": refused("use sharpen"),
    "keep_icc_profile": refused("remove it; colours are right without it"),
    "subsampling": _subsampling,
}
