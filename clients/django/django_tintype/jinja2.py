"""The template functions for Jinja2: as an extension, or as a whole environment.

TEMPLATES = [{
    "BACKEND": "django.template.backends.jinja2.Jinja2",
    "OPTIONS": {"extensions": ["django_tintype.jinja2.TintypeExtension"]},
}]
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from jinja2 import Environment
from jinja2.ext import Extension

from .html import pictures


def _shown(function: Callable[..., object]) -> Callable[..., object]:
    """Jinja2 would write None where there is no image; a page shows nothing instead."""

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> object:
        result = function(*arguments, **named)
        return "" if result is None else result

    return call


GLOBALS = {
    "tt_url": _shown(pictures.tt_url),
    "tt_img": _shown(pictures.tt_img),
    "tt_picture": _shown(pictures.tt_picture),
    "tt_source": pictures.tt_source,
}


class TintypeExtension(Extension):
    """Adds `tt_url`, `tt_img`, `tt_picture` and `tt_source` to the globals."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals.update(GLOBALS)


def environment(**options: Any) -> Environment:
    """For `OPTIONS["environment"]` if there is none yet."""
    made = Environment(**options)
    made.globals.update(GLOBALS)
    return made
