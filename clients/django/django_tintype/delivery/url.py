"""URLs of variants and originals, built without any I/O.

`/t/{key}/{spec}` is a variant; its spec is the last segment. `/o/{key}` is the original, where
originals are public.
"""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol
from urllib.parse import unquote

from django.core.exceptions import ImproperlyConfigured
from django.db.models.fields.files import FieldFile

from .. import conf
from ..conf import Settings
from ..keys import encode_key
from .signing import sign
from .source import Source
from .spec import Spec, SpecError

#: A date, seconds from now, or a time span.
Expires = datetime | timedelta | int

UNSIGNED_DPR = (None, 1.0, 1.5, 2.0, 3.0)


class Keyed(Protocol):
    """An image to show: an original's key and, if known, its version."""

    @property
    def key(self) -> str: ...
    @property
    def version(self) -> str | None: ...


def url(
    source: Keyed | FieldFile | str,
    spec: Spec | str | None = None,
    *,
    version: str | None = None,
    expires: Expires | None = None,
    settings: Settings | None = None,
) -> str:
    """The URL of a variant of a field's file or of a key, signed where the settings require it.

    The version of the source is part of the URL, so that the response may be cached for ever and a
    changed image has another URL. `expires` requires a signature.
    """
    source = _source(source)
    if source.url_of_original is not None:
        return source.url_of_original
    settings = settings or conf.settings()
    if isinstance(spec, str):
        spec = Spec.parse(spec)
    spec = spec or Spec()
    spec.check_preset_is_known(settings.presets)
    changes: dict[str, object] = {}
    if version := version or source.version:
        changes["v"] = version
    if expires is not None:
        changes["exp"] = _unix(expires)
    if changes:
        spec = spec.replace(**changes)
    return f"{settings.public_url}{path(source.key, spec, settings)}"


def original_url(
    source: Keyed | FieldFile | str,
    *,
    download: bool | str = False,
    version: str | None = None,
    expires: Expires | None = None,
    settings: Settings | None = None,
) -> str:
    """The URL of the original; with `download` as an attachment, under a name of your own if given
    (letters, digits, full stop and hyphen)."""
    source = _source(source)
    if source.url_of_original is not None:
        return source.url_of_original
    settings = settings or conf.settings()
    if settings.originals == "public" and not download and expires is None:
        return f"{settings.public_url}/o/{encode_key(source.key)}"
    attachment = "1" if download is True else download or None
    spec = Spec(f="original", dl=attachment)
    return url(source, spec, version=version, expires=expires, settings=settings)


def folder_url(prefix: str, *, settings: Settings | None = None) -> str:
    """The common start of the URLs of public originals in a folder; not a URL of anything
    itself."""
    settings = settings or conf.settings()
    prefix = prefix.strip("/")
    return f"{settings.public_url}/o/" + (f"{encode_key(prefix)}/" if prefix else "")


def _source(value: Keyed | FieldFile | str) -> Source:
    match value:
        case str():
            return Source(key=value)
        case Source() | FieldFile():
            return Source.of(value)
    return Source(key=value.key, version=value.version)


def path(key: str, spec: Spec, settings: Settings) -> str:
    """The canonical path of a spec, signed where the settings require it."""
    encoded = encode_key(key)
    text = str(spec if spec.sig is None else spec.replace(sig=None))
    if spec.exp is not None or needs_signature(spec, settings):
        if not settings.signing_key:
            raise ImproperlyConfigured(
                f"url of {text} needs a signature: set TINTYPE['SIGNING_KEY'] or"
                " TINTYPE['SIGNING_KEY_FILE'] to a signing key of the service"
            )
        text = f"{text}~sig_{sign(settings.signing_key, key, text)}"
    return f"/t/{encoded}/{text}"


def needs_signature(spec: Spec, settings: Settings) -> bool:
    """Whether the service serves this only with a signature."""
    if spec.dpr not in UNSIGNED_DPR or settings.unsigned == "none":
        return True
    if settings.unsigned == "any":
        return spec.f == "original" and settings.originals != "public"
    bare = Spec(preset=spec.preset, dpr=spec.dpr, f=spec.f, v=spec.v)
    return spec.preset is None or not spec.is_image or spec.replace(sig=None) != bare


class VariantPath(NamedTuple):
    """`/t/{key}/{spec}`, as received."""

    key: str
    spec: Spec
    #: What a signature covers: decoded, but not made canonical.
    signed_spec: str
    canonical: str


def parse_path(raw_path: str) -> VariantPath:
    """Reads the path of a variant as the service does; raises `ValueError` or `InvalidKey`."""
    rest = raw_path.removeprefix("/t/")
    if rest == raw_path:
        raise ValueError("path does not start with /t/")
    if re.search("%(?![0-9A-Fa-f]{2})", rest):
        raise ValueError("path has a percent sign without two hex digits")
    try:
        text = unquote(rest, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("path is not UTF-8 once decoded") from None
    key, slash, spec_text = text.rpartition("/")
    if not slash:
        raise ValueError("path has no spec, which would be its last segment")
    encoded = encode_key(key)
    spec = Spec.parse(spec_text)
    signed_spec = spec_text if spec.sig is None else spec_text.rpartition("~")[0]
    return VariantPath(key, spec, signed_spec, f"/t/{encoded}/{spec}")


def _unix(expires: Expires) -> int:
    match expires:
        case datetime():
            if expires.tzinfo is None:
                raise SpecError("exp", "must be a date with a time zone, not a naive one")
            return int(expires.timestamp())
        case timedelta():
            return int(time.time() + expires.total_seconds())
        case _:
            return int(time.time()) + expires
