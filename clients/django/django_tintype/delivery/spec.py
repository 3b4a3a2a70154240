"""The spec of a variant, which is the last segment of its URL, as a value.

A spec has one spelling, which is `str(spec)`; nothing in a text is ignored. Its fields have the
names of the items in URLs, and so do the arguments of the template tags.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from ..text import shortened

MAX_SPEC_BYTES = 1024
MAX_BOX = 8192
MAX_CROP = 1_000_000
MAX_FILE_NAME_BYTES = 128
LAST_SECOND = 253_402_300_799  # the end of the year 9999

FITS = ("contain", "cover", "stretch", "pad")
COMPASS = ("c", "n", "ne", "e", "se", "s", "sw", "w", "nw")
IMAGE_FORMATS = ("auto", "jpeg", "png", "webp", "avif", "gif")
FORMATS = (*IMAGE_FORMATS, "json", "original")
COLOUR_SPACES = ("srgb", "p3")
METADATA = ("none", "copyright", "keep")


class SpecError(ValueError):
    """An invalid spec: the item at fault, and why."""

    def __init__(self, item: str, reason: str) -> None:
        self.item = shortened(item)
        self.reason = reason
        super().__init__(f"{self.item}: {reason}" if item else reason)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The items of one URL and nothing else: no preset applied, no configuration.

    Items at their default are `None`, except with a preset, which they then override.
    """

    preset: str | None = None
    w: int | None = None
    h: int | None = None
    fit: str | None = None
    g: str | None = None
    crop: str | None = None
    dpr: float | None = None
    up: bool | None = None
    q: int | None = None
    f: str | None = None
    bg: str | None = None
    rot: int | None = None
    flip: str | None = None
    blur: float | None = None
    sharpen: float | None = None
    gray: bool | None = None
    cs: str | None = None
    trim: float | None = None
    anim: bool | None = None
    meta: str | None = None
    max: int | None = None
    v: str | None = None
    exp: int | None = None
    dl: str | None = None
    sig: str | None = None

    def __post_init__(self) -> None:
        self._read(self.__dict__)

    def replace(self, **changes: Any) -> Spec:
        """A copy with other items; `None` removes an item."""
        if unknown := changes.keys() - self.__dict__.keys():
            raise TypeError(f"Spec has no {', '.join(sorted(unknown))}")
        # Bypasses the constructor, which would parse every item again: pages have hundreds of
        # specs.
        copy = object.__new__(Spec)
        copy.__dict__.update(self.__dict__ | changes)
        copy._read(changes)
        return copy

    def _read(self, items: Iterable[str]) -> None:
        values = self.__dict__
        for item in items:
            value = values[item]
            if value is None:
                continue
            if item == "preset":
                check_preset_name(value)
            else:
                values[item] = READERS[item](item, as_text(item, value))
        if self.preset is None:
            # Defaults are left out, so that equal specs are equal values.
            for item, default in DEFAULTS.items():
                if values[item] == default:
                    values[item] = None
            self.check()

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Reads a spec strictly; raises `SpecError`."""
        return _parse(text)

    def __str__(self) -> str:
        """The canonical spelling, signature included."""
        values = self.__dict__
        parts = [f"{item}_{written(values[item])}" for item in ITEMS if values[item] is not None]
        if self.preset is not None:
            parts.insert(0, self.preset)
        # A path needs a last segment.
        text = "~".join(parts) or "f_auto"
        return text if self.sig is None else f"{text}~sig_{self.sig}"

    @property
    def is_image(self) -> bool:
        return self.f is None or self.f in IMAGE_FORMATS

    def with_preset(self, presets: Mapping[str, str]) -> Spec:
        """The spec with its preset applied: items of the URL override the preset's."""
        if self.preset is None:
            return self
        self.check_preset_is_known(presets)
        under = Spec.parse(presets[self.preset]).__dict__
        over = {item: value for item, value in self.__dict__.items() if value is not None}
        return Spec(**{**under, **over, "preset": None})

    def check_preset_is_known(self, presets: Mapping[str, str]) -> None:
        if self.preset is not None and self.preset not in presets:
            raise unknown_preset(self.preset, presets)

    def check(self) -> None:
        """Refuses contradictory items, as far as that can be decided without the original."""
        if not self.is_image and any(self.__dict__[item] is not None for item in PICTURE_ITEMS):
            raise SpecError(
                "f", "json and original do not change the image, so they allow no item that does"
            )
        fit = self.fit or "contain"
        if fit != "contain" and (self.w is None or self.h is None):
            raise SpecError("fit", "other than contain needs both w and h")
        if self.g is not None:
            if fit in ("contain", "stretch"):
                raise SpecError("g", "needs fit_cover or fit_pad")
            if fit == "pad" and self.g not in COMPASS:
                raise SpecError("g", f"with fit_pad must be one of {' '.join(COMPASS)}")
        if self.bg == "blur" and fit != "pad":
            raise SpecError("bg", "blur needs fit_pad")
        if self.up and self.w is None and self.h is None:
            raise SpecError("up", "needs w or h")
        if self.anim and self.f in ("jpeg", "png", "avif"):
            raise SpecError("anim", "needs f_webp, f_gif or f_auto: jpeg, png and avif do not move")
        if self.cs == "p3" and self.f == "gif":
            raise SpecError("cs", "p3 needs another format than gif, which is always in sRGB")


