"""`{% load tintype_sorl %}`: sorl-thumbnail's tag and filters, served by tintype."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.template import Context, Library, Node, NodeList, TemplateSyntaxError
from django.template.base import FilterExpression, Parser, Token, render_value_in_context

from ..compat.errors import CompatError
from ..compat.sorl import parse_geometry, read_option, spec_of
from ..compat.thumbnails import Thumbnail, at_density, is_debug, size_of, source_of
from ..delivery.geometry import Size
from .tintype import literal

register = Library()
logger = logging.getLogger("django_tintype")

_SYNTAX = "thumbnail: expected source geometry [option=value …] [as variable]"


class ThumbnailNode(Node):
    child_nodelists = ("nodelist", "nodelist_empty")

    def __init__(self, parser: Parser, token: Token) -> None:
        _, *bits = token.split_contents()
        if len(bits) < 2 or "as" in bits[:2]:
            raise TemplateSyntaxError(_SYNTAX)
        self.variable = None
        if bits[-2] == "as":
            self.variable = bits[-1]
            del bits[-2:]
        self.file = parser.compile_filter(bits[0])
        self.geometry = parser.compile_filter(bits[1])
        self.options: list[tuple[str, FilterExpression]] = []
        for bit in bits[2:]:
            name, equals, value = bit.partition("=")
            if not (equals and name.isidentifier()):
                raise TemplateSyntaxError(f"{_SYNTAX}, not {bit}")
            self.options.append((name, parser.compile_filter(value)))
        self._judge()
        self.nodelist = self.nodelist_empty = NodeList()
        if self.variable is not None:
            self.nodelist = parser.parse(("empty", "endthumbnail"))
            if parser.next_token().contents == "empty":
                self.nodelist_empty = parser.parse(("endthumbnail",))
                parser.delete_first_token()

    def _judge(self) -> None:
        try:
            is_literal, geometry = literal(self.geometry)
            if is_literal:
                parse_geometry(geometry)
            for name, expression in self.options:
                is_literal, value = literal(expression)
                if name != "options":
                    # An unknown name is refused whatever its value.
                    read_option(name, value) if is_literal else _check_name(name)
        except CompatError as error:
            raise TemplateSyntaxError(f"thumbnail: {error}") from error

    def render(self, context: Context) -> str:
        thumbnail = None
        try:
            thumbnail = self._thumbnail(context)
        except Exception:
            # As sorl-thumbnail does: one image less is better than no page.
            if is_debug():
                raise
            logger.exception("thumbnail: cannot be shown")
        if thumbnail is None:
            return self.nodelist_empty.render(context)
        if self.variable is None:
            return render_value_in_context(thumbnail.url, context)
        with context.push(**{self.variable: thumbnail}):
            return self.nodelist.render(context)

    def _thumbnail(self, context: Context) -> Thumbnail | None:
        file = self.file.resolve(context)
        if not file:
            return None
        options: dict[str, Any] = {}
        for name, expression in self.options:
            value = expression.resolve(context)
            options.update(value if name == "options" else {name: value})
        source = source_of(file)
        size = Size(*source.size) if source.size else None
        return Thumbnail(source, spec_of(self.geometry.resolve(context), options, size))


def _check_name(name: str) -> None:
    from ..compat.sorl import OPTIONS

    if name not in OPTIONS:
        read_option(name, None)


@register.tag
def thumbnail(parser: Parser, token: Token) -> Node:
    return ThumbnailNode(parser, token)


@register.filter
def resolution(address: object, density: str) -> str:
    """The URL of a thumbnail for denser screens: {{ im.url|resolution:"2x" }}"""
    return at_density(str(address), density)


_P = ParamSpec("_P")
_T = TypeVar("_T")


def _safe(instead: _T) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """Like sorl-thumbnail's filters: errors are logged, and do not break the page."""

    def decorate(function: Callable[_P, _T]) -> Callable[_P, _T]:
        @wraps(function)
        def call(*arguments: _P.args, **named: _P.kwargs) -> _T:
            try:
                return function(*arguments, **named)
            except Exception:
                if is_debug():
                    raise
                logger.exception("%s: cannot be told", function.__name__)
                return instead

        return call

    return decorate


@register.filter
@_safe(instead=False)
def is_portrait(picture: object) -> bool:
    size = size_of(picture) if picture else None
    return size is not None and size.height > size.width


@register.filter
@_safe(instead="auto")
def margin(picture: object, geometry: str) -> str:
    """The margins that centre a thumbnail in a box: {{ im|margin:"200x100" }}"""
    free = _free(picture, geometry)
    if free is None:
        return "auto"
    (left, right), (top, bottom) = ((side // 2, side - side // 2) for side in free)
    return f"{top}px {right}px {bottom}px {left}px"


@register.filter
@_safe(instead="auto")
def background_margin(picture: object, geometry: str) -> str:
    """The same as the position of a background."""
    free = _free(picture, geometry)
    return "auto" if free is None else " ".join(f"{side / 2}px" for side in free)


def _free(picture: object, geometry: str) -> tuple[int, int] | None:
    size = size_of(picture) if picture else None
    if size is None:
        return None
    width, height = parse_geometry(geometry, size.width / size.height)
    assert width is not None and height is not None
    return width - size.width, height - size.height
