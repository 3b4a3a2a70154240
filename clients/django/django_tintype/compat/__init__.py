"""For sites that move in: the thumbnail tags of sorl-thumbnail and easy-thumbnails, on tintype.

Their arguments are turned into specs that give the same cuts and sizes. What has no equivalent
raises an error that names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import CompatError as CompatError


def preset_of_alias(options: Mapping[str, Any]) -> str:
    """The spec of an alias of THUMBNAIL_ALIASES, such as `{"size": (80, 80), "crop": True}`."""
    from . import easy

    return str(easy.spec_of(options, None))


def presets_of_aliases(aliases: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, str]:
    """PRESETS from THUMBNAIL_ALIASES: those for all fields, `medium_large` as `medium-large`."""
    presets = {}
    for name, options in aliases.get("", {}).items():
        try:
            presets[name.lower().replace("_", "-")] = preset_of_alias(options)
        except CompatError as error:
            raise CompatError(name, f"cannot be a preset: {error}") from None
    return presets
