"""The variant that another package would make of an original of known size, and the equivalent
spec.

A short spec such as `w_80~h_80~fit_cover` is used where it is equivalent: it holds for every size,
and its crop follows the focal point once there is one. Otherwise the crop is written in pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..delivery.geometry import GeometryError, Rect, Size, resolve
from ..delivery.spec import Spec
from .errors import CompatError

#: In pixels of the variant: packages round halves in different directions.
TOLERANCE = 1.0


class Cut(NamedTuple):
    #: The whole image, resized.
    scaled: Size
    #: The part that is kept.
    box: Rect
    #: The canvas, if the image does not fill the variant.
    canvas: Size | None = None

    @property
    def output(self) -> Size:
        return self.canvas or Size(self.box.width, self.box.height)


def choose(
    size: Size | None,
    short: Spec | None,
    cut_of: Callable[[Size], Cut],
    *,
    base: Rect | None = None,
    needs_size: str = "crop",
) -> Spec:
    """The spec for an original of this size; if `base` is given, only that part is used."""
    inner = Size(base.width, base.height) if base else size
    if inner is None:
        if short is None:
            reason = "needs the size of the original; set width_field and height_field of the field"
            raise CompatError(needs_size, reason)
        return short
    cut = cut_of(inner)
    at = base or Rect(0, 0, *inner)
    source = size or Size(at.x + at.width, at.y + at.height)
    if short is not None and _agrees(source, short, cut, at):
        return short
    return _spelled_out(short or Spec(), cut, at, whole=source)


def _agrees(source: Size, spec: Spec, cut: Cut, at: Rect) -> bool:
    try:
        crop, output, picture = resolve(*source, spec)
    except GeometryError:
        return False
    across, down = at.width / cut.scaled.width, at.height / cut.scaled.height
    inner = Size(picture.width, picture.height) if picture else output
    expected = cut.box if cut.canvas else Rect(0, 0, *cut.output)
    differences = (
        output.width - cut.output.width,
        output.height - cut.output.height,
        inner.width - expected.width,
        inner.height - expected.height,
        (crop.x - at.x) / across - cut.box.x,
        (crop.y - at.y) / down - cut.box.y,
        crop.width / across - cut.box.width,
        crop.height / down - cut.box.height,
    )
    return all(abs(difference) <= TOLERANCE for difference in differences)


def _spelled_out(short: Spec, cut: Cut, at: Rect, *, whole: Size) -> Spec:
    across, down = at.width / cut.scaled.width, at.height / cut.scaled.height
    left, top = at.x + round(cut.box.x * across), at.y + round(cut.box.y * down)
    width, height = max(1, round(cut.box.width * across)), max(1, round(cut.box.height * down))
    crop = Rect(left, top, width, height)
    grows = cut.box.width > width or cut.box.height > height
    return short.replace(
        crop=None if crop == Rect(0, 0, *whole) else crop,
        w=cut.output.width,
        h=cut.output.height,
        fit="pad" if cut.canvas else "stretch",
        g=None,
        up=grows or None,
    )
