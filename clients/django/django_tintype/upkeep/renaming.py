"""New names for files whose names the service refuses, and updates of their rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from django.core.exceptions import SuspiciousFileOperation
from django.core.management.base import CommandError
from django.db.models import QuerySet

from django_tintype.keys import allowed, check_key
from django_tintype.storages.tintype import TintypeStorage

from . import fields
from .copying import Copy


class Place(NamedTuple):
    """Rows of a field in one database, and where their files go."""

    field: fields.Field
    using: str
    target: TintypeStorage


class Renaming:
    def __init__(self, places: Sequence[Place]) -> None:
        for field, _, target in places:
            own = field.storage
            if not isinstance(own, TintypeStorage) or own.location != target.location:
                raise CommandError(
                    f"--rename changes rows, and those of {fields.label(field)} are still read "
                    "with another storage; make tintype its storage first, and name the old one "
                    "with --from",
                    returncode=2,
                )
        self._places = places

    def renamed(self, item: Copy) -> Copy:
        """The item with another name if a new original cannot have its own, and no adopted one has
        it. Always the same name, so that an interrupted run continues."""
        with suppress(SuspiciousFileOperation):
            check_key(item.key)
            return item
        with suppress(SuspiciousFileOperation):
            if item.target.client.exists(item.key):
                return item
        lengths = [place.field.max_length for place in self._of(item)]
        location = item.target.location
        return replace(
            item,
            new_name=allowed(
                item.name,
                room=len(location.encode()) + 1 if location else 0,
                max_length=min((length for length in lengths if length), default=None),
            ),
        )

    def update_rows(self, item: Copy) -> int:
        """Updates the rows to the file's new name; returns how many there were."""
        return sum(
            QuerySet(field.model, using=using)
            .filter(**{field.attname: item.name})
            .update(**{field.attname: item.new_name})
            for field, using, _ in self._of(item)
        )

    def _of(self, item: Copy) -> list[Place]:
        return [place for place in self._places if place.target.location == item.target.location]
