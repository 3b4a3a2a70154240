"""Images as HTML. `tt_url`, `tt_img`, `tt_picture` and `tt_source` are the same in Python, in
Django's templates and in Jinja2; none of them does any I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.utils.html import escape
from django.utils.safestring import SafeString

from .. import conf
from ..delivery.source import Source
from ..delivery.spec import Spec
from ..delivery.url import url
from . import placeholder, rights
from .arguments import ArgumentError, Arguments
from .rights import WithRights
from .srcset import Layout, lay_out


@dataclass(frozen=True)
class Element:
    """A tag without content, and its attributes in order; those that are None are omitted."""

    tag: str
    attributes: dict[str, object]

    def __getattr__(self, name: str) -> object:
        # For templates: {{ image.src }}, {{ image.srcset }}, {{ image.width }}.
        try:
            value = self.__dict__["attributes"][name]
        except KeyError:
            raise AttributeError(f"<{self.__dict__.get('tag')}> has no {name}") from None
        # Templates would write None.
        return "" if value is None else value

    def __html__(self) -> str:
        present = ((name, value) for name, value in self.attributes.items() if value is not None)
        written = "".join(f' {name}="{_escaped(value)}"' for name, value in present)
        return f"<{self.tag}{written}>"

    def __str__(self) -> str:
        return SafeString(self.__html__())


@dataclass(frozen=True)
class Picture:
    """A `<picture>`: the browser uses the first matching source, or else the image."""

    img: Element
    sources: list[Element] = field(default_factory=list)

    def __html__(self) -> str:
        inside = "".join(map(str, [*self.sources, self.img]))
        return f"<picture>{inside}</picture>"

    def __str__(self) -> str:
        return SafeString(self.__html__())


#: Stands for the image of the surrounding `tt_picture`.
_AROUND = object()


@dataclass(frozen=True)
class ArtDirection:
    """A `tt_source`: another crop or another image for some screens."""

    arguments: Arguments
    #: None: the image of the surrounding `tt_picture`.
    value: object = None


def tt_url(value: object, spec: Spec | str | None = None, /, **given: Any) -> str | None:
    """The URL of a variant; None without an image."""
    return url_of(value, Arguments.of("tt_url", {"spec": spec, **given})) if value else None


def tt_img(
    value: object, spec: Spec | str | None = None, /, **given: Any
) -> Element | WithRights | None:
    """An `<img>`, optionally followed by its credit; None without an image."""
    return img_of(value, Arguments.of("tt_img", {"spec": spec, **given})) if value else None


def tt_picture(
    value: object,
    spec: Spec | str | None = None,
    /,
    *,
    sources: Iterable[ArtDirection | None] = (),
    **given: Any,
) -> Picture | WithRights | None:
    """A `<picture>`, optionally followed by its credit; None without an image."""
    if not value:
        return None
    arguments = Arguments.of("tt_picture", {"spec": spec, **given})
    return picture_of(value, arguments, [source for source in sources if source])


def tt_source(
    value: object = _AROUND, spec: Spec | str | None = None, /, **given: Any
) -> ArtDirection | None:
    """One of the `sources` of a `tt_picture`; None if it was given an empty image of its own."""
    if not value:
        return None
    arguments = Arguments.of("tt_source", {"spec": spec, **given})
    return ArtDirection(arguments, None if value is _AROUND else value)


# From here on there is an image: without one, the other arguments have no value either, and are not
# checked.


def url_of(value: object, arguments: Arguments) -> str:
    return url(Source.of(value), arguments.spec, expires=arguments.expires)


def img_of(value: object, arguments: Arguments) -> Element | WithRights:
    img = _img(value, arguments)
    return _with_rights(value, arguments, img, img)


def _img(value: object, arguments: Arguments, *, is_in_picture: bool = False) -> Element:
    source = Source.of(value)
    settings = conf.settings()
    layout = lay_out(source, arguments, settings)
    plain = layout.plain or layout.default
    if is_in_picture and layout.plain and plain.with_preset(settings.presets).f is None:
        plain = plain.replace(f=_format_for_all(source, plain.with_preset(settings.presets)))
    attributes: dict[str, object] = {
        "src": _url(source, plain, arguments),
        "srcset": _srcset(source, layout, arguments),
        "sizes": _sizes(layout, arguments),
        "width": layout.size.width if layout.size else None,
        "height": layout.size.height if layout.size else None,
        "alt": arguments.alt,
        "loading": "eager" if arguments.is_eager else "lazy",
        "decoding": arguments.decoding,
        "fetchpriority": arguments.fetchpriority,
        **arguments.attributes,
    }
    merged = arguments.spec.with_preset(settings.presets)
    if not _is_clear(merged) and (style := _placeholder_style(source, arguments.placeholder)):
        own = attributes.get("style")
        attributes["style"] = SafeString(f"{style};{_escaped(own)}") if own else style
    return Element("img", attributes)


def picture_of(
    value: object, arguments: Arguments, directions: Sequence[ArtDirection] = ()
) -> Picture | WithRights:
    img = _img(value, arguments, is_in_picture=True)
    sources: list[Element] = []
    for direction in directions:
        if direction.arguments.is_auto and arguments.is_eager:
            raise ArgumentError("tt_source", "sizes", "auto needs loading=lazy of the tt_picture")
        sources += _sources(direction.value or value, direction.arguments, arguments)
    sources += _sources(value, arguments, arguments)
    return _with_rights(value, arguments, Picture(img, sources), img)


_Image = TypeVar("_Image", "Element", "Picture")


def _with_rights(
    value: object, arguments: Arguments, image: _Image, img: Element
) -> _Image | WithRights:
    if not (arguments.credit or arguments.jsonld):
        return image
    known = Source.of(value).rights
    return WithRights(
        image,
        rights.credit(known if arguments.credit else None),
        rights.jsonld(known if arguments.jsonld else None, str(img.src)),
    )


def _sources(value: object, own: Arguments, picture: Arguments) -> list[Element]:
    """One per format with a source of its own, and for an art direction one for the rest."""
    source, settings = Source.of(value), conf.settings()
    formats: list[str | None] = []
    if source.url_of_original is None and own.spec.with_preset(settings.presets).f is None:
        chosen = own.formats if own.formats is not None else picture.formats
        formats += settings.formats if chosen is None else chosen
    if own.media is not None:
        formats.append(None)
    if not formats:
        return []
    layout = lay_out(source, own, settings)
    sizes = _sizes(layout, own if own.sizes else picture)
    return [
        Element(
            "source",
            {
                "media": own.media,
                "type": f"image/{format}" if format else None,
                "srcset": _srcset(source, layout, own, format)
                or _url(source, layout.default, own, format),
                "sizes": sizes,
                "width": layout.size.width if layout.size else None,
                "height": layout.size.height if layout.size else None,
            },
        )
        for format in formats
    ]


def _url(source: Source, spec: Spec, arguments: Arguments, format: str | None = None) -> str:
    return url(source, spec.replace(f=format) if format else spec, expires=arguments.expires)


def _srcset(
    source: Source, layout: Layout, arguments: Arguments, format: str | None = None
) -> str | None:
    return (
        ", ".join(
            f"{_url(source, spec, arguments, format)} {descriptor}"
            for spec, descriptor in layout.candidates
        )
        or None
    )


def _format_for_all(source: Source, merged: Spec) -> str | None:
    """A format for those that pass an image on, such as mail and feeds; None where it is unknown
    whether the image is transparent, so that the service decides."""
    if merged.anim:
        return None
    if _is_clear(merged):
        return "png"
    if source.placeholder and placeholder.is_valid(source.placeholder):
        return "jpeg" if placeholder.is_opaque(source.placeholder) else "png"
    return "jpeg" if source.key.lower().endswith((".jpg", ".jpeg")) else None


def _sizes(layout: Layout, arguments: Arguments) -> str | None:
    if not (layout.candidates and layout.is_fluid):
        return None
    # A lazy image is chosen after layout; browsers that do not know `auto` skip it.
    return arguments.sizes or ("100vw" if arguments.is_eager else "auto, 100vw")


def _escaped(value: object) -> str:
    """Escapes the value of an attribute. Text marked as safe (by Django or by Jinja2) keeps its
    entities and nothing else: literals in templates are marked too, and may contain quotation
    marks."""
    if isinstance(value, str) and hasattr(value, "__html__"):
        text = str(value.__html__())
        return text.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return escape(value)


def _is_clear(merged: Spec) -> bool:
    """Whether the image has a transparent canvas."""
    return merged.fit == "pad" and (merged.bg is None or len(merged.bg) == 8)


def _placeholder_style(source: Source, kind: str | None) -> str | None:
    """A background behind a transparent image would stay visible, so that gets none."""
    thumbhash = source.placeholder
    if not (kind and thumbhash and placeholder.is_opaque(thumbhash)):
        return None
    if kind == "colour":
        return f"background-color:{placeholder.colour(thumbhash)}"
    return f"background:center/cover no-repeat url({placeholder.data_uri(thumbhash)})"