def check_preset_name(name: str) -> None:
    if not _PRESET_NAME.fullmatch(name):
        raise SpecError(name, "is neither an item (name_value) nor the name of a preset")


def check_preset(name: str, text: str) -> None:
    """Refuses a preset that the service would refuse."""
    if not _PRESET_NAME.fullmatch(name):
        raise SpecError("", "a name must be a letter a-z, then a-z 0-9 -, at most 64 in all")
    spec = Spec.parse(text)
    refused = {
        "sig": spec.sig is not None,
        "exp": spec.exp is not None,
        "v": spec.v is not None,
        "the name of another preset": spec.preset is not None,
        "f_json and f_original": not spec.is_image,
    }
    for item, is_there in refused.items():
        if is_there:
            raise SpecError(item, "belongs in a URL and cannot be part of a preset")


def unknown_preset(name: str, presets: Mapping[str, str]) -> SpecError:
    near = get_close_matches(name, presets, n=1)
    hint = f"did you mean {near[0]}" if near else "declare it in TINTYPE['PRESETS']"
    return SpecError(name, f"no such preset, {hint}")


def written(value: object) -> str:
    """A value as written in a spec."""
    match value:
        case bool():
            return "1" if value else "0"
        case float():
            return f"{value:.6f}".rstrip("0").rstrip(".")
        case _:
            return str(value)


@lru_cache(maxsize=1024)
def _parse(text: str) -> Spec:
    if len(text.encode(errors="replace")) > MAX_SPEC_BYTES:
        raise SpecError("spec", f"is longer than the limit of {MAX_SPEC_BYTES} bytes")
    if bad := _RESERVED.search(text):
        raise SpecError("spec", f"has the character {bad[0]!r}, allowed are A-Z a-z 0-9 - . _ ~")
    values: dict[str, Any] = {}
    for at, item in enumerate(text.split("~")):
        if "sig" in values:
            raise SpecError("sig", "must be the last item")
        name, underscore, value = item.partition("_")
        if not underscore:
            if at:
                raise SpecError(
                    item, "is not written name_value, and only the first item can be a preset"
                )
            check_preset_name(item)
            values["preset"] = item
        elif name == "sig" and at == 0:
            raise SpecError("sig", "must follow the items that it signs")
        elif name not in READERS:
            raise SpecError(name, f"unknown item, known are {' '.join(READERS)}")
        elif name in values:
            raise SpecError(name, "occurs twice")
        else:
            values[name] = READERS[name](name, value)
    return Spec(**values)


def as_text(item: str, value: object) -> str:
    """A caller's value as text for its reader."""
    if isinstance(value, bool) and item not in ("up", "gray", "anim", "trim", "dl"):
        raise SpecError(item, f"must not be {value}")
    if isinstance(value, (bool, float)):
        return written(value)
    if isinstance(value, (list, tuple)):
        # 1.0 keeps its point: it means the whole side, while 1 means one pixel.
        return "x".join(f"{part:.6f}" if isinstance(part, float) else str(part) for part in value)
    return str(value)


def _refused(item: str, value: str, allowed: str) -> SpecError:
    return SpecError(item, f"must be {allowed}, not {shortened(value)!r}")


def whole(text: str) -> int | None:
    """Digits and nothing else: no sign, no space."""
    return int(text) if _WHOLE.fullmatch(text) else None


def millionths(text: str) -> int | None:
    """A decimal number with at most six decimals, as a whole number of millionths."""
    found = _DECIMAL.fullmatch(text)
    return int(found[1]) * 1_000_000 + int((found[2] or "0").ljust(6, "0")) if found else None


def _number(first: int, last: int) -> Callable[[str, str], int]:
    def read(item: str, text: str) -> int:
        number = whole(text)
        if number is None or not first <= number <= last:
            raise _refused(item, text, f"a whole number from {first} to {last}")
        return number

    return read


def _decimal(first: float, last: float) -> Callable[[str, str], float]:
    def read(item: str, text: str) -> float:
        number = millionths(text)
        if number is None or not first * 1e6 <= number <= last * 1e6:
            limits = f"{written(float(first))} to {written(float(last))}"
            raise _refused(item, text, f"a number from {limits} with at most six decimals")
        return number / 1e6

    return read


def _word(*words: str) -> Callable[[str, str], str]:
    def read(item: str, text: str) -> str:
        if text not in words:
            raise _refused(item, text, f"one of {' '.join(words)}")
        return text

    return read


