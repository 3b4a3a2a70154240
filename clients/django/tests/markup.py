"""Renders template tags and parses their output."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any

import pytest
from django.template import Context, Template
from pytest_django import Settings as SiteSettings

from django_tintype.delivery.source import Source

HOST = "http://media.example"
KEY = "0123456789abcdef0123456789abcdef"
VERSION = "0123456789abcdef"
THUMBHASH = "XfgJDQLE1UB31jiMmoNXZq2vB0KE"
PRESETS = {"card": "w_400~h_300~fit_cover", "inside": "w_400~h_300", "big": "w_300~up_1"}

LION = Source(key="lion.jpg", width=4000, height=3000, focal=(0.3, 0.5), placeholder=THUMBHASH)
SMALL = Source(key="small.jpg", width=600, height=400)
UNKNOWN = Source(key="unknown.jpg")
ELSEWHERE = Source(key="old.jpg", width=600, height=400, url_of_original="/media/old.jpg")


@pytest.fixture(autouse=True)
def site(settings: SiteSettings) -> None:
    settings.TINTYPE = {"URL": HOST, "PRESETS": PRESETS}


def render(template: str, **context: object) -> str:
    return Template("{% load tintype %}" + template).render(Context(context))


class Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), f"an attribute occurs twice in {attrs}"
        self.found.append((tag, dict(attrs)))


def elements(html: str) -> list[tuple[str, dict[str, str | None]]]:
    return Elements(html).found


def image(html: str) -> dict[str, str | None]:
    [(tag, attributes)] = elements(html)
    assert tag == "img"
    return attributes


_forbidden: list[str] | None = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _forbidden is not None and event in ("open", "socket.connect", "socket.getaddrinfo"):
        _forbidden.append(f"{event} {arguments[:1]}")


sys.addaudithook(_audit)


@contextmanager
def asking_nobody() -> Iterator[None]:
    """Records every file that the process opens and every connection that it makes."""
    global _forbidden
    seen: list[str] = []
    _forbidden = seen
    try:
        yield
    finally:
        _forbidden = None
    assert seen == []
