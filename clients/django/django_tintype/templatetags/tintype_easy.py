"""`{% load tintype_easy %}`: easy-thumbnails' tag and filters, served by tintype."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from django.core.files.storage import Storage
from django.template import Context, Library, Node, TemplateSyntaxError
from django.template.base import FilterExpression, Parser, Token, render_value_in_context

from ..compat.easy import OPTIONS, alias_options, read_option, spec_of
from ..compat.errors import CompatError
from ..compat.thumbnails import Thumbnail, is_debug, source_of, target_of
from ..delivery.geometry import Size
from ..delivery.source import Source
from ..delivery.url import original_url
from .tintype import literal

register = Library()
logger = logging.getLogger("django_tintype")

_SIZE = re.compile("[0-9]+x[0-9]+")
_SYNTAX = "thumbnail: expected source size [option …] [as variable]"


class Thumbnailer:
    """An image and its aliases: {{ photo.small.url }}"""

    def __init__(self, source: Source, target: str | None = None) -> None:
        self.source, self.target = source, target
        #: For templates that check it: nothing is ever generated here.
        self.generate = True

    def __bool__(self) -> bool:
        # {% with photo=person.photo|thumbnailer %}{% if photo %}
        return bool(self.source.key)

    def __getitem__(self, alias: str) -> Thumbnail:
        options = alias_options(alias, self.target)
        if options is None or not self:
            raise KeyError(alias)
        return self.get_thumbnail(options)

    def get_thumbnail(self, options: Mapping[str, Any]) -> Thumbnail:
        size = Size(*self.source.size) if self.source.size else None
        return Thumbnail(self.source, spec_of(options, size))

    @property
    def url(self) -> str:
        return original_url(self.source) if self else ""

    @property
    def name(self) -> str:
        return self.source.key

    def __str__(self) -> str:
        return self.name


class ThumbnailNode(Node):
    def __init__(self, parser: Parser, token: Token) -> None:
        _, *bits = token.split_contents()
        self.variable = None
        if len(bits) > 3 and bits[-2] == "as":
            self.variable = bits[-1]
            del bits[-2:]
        if len(bits) < 2:
            raise TemplateSyntaxError(_SYNTAX)
        self.source = parser.compile_filter(bits[0])
        size = f'"{bits[1]}"' if _SIZE.fullmatch(bits[1]) else bits[1]
        self.size = parser.compile_filter(size)
        self.options: dict[str, FilterExpression | bool] = {}
        for bit in bits[2:]:
            name, equals, value = bit.partition("=")
            self.options[name] = parser.compile_filter(value) if equals else True
        self._judge()

    def _judge(self) -> None:
        try:
            is_literal, size = literal(self.size)
            if is_literal and _SIZE.fullmatch(str(size)):
                read_option("size", size)
            for name, expression in self.options.items():
                value: object = expression
                is_literal = True
                if isinstance(expression, FilterExpression):
                    is_literal, value = literal(expression)
                if name == "size" or name not in OPTIONS:
                    # An unknown name is refused whatever its value.
                    raise CompatError(name, f"is not an option: {', '.join([*OPTIONS][1:])}")
                if is_literal:
                    read_option(name, value)
        except CompatError as error:
            raise TemplateSyntaxError(f"thumbnail: {error}") from error

    def render(self, context: Context) -> str:
        thumbnail: Thumbnail | str = ""
        try:
            thumbnail = self._thumbnail(context)
        except Exception:
            # As easy-thumbnails does: one image less is better than no page.
            if is_debug():
                raise
            logger.exception("thumbnail: cannot be shown")
        if self.variable is None:
            return render_value_in_context(thumbnail, context)
        context[self.variable] = thumbnail
        return ""

    def _thumbnail(self, context: Context) -> Thumbnail | str:
        value = self.source.resolve(context)
        if not value:
            if is_debug():
                raise TemplateSyntaxError(f"thumbnail: {self.source} is not an image")
            return ""
        made = thumbnailer(value)
        options: dict[str, Any] = {
            name: option.resolve(context) if isinstance(option, FilterExpression) else option
            for name, option in self.options.items()
        }
        size = self.size.resolve(context)
        is_alias = isinstance(size, str) and not _SIZE.fullmatch(size)
        alias = alias_options(size, made.target) if is_alias else None
        return made.get_thumbnail({**(alias or {"size": size}), **options})


@register.tag
def thumbnail(parser: Parser, token: Token) -> Node:
    return ThumbnailNode(parser, token)


@register.filter
def thumbnailer(picture: object, relative_name: str | None = None) -> Thumbnailer:
    """{% with photo=person.photo|thumbnailer %}{{ photo.small.url }}{% endwith %}"""
    if isinstance(picture, Thumbnailer):
        return picture
    if isinstance(picture, Storage) and relative_name:
        return Thumbnailer(Source.stored(picture, relative_name))
    if not picture:
        return Thumbnailer(Source(key=""))
    return Thumbnailer(source_of(picture), target_of(picture))


@register.filter
def thumbnailer_passive(picture: object) -> Thumbnailer:
    """The same: thumbnails are made on request, never by a template."""
    made = thumbnailer(picture)
    made.generate = False
    return made


@register.filter
def thumbnail_url(picture: object, alias: str) -> str:
    """{{ person.photo|thumbnail_url:"small" }}; empty without an image or alias."""
    try:
        return thumbnailer(picture)[alias].url
    except Exception:
        if is_debug():
            raise
        return ""
