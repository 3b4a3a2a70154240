"""Who made an image and on what terms it may be used, as readers and search engines see it."""

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

#: As Django's `json_script` has it: nothing in a script ends it or begins another.
_IN_SCRIPT = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


@dataclass(frozen=True)
class WithRights:
    """An image, and what is said of it below."""

    image: Element | Picture
    #: A `<small>` with the credit line, or nothing.
    credit: SafeString
    #: A `<script>` with a schema.org/ImageObject, or nothing.
    jsonld: SafeString

    def __getattr__(self, name: str) -> object:
        # For templates, as without the rights: {{ image.src }}.
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.image, name)

    def __html__(self) -> str:
        return f"{self.image}{self.credit}{self.jsonld}"

    def __str__(self) -> str:
        return SafeString(self.__html__())


def credit_line(rights: Rights | None) -> str:
    """The credit as it was written, else the creators, else the notice; empty if none is known."""
    rights = rights or {}
    creators = ", ".join(_names(rights))
    return _text(rights, "credit") or creators or _text(rights, "notice")


def credit(rights: Rights | None) -> SafeString:
    line = credit_line(rights)
    return mark_safe(f'<small class="tintype-credit">{escape(line)}</small>' if line else "")


def jsonld(rights: Rights | None, url: str) -> SafeString:
    """Data, not a script: a Content-Security-Policy has nothing to allow."""
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
    """A file may say anything; nobody follows an address that runs."""
    text = _text(rights, name)
    return text if text.startswith(("https://", "http://")) else ""
