"""Resolves a spec and the size of an original to whole pixels, by the rules of the service.

All of it is integer arithmetic; "rounded" means to the nearest whole number, halves up. The rules
are the service's own, so that the size of every variant is known without a request:

1. Crop the upright original; a crop over the edge is cut to the edge.
2. Turn: rotate clockwise, then flip. Everything below speaks of the turned image.
3. Box: `w` and `h` times `dpr`, rounded. Without both the image keeps its size.
4. Fit. Without `up` nothing gets larger than the image; `pad` always fills its box.
5. Gravity places the cut of `cover`, by default at the focal point, else in the centre.
"""

from __future__ import annotations

from typing import NamedTuple

from .spec import Spec, millionths

MAX_SIDE = 16_383
MAX_PIXELS = 100_000_000

_ONE = 1_000_000


class GeometryError(ValueError):
    """A spec that cannot be applied to this original, or whose size only the service can tell;
    `code` is `empty`, `crop`, `too-large`, or the item."""

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        super().__init__(reason)


class Size(NamedTuple):
    width: int
    height: int


class Rect(NamedTuple):
    x: int
    y: int
    width: int
    height: int


class Geometry(NamedTuple):
    #: Cut from the upright original; with `g_smart`, of this size.
    crop: Rect
    #: The size of the variant.
    output: Size
    #: With `fit_pad`: the place of the image on its canvas, unless it fills it.
    picture: Rect | None


def resolve(
    width: int, height: int, spec: Spec, focal: tuple[float, float] | None = None
) -> Geometry:
    """The pixels of a variant of an original of this upright size.

    A preset must have been filled in (`Spec.with_preset`). Raises `GeometryError`.
    """
    if spec.preset is not None:
        raise ValueError(f"preset {spec.preset} is not filled in")
    if spec.trim:
        raise GeometryError("trim", "a trimmed picture has the size of what is in it")
    if width < 1 or height < 1:
        raise GeometryError("empty", "picture has no pixels")
    source = Size(width, height)
    turn = _Turn(spec.rot or 0, spec.flip or "", _clip(source, spec.crop))
    picture = turn.size
    dpr = _millionths(spec.dpr or 1)
    up = bool(spec.up)
    box_width = None if spec.w is None else _times(spec.w, dpr)
    box_height = None if spec.h is None else _times(spec.h, dpr)
    fit = spec.fit or "contain"

    cut = Rect(0, 0, *picture)
    on_canvas = None
    if fit == "contain":
        size = output = _contain(picture, box_width, box_height, up)
    elif box_width is None or box_height is None:
        raise GeometryError("box", "fits other than contain need both w and h")
    else:
        box = Size(box_width, box_height)
        if fit == "pad":
            size, output = _contain(picture, *box, up), box
            across, down = _PULLS[spec.g or "c"]
            if size != box:
                x, y = _pull(across, box.width - size.width), _pull(down, box.height - size.height)
                on_canvas = Rect(x, y, *size)
        else:
            size = output = _shrink_box(picture, box, up)
            if fit == "cover":
                cut = _cut(spec, focal, _largest_inside(picture, box), source, turn)

    if max(output) > MAX_SIDE or output.width * output.height > MAX_PIXELS:
        raise GeometryError(
            "too-large",
            f"result is {output.width}x{output.height} pixels, "
            f"limits are {MAX_SIDE} a side and {MAX_PIXELS} in all",
        )
    return Geometry(turn.undo(cut), output, on_canvas)


def _millionths(value: float) -> int:
    return round(value * _ONE)


def _round_div(value: int, by: int) -> int:
    return (2 * value + by) // (2 * by)


def _times(side: int, dpr: int) -> int:
    return max(1, _round_div(side * dpr, _ONE))


def _scale(side: int, to: int, of: int) -> int:
    """The other side of a rectangle."""
    return max(1, _round_div(side * to, of))


def _contain(picture: Size, width: int | None, height: int | None, up: bool) -> Size:
    if width is None and height is None:
        return picture
    limits_width = height is None or (
        width is not None and picture.width * height >= picture.height * width
    )
    if limits_width:
        assert width is not None
        inside = Size(width, _scale(picture.height, width, picture.width))
        grows = width > picture.width
    else:
        assert height is not None
        inside = Size(_scale(picture.width, height, picture.height), height)
        grows = height > picture.height
    return picture if grows and not up else inside


def _shrink_box(picture: Size, box: Size, up: bool) -> Size:
    """The box itself, or the largest part of it with its aspect ratio that needs no enlargement."""
    fits = box.width <= picture.width and box.height <= picture.height
    return box if up or fits else _largest_inside(picture, box)


