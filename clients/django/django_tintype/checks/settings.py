"""System checks of the settings and of STORAGES. They make no request; `tintype_check` does."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from .. import conf
from ..storages.tintype import TintypeStorage
from ..testing import InMemoryTintype

DEVELOPMENT_TOKEN = "dev"


@register(Tags.files)
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    try:
        settings = conf.settings()
    except ImproperlyConfigured as error:
        return [
            Error(text.removeprefix("TINTYPE: "), hint="TINTYPE in the settings", id="tintype.E001")
            for text in str(error).split("; TINTYPE: ")
        ]
    return list(_storages(settings))


@register(Tags.security, deploy=True)
def check_deployment(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    try:
        settings = conf.settings()
    except ImproperlyConfigured:
        # Reported by `check_settings`.
        return []
    return list(_deployment(settings))


def _storages(settings: conf.Settings) -> Iterator[CheckMessage]:
    aliases: dict[str, dict[str, Any]] = cast(Any, django_settings.STORAGES)
    is_used = False
    for alias, definition in aliases.items():
        options = definition.get("OPTIONS") or {}
        try:
            backend = import_string(definition.get("BACKEND", ""))
        except ImportError:
            # Django reports it on first use.
            continue
        if not (isinstance(backend, type) and issubclass(backend, TintypeStorage)):
            continue
        # The double needs neither a service nor a token.
        is_used = is_used or not issubclass(backend, InMemoryTintype)
        at = f"STORAGES[{alias!r}]['OPTIONS']"
        try:
            storage = backend(**options)
        except (ImproperlyConfigured, TypeError) as error:
            # Only the names of options: a value may be a misplaced secret.
            yield Error(
                f"{at}: {type(error).__name__}: {error}",
                hint="known are location, allow_overwrite and base_url; everything else belongs "
                "into TINTYPE",
                id="tintype.E003",
            )
            continue
        given = options.get("base_url")
        if isinstance(given, str) and not given.endswith("/"):
            yield Error(
                f"{at}: base_url does not end with a slash",
                hint=f"write {given + '/'!r}",
                id="tintype.E004",
            )
        if alias == "default" and storage.allow_overwrite:
            yield Warning(
                f"{at}: uploads overwrite each other, because allow_overwrite is set",
                hint="leave it out, so that a new file gets a free name; where overwriting is "
                "intended, use another alias",
                id="tintype.W001",
            )
    if is_used and settings.token is None:
        yield Error(
            "TINTYPE has no token, so every upload will be refused",
            hint="set TINTYPE['TOKEN_FILE'] or TINTYPE['TOKEN']: what `tintype token new` prints, "
            "or 'dev' for `tintype serve --dev`",
            id="tintype.E002",
        )


def _deployment(settings: conf.Settings) -> Iterator[CheckMessage]:
    if settings.token == DEVELOPMENT_TOKEN:
        yield Warning(
            "TINTYPE['TOKEN'] is the token of `tintype serve --dev`",
            hint="make one with `tintype token new`, and set TINTYPE['TOKEN_FILE']",
            id="tintype.W002",
        )
    if settings.signing_key is None:
        yield Warning(
            "TINTYPE has no signing key: anybody may request any size of any image",
            hint="give the service TINTYPE_SIGNING_KEYS, and set TINTYPE['SIGNING_KEY_FILE'] here",
            id="tintype.W003",
        )
    if _is_loopback(settings.public_url):
        yield Warning(
            f"TINTYPE['PUBLIC_URL'] is {settings.public_url}, which only this machine can reach",
            hint="set it to the URL of the service or of its CDN, as browsers see it",
            id="tintype.W004",
        )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
