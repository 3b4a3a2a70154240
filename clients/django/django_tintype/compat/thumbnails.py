"""A thumbnail as templates of sorl-thumbnail and easy-thumbnails know it, without any I/O."""

from __future__ import annotations

from typing import Any

from django.conf import settings as site
from django.core.files.storage import default_storage
from django.db.models.fields.files import FieldFile
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from .. import conf
from ..delivery.geometry import GeometryError, Size, resolve
from ..delivery.source import Source
from ..delivery.spec import Spec
from ..delivery.url import parse_path, path, url
from .errors import CompatError, SizeUnknown


class Thumbnail:
    """A variant: its URL, and its size if that of the original is known."""

    def __init__(self, source: Source, spec: Spec) -> None:
        self.source, self.spec = source, spec

    def __str__(self) -> str:
        return self.url

    @property
    def url(self) -> str:
        return url(self.source, self.spec)

    @property
    def name(self) -> str:
        return self.source.key

    @property
    def size(self) -> Size | None:
        source = self.source
        if source.url_of_original is not None:
            return Size(*source.size) if source.size else None
        if source.size is None:
            fills = self.spec.fit == "pad" or (self.spec.fit and self.spec.up)
            return Size(self.spec.w or 0, self.spec.h or 0) if fills else None
        try:
            return resolve(*source.size, self.spec, source.focal).output
        except GeometryError:
            return None

    @property
    def width(self) -> int:
        return self._known_size.width

    @property
    def height(self) -> int:
        return self._known_size.height

    @property
    def ratio(self) -> float:
        return self.width / self.height

    @property
    def _known_size(self) -> Size:
        if self.size is None:
            reason = "set width_field and height_field of the field"
            raise SizeUnknown(f"size of {self.name} is not known; {reason}")
        return self.size

    def is_portrait(self) -> bool:
        return self.size is not None and self.size.height > self.size.width

    def exists(self) -> bool:
        return True

    def tag(self, alt: str = "", use_size: bool | None = None, **attributes: Any) -> SafeString:
        """An `<img>`, with width and height where they are known."""
        attributes |= {"alt": alt, "src": self.url}
        if self.size is not None and use_size is not False:
            attributes |= {"width": self.width, "height": self.height}
        texts = (f'{name}="{escape(value)}"' for name, value in sorted(attributes.items()))
        return mark_safe(f"<img {' '.join(texts)}>")

    src = url
    x = width
    y = height


def source_of(value: object) -> Source:
    """The original of a value passed by a template: a field's file, a thumbnail, or a name."""
    if isinstance(value, Thumbnail):
        return value.source
    if isinstance(value, str):
        if "://" in value or value.startswith("//"):
            reason = "tintype shows what is stored in it; save the image to a field first"
            raise CompatError(value, reason)
        return Source.stored(default_storage, value)
    return Source.of(value)


def size_of(value: object) -> Size | None:
    """The size of an image or of a thumbnail, if it is known."""
    if isinstance(value, Thumbnail):
        return value.size
    size = source_of(value).size
    return Size(*size) if size else None


def target_of(value: object) -> str | None:
    """`app.Model.field`, as THUMBNAIL_ALIASES names it."""
    if not isinstance(value, FieldFile):
        return None
    meta = type(value.instance)._meta
    return f"{meta.app_label}.{meta.object_name}.{value.field.name}"


def at_density(address: str, density: str) -> str:
    """The URL of the same thumbnail for denser screens; `density` is such as `2x`."""
    settings = conf.settings()
    raw_path = address.removeprefix(settings.public_url)
    if not raw_path.startswith("/t/"):
        return address
    variant = parse_path(raw_path)
    dense = variant.spec.replace(sig=None, dpr=density.removesuffix("x"))
    return f"{settings.public_url}{path(variant.key, dense, settings)}"


def is_debug() -> bool:
    """As with sorl and easy: errors while a page is rendered are logged unless this is set."""
    return bool(getattr(site, "THUMBNAIL_DEBUG", False))
