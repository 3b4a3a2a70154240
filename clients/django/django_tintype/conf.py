"""The one owner of the `TINTYPE` setting: its keys, defaults, meanings and checks.

All mistakes are reported at once, in one ImproperlyConfigured, with the key and the fix. Neither
messages nor the repr ever contain a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar, cast
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.functional import Promise

from .delivery.spec import SpecError, check_preset

DEFAULT_URL = "http://127.0.0.1:8080"
DEFAULT_WIDTHS = (320, 480, 640, 960, 1280, 1600, 1920, 2560)
DEFAULT_TIMEOUT = 30.0

# The service's own limits: a key shorter than this is refused there as well.
MIN_SIGNING_KEY_CHARS = 32
MAX_SIDE = 8192
MAX_SECRET_FILE_BYTES = 4096

_FORMATS = ("avif", "webp", "jpeg", "png")


@dataclass(frozen=True)
class Settings:
    """What `TINTYPE` says, checked and with its defaults filled in."""

    #: The service, as Django reaches it.
    url: str = DEFAULT_URL
    #: The service or the CDN in front of it, as browsers reach it.
    public_url: str = DEFAULT_URL
    token: str | None = field(default=None, repr=False)
    signing_key: str | None = field(default=None, repr=False)
    #: Which thumbnails the service serves without a signature.
    unsigned: Literal["none", "presets", "any"] = "any"
    #: Whether the service serves originals without a signature.
    originals: Literal["public", "signed"] = "public"
    presets: Mapping[str, str] = field(default_factory=dict)
    #: What editors see below the crop of a preset, if not its name.
    preset_labels: Mapping[str, Any] = field(default_factory=dict)
    #: Presets whose crops the picker does not show.
    unpicked: frozenset[str] = frozenset()
    #: The ladder of widths of a `srcset`.
    widths: tuple[int, ...] = DEFAULT_WIDTHS
    #: Formats with a `<source>` of their own; empty: the service negotiates by Accept.
    formats: tuple[str, ...] = ()
    #: Timeout for each response, in seconds.
    timeout: float = DEFAULT_TIMEOUT
    #: Where DeferredTintypeStorage keeps files that are not moved yet.
    deferred_root: Path | None = None

    def __hash__(self) -> int:
        # A mapping has no hash, and equal settings are nearly always one object.
        return hash((self.url, self.public_url, self.widths, self.formats, self.timeout))


def settings() -> Settings:
    """The settings in force."""
    return _settings()


@cache
def _settings() -> Settings:
    return read(getattr(django_settings, "TINTYPE", {}))


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "TINTYPE":
        _settings.cache_clear()


setting_changed.connect(_forget, dispatch_uid="django_tintype.conf")


def read(values: object) -> Settings:
    """Checks a `TINTYPE` dict. Raises ImproperlyConfigured with all its mistakes."""
    if not isinstance(values, Mapping):
        raise ImproperlyConfigured("TINTYPE must be a dict, such as TINTYPE = {'TOKEN': 'dev'}")
    return _Reader(values).read()


_T = TypeVar("_T")


class _Problem(Exception):
    pass


class _Reader:
    def __init__(self, values: Mapping[object, object]) -> None:
        self.values = values
        self.problems: list[str] = []

    def read(self) -> Settings:
        for name in self.values:
            if name not in KEYS:
                near = get_close_matches(str(name).upper(), KEYS, n=1)
                fix = f"did you mean {near[0]}?" if near else f"known are {', '.join(KEYS)}"
                self.problems.append(f"{str(name)[:64]!r} is not a key; {fix}")
        url = self.value("URL", _url, DEFAULT_URL)
        signing_key = self.secret("SIGNING_KEY", _signing_key)
        presets: dict[str, str] = self.value("PRESETS", _presets, {})
        # Mistakes in them were reported above.
        given: Any = self.values.get("PRESETS") if presets else {}
        entries = [(name, given[name]) for name in presets if _is_entry(given[name])]
        read = Settings(
            url=url,
            public_url=self.value("PUBLIC_URL", _url, url),
            token=self.secret("TOKEN", _token),
            signing_key=signing_key,
            unsigned=self.value(
                "UNSIGNED",
                _one_of("none", "presets", "any"),
                "presets" if signing_key else "any",
            ),
            originals=self.value(
                "ORIGINALS", _one_of("public", "signed"), "signed" if signing_key else "public"
            ),
            presets=MappingProxyType(presets),
            preset_labels=MappingProxyType({n: e["label"] for n, e in entries if "label" in e}),
            unpicked=frozenset(name for name, entry in entries if not entry.get("picker", True)),
            widths=self.value("WIDTHS", _widths, DEFAULT_WIDTHS),
            formats=self.value("FORMATS", _formats, ()),
            timeout=self.value("TIMEOUT", _timeout, DEFAULT_TIMEOUT),
            deferred_root=self.value("DEFERRED_ROOT", _folder, None),
        )
        statement = "DEFERRED_ROOT_IS_SHARED_AND_DURABLE"
        if read.deferred_root and self.values.get(statement) is not True:
            self.problems.append(
                f"DEFERRED_ROOT holds the only copy of uploads for a while; say with {statement} = "
                "True that every process of the site sees the same folder, and that it outlives "
                "any of them and their machines (a network volume, not a container's own disk)"
            )
        if not signing_key:
            if read.unsigned != "any" and "UNSIGNED" in self.values:
                self.problems.append(
                    f"UNSIGNED is {read.unsigned!r}, so thumbnails have to be signed; "
                    "set SIGNING_KEY or SIGNING_KEY_FILE"
                )
            if read.originals == "signed":
                self.problems.append(
                    "ORIGINALS is 'signed', so originals have to be signed; "
                    "set SIGNING_KEY or SIGNING_KEY_FILE"
                )
        if self.problems:
            raise ImproperlyConfigured("TINTYPE: " + "; TINTYPE: ".join(self.problems))
        return read

    def value(self, name: str, parse: Callable[[object], _T], default: _T) -> _T:
        if name not in self.values:
            return default
        try:
            return parse(self.values[name])
        except _Problem as problem:
            self.problems.append(f"{name} {problem}")
            return default

    def secret(self, name: str, parse: Callable[[object], str | None]) -> str | None:
        file = f"{name}_FILE"
        if name in self.values and file in self.values:
            self.problems.append(f"both {name} and {file} are set; keep one of them")
        if file not in self.values:
            return self.value(name, parse, None)
        return self.value(file, lambda path: parse(_first_line(path)), None)


KEYS = (
    "URL",
    "PUBLIC_URL",
    "TOKEN",
    "TOKEN_FILE",
    "SIGNING_KEY",
    "SIGNING_KEY_FILE",
    "UNSIGNED",
    "ORIGINALS",
    "PRESETS",
    "WIDTHS",
    "FORMATS",
    "TIMEOUT",
    "DEFERRED_ROOT",
    "DEFERRED_ROOT_IS_SHARED_AND_DURABLE",
)


def _url(value: object) -> str:
    example = "write it as 'https://media.example.org'"
    if not isinstance(value, str):
        raise _Problem(f"must be text; {example}")
    try:
        parts = urlsplit(value)
        has_port_of_sense = parts.port is None or parts.port > 0
    except ValueError:
        raise _Problem(f"is not a URL; {example}") from None
    if "@" in parts.netloc:
        # Not quoted: it may be a password.
        raise _Problem("must not contain a user or a password; the token goes into TOKEN")
    if parts.scheme not in ("http", "https") or not parts.hostname or not has_port_of_sense:
        raise _Problem(f"is not an http or https URL; {example}")
    if (
        parts.query
        or parts.fragment
        or not value.isascii()
        or not value.isprintable()
        or " " in value
    ):
        raise _Problem(f"must consist of scheme, host, port and path only; {example}")
    return value.rstrip("/")


def _first_line(path: object) -> str:
    if not isinstance(path, (str, Path)):
        raise _Problem("must be the path of a file")
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_SECRET_FILE_BYTES + 1)
    except OSError as error:
        raise _Problem(f"cannot be read ({error.strerror}); check path and permissions") from None
    if len(content) > MAX_SECRET_FILE_BYTES:
        raise _Problem(
            f"is longer than {MAX_SECRET_FILE_BYTES} bytes; it must contain nothing but the secret"
        )
    try:
        return content.decode().strip()
    except UnicodeDecodeError:
        raise _Problem("is not UTF-8 text; it must contain nothing but the secret") from None


def _token(value: object) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
        raise _Problem("must be a token in one line, as `tintype token new` prints it")
    return value


def _signing_key(value: object) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) < MIN_SIGNING_KEY_CHARS:
        raise _Problem(
            f"must be text of {MIN_SIGNING_KEY_CHARS} characters or more, the first of the "
            "service's TINTYPE_SIGNING_KEYS; `openssl rand -hex 32` makes one"
        )
    return value


def _one_of(*allowed: _T) -> Callable[[object], _T]:
    def parse(value: object) -> _T:
        for one in allowed:
            if value == one:
                return one
        raise _Problem(f"must be one of {', '.join(map(repr, allowed))}, as for the service")

    return parse


def _presets(value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise _Problem(
            "must be a dict of names and specs, such as {'card': 'w_400~h_300~fit_cover'}"
        )
    presets = {}
    for name, spec in value.items():
        if _is_entry(spec):
            spec = _spec_of_entry(name, spec)
        elif isinstance(spec, Mapping):
            # In the form of THUMBNAIL_ALIASES, which only the compatibility layer understands.
            from .compat import preset_of_alias

            try:
                spec = preset_of_alias(spec)
            except ValueError as error:
                raise _Problem(f"{name!r}: {error}") from None
        if not isinstance(name, str) or not isinstance(spec, str):
            raise _Problem("must have text as names and specs, such as 'w_400~h_300~fit_cover'")
        try:
            check_preset(name, spec)
        except SpecError as error:
            raise _Problem(f"{name[:64]!r}: {error}") from None
        presets[name] = spec
    return presets


def _is_entry(value: object) -> bool:
    """`{"spec": "w_400~h_300~fit_cover", "label": "Front page", "picker": False}`"""
    return isinstance(value, Mapping) and "spec" in value


def _spec_of_entry(name: object, entry: Mapping[str, object]) -> object:
    unknown = entry.keys() - {"spec", "label", "picker"}
    if unknown:
        raise _Problem(f"{name!r}: known are spec, label and picker, not {min(map(str, unknown))}")
    if not isinstance(entry.get("label", ""), (str, Promise)):
        raise _Problem(f"{name!r}: label must be a text")
    if not isinstance(entry.get("picker", True), bool):
        raise _Problem(f"{name!r}: picker must be True or False")
    return entry["spec"]


def _widths(value: object) -> tuple[int, ...]:
    widths = _tuple(value)
    if not all(type(width) is int and 1 <= width <= MAX_SIDE for width in widths) or not widths:
        raise _Problem(f"must be whole numbers from 1 to {MAX_SIDE}, such as (320, 640, 1280)")
    return tuple(sorted(set(cast("Iterable[int]", widths))))


def _formats(value: object) -> tuple[str, ...]:
    formats = _tuple(value)
    if not all(format in _FORMATS for format in formats) or len(set(formats)) < len(formats):
        raise _Problem(f"must be some of {', '.join(_FORMATS)}, the best first, each once")
    return cast("tuple[str, ...]", formats)


def _tuple(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, (list, tuple)) else (None,)


def _folder(value: object) -> Path:
    if not isinstance(value, (str, Path)) or not Path(value).is_absolute():
        raise _Problem("must be the absolute path of a folder, such as '/srv/shared/uploads'")
    return Path(value)


def _timeout(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 3600:
        raise _Problem("must be a number of seconds above 0, at most 3600")
    return float(value)
