"""The arguments of the template tags and functions: their names, values and meanings.

An argument is checked as soon as it is known, so that a wrong literal in a template is refused when
the template is compiled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from .. import conf
from ..delivery.spec import ITEMS, MAX_BOX, READERS, Spec, SpecError, as_text
from ..delivery.url import Expires
from ..text import shortened

#: Not among the tags' arguments: the browser chooses the density from the srcset.
PICTURE_SPEC_ITEMS = tuple(item for item in ITEMS if item not in ("dpr", "dl"))
#: Attributes that are passed to the <img>, besides data_* and aria_*. No event handlers.
ATTRIBUTES = (
    *("class", "crossorigin", "dir", "elementtiming", "hidden", "id", "itemprop", "lang", "part"),
    *("referrerpolicy", "role", "slot", "style", "tabindex", "title", "translate", "usemap"),
)
#: Names of the same arguments elsewhere.
ELSEWHERE = {
    "width": "w",
    "height": "h",
    "gravity": "g",
    "quality": "q",
    "format": "f",
    "background": "bg",
    "rotate": "rot",
    "upscale": "up",
    "aspect": "ratio",
    "version": "v",
    "download": "dl",
}
_OPEN_ATTRIBUTE = re.compile(r"(?:data|aria)_[a-z0-9_]+")


class ArgumentError(ValueError):
    """An invalid argument: names the tag and the argument."""

    def __init__(self, tag: str, name: str, reason: str) -> None:
        self.tag, self.name = tag, name
        super().__init__(f"{tag}: {shortened(name)}: {reason}")


@dataclass(frozen=True)
class Arguments:
    """The arguments of a tag, apart from the image."""

    spec: Spec
    #: Aspect ratio, for a crop of no particular size.
    ratio: tuple[int, int] | None = None
    alt: str = ""
    media: str | None = None
    sizes: str | None = None
    widths: tuple[int, ...] | None = None
    formats: tuple[str, ...] | None = None
    loading: str | None = None
    decoding: str = "async"
    fetchpriority: str | None = None
    placeholder: str | None = None
    expires: Expires | None = None
    #: Whether the credit line follows, and the rights as JSON-LD.
    credit: bool = False
    jsonld: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, tag: str, given: Mapping[str, object]) -> Arguments:
        """Raises `ArgumentError`. An argument that is `None` counts as not given."""
        check_names(tag, given)
        values = {name: read(tag, name, value) for name, value in given.items()}
        values = {name: value for name, value in values.items() if value is not None}
        names = [*values]
        items = {name: values.pop(name) for name in names if name in ITEMS}
        attributes = {
            name.replace("_", "-"): values.pop(name) for name in names if is_attribute(name)
        }
        spec: Spec = values.pop("spec", None) or Spec()
        if "ratio" in values:
            _apply_ratio(tag, spec, items, values)
        try:
            spec = spec.replace(**items)
            if tag != "tt_url" and not spec.is_image:
                raise SpecError("f", f"{spec.f} is no picture")
        except SpecError as error:
            raise ArgumentError(tag, error.item, error.reason) from None
        arguments = cls(spec=spec, attributes=attributes, **values)
        if arguments.is_auto and arguments.is_eager and tag != "tt_source":
            raise ArgumentError(tag, "sizes", "auto needs loading=lazy")
        return arguments

    @property
    def is_auto(self) -> bool:
        """Whether the browser determines the layout size itself."""
        return (self.sizes or "").split(",")[0].strip() == "auto"

    @property
    def is_eager(self) -> bool:
        """Images of high priority are not lazy unless the template says so."""
        return (self.loading or ("eager" if self.fetchpriority == "high" else "lazy")) == "eager"


def is_attribute(name: str) -> bool:
    return name in ATTRIBUTES or bool(_OPEN_ATTRIBUTE.fullmatch(name))


def check_names(tag: str, names: Collection[str]) -> None:
    """Refuses unknown arguments, and missing ones."""
    known = TAGS[tag]
    for name in names:
        if name not in known and not (tag in ("tt_img", "tt_picture") and is_attribute(name)):
            near = ELSEWHERE.get(name) or next(iter(get_close_matches(name, known, n=1)), None)
            reason = f"did you mean {near}" if near in known else f"known are {', '.join(known)}"
            raise ArgumentError(tag, name, f"unknown argument, {reason}")
    if "alt" in known and "alt" not in names:
        reason = 'is missing; describe the image, or alt="" where it only decorates'
        raise ArgumentError(tag, "alt", reason)
    if tag == "tt_source" and "media" not in names:
        raise ArgumentError(tag, "media", 'is missing; such as media="(max-width: 600px)"')


def read(tag: str, name: str, value: object) -> Any:
    """One argument, checked; raises `ArgumentError`."""
    if value is None:
        return None
    try:
        if name in ITEMS:
            return READERS[name](name, as_text(name, value))
        return OPTIONS.get(name, _aria if name.startswith("aria_") else _attribute)(value)
    except SpecError as error:
        raise ArgumentError(tag, error.item or name, error.reason) from None
    except ValueError as error:
        raise ArgumentError(tag, name, str(error)) from None


def _spec(value: object) -> Spec:
    spec = value if isinstance(value, Spec) else Spec.parse(str(value))
    spec.check_preset_is_known(conf.settings().presets)
    return spec


def _apply_ratio(tag: str, spec: Spec, items: dict[str, Any], values: dict[str, Any]) -> None:
    """A ratio and one side give the other; a ratio alone is kept."""
    box = spec.with_preset(conf.settings().presets)
    width, height = items.get("w", box.w), items.get("h", box.h)
    across, down = values["ratio"]
    if width and height:
        raise ArgumentError(
            tag, "ratio", "w and h determine it already; leave out one of the three"
        )
    if width:
        items["h"] = side(width, down, across)
    elif height:
        items["w"] = side(height, across, down)
    else:
        # The largest box of this shape; the widths of the srcset replace it.
        longest = max(across, down)
        items["w"], items["h"] = side(MAX_BOX, across, longest), side(MAX_BOX, down, longest)
    if width or height:
        del values["ratio"]
    if box.fit is None:
        items.setdefault("fit", "cover")


def side(length: int, to: int, of: int) -> int:
    """The other side of a box, within the limits of a spec."""
    return min(MAX_BOX, max(1, (2 * length * to + of) // (2 * of)))


def _ratio(value: object) -> tuple[int, int]:
    found = re.fullmatch(r"\s*([0-9]{1,5})\s*[/:]\s*([0-9]{1,5})\s*", str(value))
    if not found or not int(found[1]) or not int(found[2]):
        raise ValueError(f"must be width/height such as 16/9, not {shortened(str(value))!r}")
    return int(found[1]), int(found[2])


def _widths(value: object) -> tuple[int, ...]:
    parts = value if isinstance(value, (list, tuple)) else str(value).split(",")
    texts = [str(part).strip() for part in parts]
    if not texts or not all(
        text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MAX_BOX
        for text in texts
    ):
        allowed = f"whole numbers from 1 to {MAX_BOX} such as 320,640,1280"
        raise ValueError(f"must be {allowed}, not {shortened(str(value))!r}")
    return tuple(sorted({int(text) for text in texts}))


def _formats(value: object) -> tuple[str, ...]:
    parts = value if isinstance(value, (list, tuple)) else str(value).split(",")
    formats = tuple(part for text in parts if (part := str(text).strip()))
    if not {*formats} <= {"avif", "webp", "jpeg", "png"}:
        raise ValueError(f"must be some of avif,webp,jpeg,png, not {shortened(str(value))!r}")
    return formats


def _word(*words: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in words:
            raise ValueError(f"must be one of {' '.join(words)}, not {shortened(str(value))!r}")
        return str(value)

    return read


def _switch(value: object) -> bool:
    if value not in (True, False):
        raise ValueError(f"must be True or False, not {shortened(str(value))!r}")
    return bool(value)


def _expires(value: object) -> Expires:
    match value:
        case datetime() if value.tzinfo is not None:
            return value
        case timedelta():
            return value
        case int() if not isinstance(value, bool) and value > 0:
            return value
    raise ValueError("must be seconds from now, a timedelta or a datetime with a time zone")


def _text(value: object) -> str:
    # Not a copy of a str, which would no longer be marked as safe.
    return value if isinstance(value, str) else str(value)


def _attribute(value: object) -> str | None:
    return None if value is False else "" if value is True else _text(value)


def _aria(value: object) -> str:
    """Unlike other attributes, these mean nothing when empty."""
    return str(value).lower() if isinstance(value, bool) else _text(value)


OPTIONS: dict[str, Callable[[object], Any]] = {
    "spec": _spec,
    "ratio": _ratio,
    "alt": _text,
    "media": _text,
    "sizes": _text,
    "widths": _widths,
    "formats": _formats,
    "loading": _word("lazy", "eager"),
    "decoding": _word("async", "sync", "auto"),
    "fetchpriority": _word("high", "low", "auto"),
    "placeholder": _word("colour", "image"),
    "expires": _expires,
    "credit": _switch,
    "jsonld": _switch,
}

_SHAPE = ("spec", *PICTURE_SPEC_ITEMS, "ratio", "sizes", "widths", "expires")
_IMG = (
    *(*_SHAPE, "alt", "loading", "decoding", "fetchpriority", "placeholder"),
    *("credit", "jsonld"),
)
TAGS: dict[str, tuple[str, ...]] = {
    "tt_url": ("spec", *ITEMS, "expires"),
    "tt_img": _IMG,
    "tt_picture": (*_IMG, "formats"),
    "tt_source": (*_SHAPE, "media", "formats"),
}
