"""The template functions for Jinja2: as an extension, or as a whole environment.

TEMPLATES = [{
    "BACKEND": "django.template.backends.jinja2.Jinja2",
    "OPTIONS": {"extensions": ["django_tintype.jinja2.TintypeExtension"]},
}]
"""

from __future__ import annotations

from typing import Any

from jinja2 import Environment
from jinja2.ext import Extension

from . import pictures

GLOBALS = {
    "tt_url": pictures.tt_url,
    "tt_img": pictures.tt_img,
    "tt_picture": pictures.tt_picture,
    "tt_source": pictures.tt_source,
}


class TintypeExtension(Extension):
    """Adds `tt_url`, `tt_img`, `tt_picture` and `tt_source` to the globals."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals.update(GLOBALS)


def environment(**options: Any) -> Environment:
    """For `OPTIONS["environment"]` where there is none yet."""
    made = Environment(**options)
    made.globals.update(GLOBALS)
    return made
