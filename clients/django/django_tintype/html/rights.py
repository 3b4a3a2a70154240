"""Who made an image and on what terms it may be used, for readers and search engines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

if TYPE_CHECKING:
    from .pictures import Element, Picture

Rights = Mapping[str, Any]

#: Like Django's `json_script`: no text can end the script or begin another.
_IN_SCRIPT = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


@dataclass(frozen=True)
class WithRights:
    """An image, followed by its credit line and its data for search engines."""

    image: Element | Picture
    #: A `<small>` with the credit line, or empty.
    credit: SafeString
    #: A `<script>` with a schema.org/ImageObject, or empty.
    jsonld: SafeString

    def __getattr__(self, name: str) -> object:
        # For templates, which read {{ image.src }} with or without rights.
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.image, name)

    def __html__(self) -> str:
        return f"{self.image}{self.credit}{self.jsonld}"

    def __str__(self) -> str:
        return SafeString(self.__html__())


def credit_line(rights: Rights | None) -> str:
    """Returns the credit, else the creators, else the notice; empty if none is known."""
    rights = rights or {}
    creators = ", ".join(_names(rights))
    return _text(rights, "credit") or creators or _text(rights, "notice")


def credit(rights: Rights | None) -> SafeString:
    line = credit_line(rights)
    return mark_safe(f'<small class="tintype-credit">{escape(line)}</small>' if line else "")


def jsonld(rights: Rights | None, url: str) -> SafeString:
    """Returns a data block, which no Content-Security-Policy needs to allow."""
    rights = rights or {}
    said = {
        "creator": [{"@type": "Person", "name": name} for name in _names(rights)],
        "creditText": _text(rights, "credit"),
        "copyrightNotice": _text(rights, "notice"),
        "license": _address(rights, "web_statement"),
        "acquireLicensePage": _address(rights, "licensor_url"),
    }
    said = {name: value for name, value in said.items() if value}
    if not said:
        return mark_safe("")
    document = {
        "@context": "https://schema.org/",
        "@type": "ImageObject",
        "contentUrl": url,
        **said,
    }
    text = json.dumps(document, ensure_ascii=False).translate(_IN_SCRIPT)
    return mark_safe(f'<script type="application/ld+json">{text}</script>')


def _names(rights: Rights) -> list[str]:
    names = rights.get("creators")
    names = names if isinstance(names, (list, tuple)) else ()
    return [name for name in names if isinstance(name, str) and name]


def _text(rights: Rights, name: str) -> str:
    text = rights.get(name)
    return text if isinstance(text, str) else ""


def _address(rights: Rights, name: str) -> str:
    """Returns a URL only if it is HTTP or HTTPS: a file may contain one that runs script."""
    text = _text(rights, name)
    return text if text.startswith(("https://", "http://")) else ""
