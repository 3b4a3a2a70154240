"""Deletes the files that rows have let go of: for `TintypeImageField(delete_orphans=True)`.

After the transaction, and only where no other row of the field names the file. What cannot be
deleted is logged: it is an original without a row, which `tintype_orphans` finds.
"""

from __future__ import annotations

import logging
import unicodedata
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied, SuspiciousFileOperation
from django.db import DatabaseError, models, transaction
from django.db.models import signals

from .api.errors import TintypeError

if TYPE_CHECKING:
    from .fields import TintypeImageField

logger = logging.getLogger("django_tintype")


class Cleanup:
    """Of one field. What a row has named is kept in the row, until it is certain what it names."""

    def __init__(self, field: TintypeImageField) -> None:
        self.field = field
        self._slot = f"_tintype_{field.name}_named"

    def watch(self, model: type[models.Model]) -> None:
        # Signals hold their receivers weakly, and the field holds this.
        signals.post_init.connect(self._loaded, sender=model)
        signals.pre_save.connect(self._saving, sender=model)
        signals.post_save.connect(self._saved, sender=model)
        signals.pre_delete.connect(self._deleting, sender=model)
        signals.post_delete.connect(self._deleted, sender=model)

    def _name(self, instance: models.Model) -> str | None:
        value: Any = instance.__dict__.get(self.field.attname)
        return str(getattr(value, "name", value) or "") or None

    def _loaded(self, instance: models.Model, **kwargs: Any) -> None:
        if self.field.attname in instance.__dict__:
            name = self._name(instance)
            instance.__dict__[self._slot] = {name} if name else set()

    def _saving(self, instance: models.Model, using: str, **kwargs: Any) -> None:
        row = instance.__dict__
        if instance._state.adding:
            # What a constructor was given has been named by no row yet.
            row[self._slot] = set()
        elif self._slot not in row and self.field.attname in row:
            # Loaded without the file, which is about to be replaced unseen.
            rows = self.field.model._base_manager.using(using)
            found = rows.filter(pk=self.field.pk_of(instance))
            names = found.values_list(self.field.attname, flat=True)
            row[self._slot] = {name for name in names if name}

    def _saved(
        self,
        instance: models.Model,
        raw: bool,
        using: str,
        update_fields: frozenset[str] | None,
        **kwargs: Any,
    ) -> None:
        is_written = update_fields is None or self.field.name in update_fields
        if raw or not is_written or self.field.attname not in instance.__dict__:
            return
        named, name = instance.__dict__.setdefault(self._slot, set()), self._name(instance)
        gone = named - {name}
        if name:
            named.add(name)
        if gone:
            # After a rollback they are still known, and the next save lets them go.
            transaction.on_commit(partial(self._let_go, instance, gone, using), using=using)

    def _let_go(self, instance: models.Model, gone: set[str], using: str) -> None:
        instance.__dict__.get(self._slot, set()).difference_update(gone)
        for name in sorted(gone):
            self._delete(name, using)

    def _deleting(self, instance: models.Model, **kwargs: Any) -> None:
        if self.field.attname not in instance.__dict__:
            # Nobody can load it afterwards.
            getattr(instance, self.field.attname)

    def _deleted(self, instance: models.Model, using: str, **kwargs: Any) -> None:
        named: set[str] = instance.__dict__.get(self._slot, set())
        for name in sorted({*named, self._name(instance)} - {None}):  # type: ignore[type-var]
            transaction.on_commit(partial(self._delete, name, using), using=using)

    def _delete(self, name: str | None, using: str) -> None:
        field = self.field
        if not name or not field.is_in_tintype or name == field.get_default():
            return
        # One file, however its name is written in another row.
        spellings = {name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))}
        try:
            rows = field.model._base_manager.using(using)
            if not rows.filter(**{f"{field.attname}__in": spellings}).exists():
                field.storage.delete(name)
        except (
            TintypeError,
            OSError,
            PermissionDenied,
            SuspiciousFileOperation,
            DatabaseError,
        ) as error:
            logger.error(
                "%r, which no row of %s names any more, has not been deleted: %s; "
                "manage.py tintype_orphans finds it",
                name,
                field,
                error,
            )