def _largest_inside(picture: Size, shape: Size) -> Size:
    if picture.width * shape.height <= picture.height * shape.width:
        return Size(picture.width, _scale(picture.width, shape.height, shape.width))
    return Size(_scale(picture.height, shape.width, shape.height), picture.height)


def _cut(
    spec: Spec, focal: tuple[float, float] | None, kept: Size, source: Size, turn: _Turn
) -> Rect:
    picture = turn.size
    point = focal
    if spec.g == "smart":
        # The picture tells where, unless somebody said it; the size is the same.
        spec = spec.replace(g=None)
    elif spec.g is not None:
        point = None
        if spec.g not in _PULLS:
            x_text, _, y_text = spec.g.partition("x")
            point = float(x_text), float(y_text)
    if point is None:
        across, down = _PULLS[spec.g or "c"]
        x, y = _pull(across, picture.width - kept.width), _pull(down, picture.height - kept.height)
    else:
        at_x, at_y = turn.point(source, _millionths(point[0]), _millionths(point[1]))
        x = _centred(at_x, kept.width, picture.width)
        y = _centred(at_y, kept.height, picture.height)
    return Rect(x, y, *kept)


def _centred(at: int, kept: int, side: int) -> int:
    """`at` is in millionths of a pixel."""
    return min(max(0, _round_div(2 * at - kept * _ONE, 2 * _ONE)), side - kept)


def _pull(halves: int, free: int) -> int:
    """The part of the free length before the crop; halves are rounded up, as for a point in the
    middle."""
    return (free * halves + 1) // 2


#: How many halves of the free length a compass name moves the crop, across and down.
_PULLS = {
    "c": (1, 1),
    "n": (1, 0),
    "ne": (2, 0),
    "e": (2, 1),
    "se": (2, 2),
    "s": (1, 2),
    "sw": (0, 2),
    "w": (0, 1),
    "nw": (0, 0),
}


def _clip(source: Size, crop: str | None) -> Rect:
    if crop is None:
        return Rect(0, 0, *source)
    x, y, width, height = crop.split("x")
    clip = _clip_fractions if "." in crop else _clip_pixels
    across, down = clip(source.width, x, width), clip(source.height, y, height)
    if across is None or down is None:
        raise GeometryError(
            "crop", f"crop lies outside the image of {source.width}x{source.height} pixels"
        )
    return Rect(across[0], down[0], across[1], down[1])


def _clip_pixels(side: int, start: str, length: str) -> tuple[int, int] | None:
    left = min(side - int(start), int(length))
    return (int(start), left) if left > 0 else None


def _clip_fractions(side: int, start: str, length: str) -> tuple[int, int] | None:
    first, reach = millionths(start) or 0, millionths(length) or 0
    if first >= _ONE or reach == 0:
        return None
    begin = min(_round_div(first * side, _ONE), side - 1)
    end = max(_round_div(min(first + reach, _ONE) * side, _ONE), begin + 1)
    return begin, end - begin


class _Turn:
    """A rotation and a flip of a crop: maps sizes, points and rectangles in both directions."""

    def __init__(self, rotate: int, flip: str, crop: Rect) -> None:
        # A vertical flip is half a turn and a horizontal flip.
        self.rotate = (rotate + 180) % 360 if "v" in flip else rotate
        self.flip = flip in ("h", "v")
        self.crop = crop
        size = Size(crop.width, crop.height)
        self.size = Size(size.height, size.width) if self.rotate in (90, 270) else size

    def point(self, source: Size, x: int, y: int) -> tuple[int, int]:
        """A point in millionths of the original, as millionths of a pixel of the turned image."""
        crop = self.crop
        across, down = crop.width * _ONE, crop.height * _ONE
        x = min(max(0, x * source.width - crop.x * _ONE), across)
        y = min(max(0, y * source.height - crop.y * _ONE), down)
        turned = {0: (x, y), 90: (down - y, x), 180: (across - x, down - y), 270: (y, across - x)}
        x, y = turned[self.rotate]
        return (self.size.width * _ONE - x, y) if self.flip else (x, y)

    def undo(self, cut: Rect) -> Rect:
        """A cut of the turned image as a cut of the upright original."""
        _, y, width, height = cut
        x = self.size.width - cut.x - width if self.flip else cut.x
        right, bottom = self.size.width - x - width, self.size.height - y - height
        x, y, width, height = {
            0: (x, y, width, height),
            90: (y, right, height, width),
            180: (right, bottom, width, height),
            270: (bottom, x, height, width),
        }[self.rotate]
        return Rect(self.crop.x + x, self.crop.y + y, width, height)