def _switch(item: str, text: str) -> bool:
    return _word("0", "1")(item, text) == "1"


def _turn(item: str, text: str) -> int:
    return int(_word("90", "180", "270")(item, text))


def _gravity(item: str, text: str) -> str:
    if text in COMPASS or text == "smart":
        return text
    point = [millionths(part) for part in text.split("x", 2)]
    match point:
        case [int(x), int(y)] if x <= 1_000_000 and y <= 1_000_000:
            return f"{written(x / 1e6)}x{written(y / 1e6)}"
    allowed = f"{' '.join(COMPASS)}, smart, or a point such as 0.35x0.6, each from 0 to 1"
    raise _refused(item, text, allowed)


def _crop(item: str, text: str) -> str:
    parts = text.split("x", 4)
    if "." in text:
        match [millionths(part) for part in parts]:
            case [int(x), int(y), int(w), int(h)] if (
                x < 1_000_000 and y < 1_000_000 and 0 < w <= 1_000_000 and 0 < h <= 1_000_000
            ):
                # Every value keeps its point, so that none is mistaken for pixels.
                texts = [written(part / 1e6) for part in (x, y, w, h)]
                return "x".join(part if "." in part else f"{part}.0" for part in texts)
    else:
        match [whole(part) for part in parts]:
            case [int(x), int(y), int(w), int(h)] if (
                max(x, y, w, h) <= MAX_CROP and w > 0 and h > 0
            ):
                return f"{x}x{y}x{w}x{h}"
    allowed = (
        "XxYxWxH, in pixels or (when any has a dot) in fractions from 0 to 1, "
        "starting inside the image and not empty"
    )
    raise _refused(item, text, allowed)


def _background(item: str, text: str) -> str:
    if text == "blur":
        return text
    digits = text.lower()
    if not _COLOUR.fullmatch(digits):
        raise _refused(item, text, "blur, or a colour of 3, 6 or (with alpha) 8 hex digits")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    return digits[:6] if digits[6:] == "ff" else digits


def _matching(pattern: str, allowed: str) -> Callable[[str, str], str]:
    compiled = re.compile(pattern)

    def read(item: str, text: str) -> str:
        if not compiled.fullmatch(text):
            raise _refused(item, text, allowed)
        return text

    return read


_hex = _matching("[0-9a-fA-F]{16}", "16 hex digits")


def _version(item: str, text: str) -> str:
    return _hex(item, text).lower()


_RESERVED = re.compile(r"[^A-Za-z0-9\-._~]")
_PRESET_NAME = re.compile("[a-z][a-z0-9-]{0,63}")
_WHOLE = re.compile("[0-9]{1,15}")
_DECIMAL = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,6}))?")
_COLOUR = re.compile("[0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8}")

#: Every item in canonical order, which is their order in a URL.
READERS: dict[str, Callable[[str, str], Any]] = {
    "w": _number(1, MAX_BOX),
    "h": _number(1, MAX_BOX),
    "fit": _word(*FITS),
    "g": _gravity,
    "crop": _crop,
    "dpr": _decimal(1, 4),
    "up": _switch,
    "q": _number(1, 100),
    "f": _word(*FORMATS),
    "bg": _background,
    "rot": _turn,
    "flip": _word("h", "v", "hv"),
    "blur": _decimal(0.3, 100),
    "sharpen": _decimal(0, 10),
    "gray": _switch,
    "cs": _word(*COLOUR_SPACES),
    "trim": _decimal(0, 1),
    "anim": _switch,
    "meta": _word(*METADATA),
    "max": _number(1, 1_000_000_000),
    "v": _version,
    "exp": _number(1, LAST_SECOND),
    "dl": _matching(
        f"[A-Za-z0-9][A-Za-z0-9.-]{{0,{MAX_FILE_NAME_BYTES - 1}}}",
        "1, or a file name of A-Z a-z 0-9 . - that starts with a letter or digit, "
        f"at most {MAX_FILE_NAME_BYTES} bytes",
    ),
    # 16 bytes: the last of the 22 characters carries two bits.
    "sig": _matching("[A-Za-z0-9_-]{21}[AQgw]", "22 characters of base64url"),
}
ITEMS = tuple(item for item in READERS if item != "sig")
#: Items that concern pixels.
PICTURE_ITEMS = tuple(item for item in ITEMS if item not in ("f", "v", "exp", "dl"))
DEFAULTS: dict[str, Any] = {
    "fit": "contain",
    "dpr": 1.0,
    "up": False,
    "f": "auto",
    "sharpen": 0.0,
    "gray": False,
    "cs": "srgb",
    "trim": 0.0,
    "anim": False,
    "meta": "copyright",
}
assert tuple(READERS) == tuple(field.name for field in fields(Spec))[1:]
