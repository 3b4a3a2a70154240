"""The sizes that a browser may choose from: by width where the layout determines the size of an
image, by pixel density where its size is fixed. None is larger than the original."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from ..conf import Settings
from ..delivery.geometry import Geometry, GeometryError, Rect, Size, resolve
from ..delivery.source import Source
from ..delivery.spec import MAX_BOX, Spec, written
from .arguments import Arguments, side

#: The density offered besides 1. On screens of density 3, nobody sees the difference.
DENSE = 2.0

#: The width where nothing is chosen: crawlers, mail and feeds take `src`, and the widest image
#: would cost most.
PLAIN_WIDTH = 1280


class Candidate(NamedTuple):
    spec: Spec
    #: `640w`, `2x`.
    descriptor: str


class Layout(NamedTuple):
    #: For clients that choose nothing: the whole image, or the requested box.
    default: Spec
    #: Its size in CSS pixels, if known.
    size: Size | None
    #: Empty, or several.
    candidates: tuple[Candidate, ...]
    is_fluid: bool
    #: Replaces `default` as `src` where there are candidates, which browsers prefer.
    plain: Spec | None = None


def lay_out(source: Source, arguments: Arguments, settings: Settings) -> Layout:
    return _lay_out(
        source.size,
        source.url_of_original is not None,
        arguments.spec,
        arguments.ratio is not None,
        arguments.sizes is not None,
        arguments.widths or settings.widths,
        settings,
    )


# Cameras produce few sizes and sites have few designs, while a page has hundreds of images.
@lru_cache(maxsize=1024)
def _lay_out(
    original: tuple[int, int] | None,
    is_original_alone: bool,
    spec: Spec,
    has_ratio: bool,
    has_sizes: bool,
    widths: tuple[int, ...],
    settings: Settings,
) -> Layout:
    merged = spec.with_preset(settings.presets)
    has_box = not has_ratio and (merged.w is not None or merged.h is not None)
    is_fluid = not has_box or has_sizes
    if is_original_alone:
        box = Spec(w=merged.w, h=merged.h) if has_box else Spec()
        return Layout(spec, _size_of(original, box), (), is_fluid)

    size = _size_of(original, merged)
    if size is None and original is not None and not has_box:
        # Too large as a whole, such as a panorama, while narrower variants exist.
        narrower = (_size_of(original, merged.replace(w=width)) for width in reversed(widths))
        size = next(filter(None, narrower), None)
    if size is None:
        if not has_box:
            spec = _Shape(spec, merged, Size(1, 1)).at(widths[len(widths) // 2])
        return Layout(spec, _place(spec.with_preset(settings.presets)), (), is_fluid)
    if not is_fluid:
        return Layout(spec, size, _by_density(original, spec, merged, size), is_fluid)

    by_width = {size.width: spec} if has_box else {}
    shape, widest = _Shape(spec, merged, size), _widest(original, merged, size, has_box)
    for width in widths:
        candidate = shape.at(min(width, widest))
        found = _size_of(original, candidate.with_preset(settings.presets))
        if found is not None:
            by_width.setdefault(found.width, candidate)
    if by_width and not has_box:
        spec = by_width[max(by_width)]
        size = _size_of(original, spec.with_preset(settings.presets))
    candidates = tuple(Candidate(by_width[width], f"{width}w") for width in sorted(by_width))
    if len(candidates) < 2:
        return Layout(spec, size, (), is_fluid)
    narrow = [width for width in by_width if width <= PLAIN_WIDTH]
    plain = by_width[max(narrow, default=min(by_width))]
    is_narrow = size is not None and size.width <= PLAIN_WIDTH
    return Layout(spec, size, candidates, is_fluid, spec if is_narrow else plain)


def _by_density(
    original: tuple[int, int] | None, spec: Spec, merged: Spec, size: Size
) -> tuple[Candidate, ...]:
    if merged.dpr is not None:
        return ()
    dense = merged.replace(dpr=DENSE)
    here, there = _geometry(original, merged), _geometry(original, dense)
    if here is None or there is None or there.output.width <= size.width:
        return ()
    # Enlarging only adds bytes, and on a canvas the image has to keep its proportion.
    is_enlarged = _geometry(original, dense.replace(up=None)) != there
    shares = _inside(here).width * DENSE - _inside(there).width
    if is_enlarged or (dense.fit == "pad" and abs(shares) > DENSE):
        return ()
    # If the original is too small, the variant is smaller than requested, and the descriptor says
    # so.
    descriptor = f"{written(there.output.width / size.width)}x"
    return Candidate(spec, "1x"), Candidate(spec.replace(dpr=DENSE), descriptor)


def _widest(original: tuple[int, int] | None, merged: Spec, size: Size, has_box: bool) -> int:
    """No variant shows more than this width."""
    plain = merged.replace(up=None, dpr=merged.dpr or DENSE)
    if merged.fit == "pad" and merged.w and merged.h:
        # The canvas at which the image has its own size.
        whole = merged.replace(w=None, h=None, fit=None, g=None, up=None)
        width, height = _size_of(original, whole) or size
        most = max(width, height * merged.w // merged.h)
    else:
        most = (_size_of(original, plain) or size).width
    return max(size.width, min(most, int(size.width * DENSE))) if has_box else most


def _geometry(original: tuple[int, int] | None, merged: Spec) -> Geometry | None:
    """None if the size of the original is unknown, or if it has no such variant. The focal point
    moves a crop without changing its size."""
    if original is None:
        return None
    try:
        return resolve(*original, merged)
    except GeometryError:
        return None


def _size_of(original: tuple[int, int] | None, merged: Spec) -> Size | None:
    found = _geometry(original, merged)
    return found.output if found else None


def _inside(found: Geometry) -> Rect:
    """The place of the image in the variant."""
    return found.picture or Rect(0, 0, *found.output)


def _place(merged: Spec) -> Size | None:
    """The layout size of an image of unknown size, if its shape is given."""
    if merged.w and merged.h and (merged.fit or "contain") != "contain":
        return Size(merged.w, merged.h)
    return None


class _Shape:
    """A spec at other widths."""

    def __init__(self, spec: Spec, merged: Spec, size: Size) -> None:
        self.spec = spec
        self.is_contained = (merged.fit or "contain") == "contain"
        self.has_height = merged.h is not None
        self.across, self.down = size
        if merged.w and merged.h and not self.is_contained:
            self.across, self.down = merged.w, merged.h

    def at(self, width: int) -> Spec:
        if self.is_contained and not self.has_height:
            return self.spec.replace(w=min(width, MAX_BOX))
        height = side(width, self.down, self.across)
        if self.is_contained:
            # Rounded up, so that the width is the limit.
            height = min(MAX_BOX, -(-width * self.down // self.across))
        return self.spec.replace(w=min(width, MAX_BOX), h=height)
