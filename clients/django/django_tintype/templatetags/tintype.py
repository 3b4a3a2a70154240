"""`{% load tintype %}`: the tags tt_url, tt_img, tt_picture and tt_source."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from django.template import Context, Library, Node, NodeList, TemplateSyntaxError
from django.template.base import (
    FilterExpression,
    Parser,
    TextNode,
    Token,
    TokenType,
    Variable,
    render_value_in_context,
)

from ..html.arguments import ArgumentError, Arguments, check_names, read
from ..html.pictures import ArtDirection, img_of, picture_of, url_of

register = Library()

_HYPHENATED = re.compile("[a-z]+(?:-[a-z0-9]+)+")
#: Set in the context while the body of a tt_picture is rendered, to collect its sources.
_SOURCES = "django_tintype.sources"


class Call:
    """A tag's name, image and arguments, checked as far as they are literals."""

    def __init__(self, parser: Parser, token: Token, *, needs_value: bool = True) -> None:
        self.tag, *bits = token.split_contents()
        self.variable: str | None = None
        if len(bits) >= 2 and bits[-2] == "as":
            self.variable = bits[-1]
            del bits[-2:]
        self.value: FilterExpression | None = None
        self.given: dict[str, FilterExpression] = {}
        places = iter(("value", "spec"))
        for bit in bits:
            name, equals, text = bit.partition("=")
            if equals and _HYPHENATED.fullmatch(name):
                raise self.error(f"{name}: is written {name.replace('-', '_')} here")
            if not (equals and name.isidentifier()):
                place = next(places, None)
                if place is None or set(self.given) - {"spec"}:
                    raise self.error(f"{bit}: expected name=value")
                name, text = place, bit
            if name in self.given or (name == "value" and self.value is not None):
                raise self.error(f"{name}: is given twice")
            expression = parser.compile_filter(text)
            if name == "value":
                self.value = expression
            else:
                self.given[name] = expression
        if needs_value and self.value is None:
            raise self.error("needs an image: the file of a field, or a key")
        self.arguments = self._judge()

    def error(self, message: str) -> TemplateSyntaxError:
        return TemplateSyntaxError(f"{self.tag}: {message}")

    def _judge(self) -> Arguments | None:
        """The arguments, if all of them are literals."""
        literals = {}
        for name, expression in self.given.items():
            is_literal, value = literal(expression)
            if is_literal:
                literals[name] = value
        try:
            check_names(self.tag, self.given)
            if len(literals) == len(self.given):
                return Arguments.of(self.tag, literals)
            for name, value in literals.items():
                read(self.tag, name, value)
        except ArgumentError as error:
            raise TemplateSyntaxError(str(error)) from error
        return None

    def resolve(self, context: Context) -> Arguments:
        if self.arguments is not None:
            return self.arguments
        given: Mapping[str, Any] = {name: e.resolve(context) for name, e in self.given.items()}
        try:
            return Arguments.of(self.tag, given)
        except ArgumentError as error:
            if given.get(error.name) != "":
                raise
            # As Django does for a misspelt variable.
            reason = f"{self.given[error.name].token} has no value here"
            raise ArgumentError(self.tag, error.name, reason) from None

    def picture(self, context: Context) -> object:
        return self.value.resolve(context, ignore_failures=True) if self.value else None

    def answer(self, context: Context, result: object) -> str:
        if self.variable is not None:
            context[self.variable] = result
            return ""
        return "" if result is None else render_value_in_context(result, context)


def literal(expression: FilterExpression) -> tuple[bool, object]:
    """Whether a value is known when the template is compiled, and the value."""
    if expression.filters:
        return False, None
    var = expression.var
    if isinstance(var, str):
        return True, str(var)
    if isinstance(var, Variable):
        constants = {"True": True, "False": False, "None": None}
        if var.literal is not None:
            return True, var.literal
        if var.var in constants:
            return True, constants[str(var.var)]
    return False, None


class CallNode(Node):
    def __init__(self, call: Call, make: Callable[[object, Arguments], object]) -> None:
        self.call, self.make = call, make

    def render(self, context: Context) -> str:
        picture = self.call.picture(context)
        result = self.make(picture, self.call.resolve(context)) if picture else None
        return self.call.answer(context, result)


class PictureNode(Node):
    def __init__(self, call: Call, nodelist: NodeList) -> None:
        self.call, self.nodelist = call, nodelist

    def render(self, context: Context) -> str:
        picture = self.call.picture(context)
        if not picture:
            return self.call.answer(context, None)
        arguments = self.call.resolve(context)
        directions: list[ArtDirection] = []
        with context.push(**{_SOURCES: directions}):
            if self.nodelist.render(context).strip():
                raise self.call.error("may contain only tt_source tags")
        return self.call.answer(context, picture_of(picture, arguments, directions))


class SourceNode(Node):
    def __init__(self, call: Call) -> None:
        self.call = call

    def render(self, context: Context) -> str:
        directions = context[_SOURCES]
        value = self.call.picture(context)
        if self.call.value is None or value:
            directions.append(ArtDirection(self.call.resolve(context), value))
        return ""


@register.tag
def tt_url(parser: Parser, token: Token) -> Node:
    """{% tt_url article.photo w=640 h=480 fit="cover" %}"""
    return CallNode(Call(parser, token), url_of)


@register.tag
def tt_img(parser: Parser, token: Token) -> Node:
    """{% tt_img article.photo "card" alt="A lion" %}"""
    return CallNode(Call(parser, token), img_of)


@register.tag
def tt_picture(parser: Parser, token: Token) -> Node:
    """{% tt_picture article.photo alt="A lion" sizes="50vw" %}, alone or with tt_source tags up to
    {% endtt_picture %}"""
    call = Call(parser, token)
    nodelist = NodeList()
    if _has_end(parser):
        nodelist = parser.parse(("endtt_picture",))
        parser.delete_first_token()
        for node in nodelist:
            if isinstance(node, TextNode) and node.s.strip():
                raise call.error("may contain only tt_source tags")
    return PictureNode(call, nodelist)


@register.tag
def tt_source(parser: Parser, token: Token) -> Node:
    """{% tt_source media="(max-width: 600px)" ratio="1/1" %}"""
    call = Call(parser, token, needs_value=False)
    if all(command != "tt_picture" for command, _ in parser.command_stack):
        raise call.error("belongs between tt_picture and endtt_picture")
    if call.variable is not None:
        raise call.error('cannot have "as"; the surrounding tt_picture can')
    return SourceNode(call)


def _has_end(parser: Parser) -> bool:
    """Whether the next of these tags is an end tag: a tt_picture without art direction needs
    none."""
    for token in reversed(parser.tokens):
        if isinstance(token, Token) and token.token_type == TokenType.BLOCK:
            names = token.contents.split(maxsplit=1)[:1]
            if names in (["tt_picture"], ["endtt_picture"]):
                return names == ["endtt_picture"]
    return False
