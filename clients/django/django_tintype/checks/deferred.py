"""System checks for sites that use `DeferredTintypeStorage`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage, storages
from django.db import models
from django.urls import NoReverseMatch

from ..conf import settings
from ..storages.deferred import DeferredTintypeStorage, pending_url


@register(Tags.files)
def check_deferred(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Reports such a storage without its folder, or without a URL for its files."""
    if not any(map(_is_deferred, _storages(app_configs))):
        return []
    try:
        root = settings().deferred_root
    except ImproperlyConfigured:
        # Reported by the check of the settings.
        return []
    found: list[CheckMessage] = []
    if root is None:
        found.append(
            Error(
                "DeferredTintypeStorage is used, and TINTYPE has no DEFERRED_ROOT",
                hint="set TINTYPE['DEFERRED_ROOT'] to a folder that every process of the site "
                "shares and that outlives them, and say so with "
                "TINTYPE['DEFERRED_ROOT_IS_SHARED_AND_DURABLE'] = True",
                id="tintype.E010",
            )
        )
    elif not root.is_dir() or not os.access(root, os.W_OK | os.X_OK):
        found.append(
            Error(
                f"TINTYPE['DEFERRED_ROOT'], {root}, is not a folder that this process may write to",
                hint="make it, or mount it; it is not made by itself, because a volume that is not "
                "mounted would go unnoticed",
                id="tintype.E011",
            )
        )
    try:
        if hasattr(django_settings, "ROOT_URLCONF"):
            pending_url("key")
    except NoReverseMatch:
        found.append(
            Error(
                "DeferredTintypeStorage is used, and files that are not moved yet have no URL",
                hint="add path('pending/', include('django_tintype.deferred_urls')) to the URLconf",
                id="tintype.E012",
            )
        )
    return found


def _is_deferred(storage: Storage) -> bool:
    try:
        # Django creates its default storage on first access.
        return isinstance(storage, DeferredTintypeStorage)
    except Exception:
        # Reported by the check of the storages.
        return False


def _storages(app_configs: Sequence[AppConfig] | None) -> list[Storage]:
    found: list[Storage] = []
    for alias in django_settings.STORAGES:
        try:
            found.append(storages[alias])
        except Exception:
            # Reported by the check of the storages.
            continue
    for config in apps.get_app_configs() if app_configs is None else app_configs:
        for model in config.get_models():
            for field in model._meta.get_fields():
                if isinstance(field, models.FileField):
                    found.append(field.storage)
    return found
