"""Deletes files that rows no longer name, for `TintypeImageField(delete_orphans=True)`.

After the transaction, and only if no other row of the field names the file. Failures are logged:
such an original has no row, and `tintype_orphans` finds it.
"""

from __future__ import annotations

import logging
import unicodedata
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied, SuspiciousFileOperation
from django.db import DatabaseError, models, transaction
from django.db.models import signals

from ..api.errors import TintypeError
from .columns import writes
from .row import Row

if TYPE_CHECKING:
    from .field import TintypeImageField

logger = logging.getLogger("django_tintype")


class Cleanup:
    """Cleans up for one field. A row's state keeps the names that it has had until its name is
    certain."""

    def __init__(self, field: TintypeImageField) -> None:
        self.field = field

    def watch(self, model: type[models.Model]) -> None:
        # Signals hold their receivers weakly; the field keeps this alive.
        signals.post_init.connect(self._loaded, sender=model)
        signals.pre_save.connect(self._saving, sender=model)
        signals.post_save.connect(self._saved, sender=model)
        signals.pre_delete.connect(self._deleting, sender=model)
        signals.post_delete.connect(self._deleted, sender=model)

    def _loaded(self, instance: models.Model, **kwargs: Any) -> None:
        row = Row(self.field, instance)
        if row.is_loaded:
            row.change(named=_set(row.name))

    def _saving(self, instance: models.Model, using: str, **kwargs: Any) -> None:
        row = Row(self.field, instance)
        if instance._state.adding:
            # No row has named yet what a constructor was given.
            row.change(named=frozenset())
        elif row.state.named is None and row.is_loaded:
            # The file was deferred, and is about to be replaced without having been loaded.
            rows = self.field.model._base_manager.using(using).filter(pk=row.pk)
            names = rows.values_list(self.field.attname, flat=True)
            row.change(named=frozenset(name for name in names if name))

    def _saved(
        self,
        instance: models.Model,
        raw: bool,
        using: str,
        update_fields: frozenset[str] | None,
        **kwargs: Any,
    ) -> None:
        row = Row(self.field, instance)
        if raw or not writes(update_fields, self.field.name) or not row.is_loaded:
            return
        named = row.state.named or frozenset()
        gone = named - {row.name}
        row.change(named=named | _set(row.name))
        if gone:
            # After a rollback, the names are still known, and the next save deletes the files.
            transaction.on_commit(partial(self._let_go, row, gone, using), using=using)

    def _let_go(self, row: Row, gone: frozenset[str], using: str) -> None:
        row.change(named=(row.state.named or frozenset()) - gone)
        for name in sorted(gone):
            self._delete(name, using)

    def _deleting(self, instance: models.Model, **kwargs: Any) -> None:
        if not Row(self.field, instance).is_loaded:
            # It cannot be loaded after the delete.
            getattr(instance, self.field.attname)

    def _deleted(self, instance: models.Model, using: str, **kwargs: Any) -> None:
        row = Row(self.field, instance)
        for name in sorted((row.state.named or frozenset()) | _set(row.name)):
            transaction.on_commit(partial(self._delete, name, using), using=using)

    def _delete(self, name: str, using: str) -> None:
        field = self.field
        if not field.is_in_tintype or name == field.get_default():
            return
        # The same file, whichever normal form another row uses.
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


def _set(name: str | None) -> frozenset[str]:
    return frozenset([name] if name else [])
