"""What a `TintypeImageField` does when rows are loaded and saved."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.db.models import signals

from . import sync
from .assignment import constructed_with, is_of_another_row
from .cleanup import Cleanup
from .columns import FACTS, MARKS, TEXT, columns_of, empty_value, name_of, writes
from .marks import Marks, read_focal, write_focal
from .row import Row
from .state import ColumnState, Known

if TYPE_CHECKING:
    from .field import TintypeImageField


class Lifecycle:
    """For one field; its methods receive the signals of the models that have it."""

    def __init__(self, field: TintypeImageField) -> None:
        self.field = field
        self._cleanup = Cleanup(field) if field.delete_orphans else None

    def watch(self, model: type[models.Model]) -> None:
        # Signals hold their receivers weakly; the field keeps this alive.
        if self._cleanup:
            self._cleanup.watch(model)
        signals.post_init.connect(self._loaded, sender=model)
        signals.pre_save.connect(self._saving, sender=model)
        signals.post_save.connect(self._saved, sender=model)

    def _loaded(self, instance: models.Model, **kwargs: Any) -> None:
        if not self.field.is_in_tintype:
            return
        row = Row(self.field, instance)
        file: Any = row.values.get(self.field.attname)
        if is_of_another_row(file, instance) and file._committed:
            constructed_with(row, file)
            return
        marks = Marks(name_of(file))
        # Invalid values are reported when the row is saved.
        with suppress(ValueError):
            marks = row.marks()
        version = self.field.version_field
        known = Known(
            marks.copy(),
            is_from_service=False,
            # An empty version means that the service does not have the marks yet: the next save
            # sends them.
            is_heard=not version or bool(row.values.get(version, "?")),
            deferred=tuple(
                name for name in columns_of(self.field, MARKS) if name not in row.values
            ),
        )
        row.change(known=known)

    def _saving(
        self,
        instance: models.Model,
        raw: bool,
        update_fields: frozenset[str] | None,
        **kwargs: Any,
    ) -> None:
        """Runs before the row is written and before its transaction, because uploads are slow. From
        here on all columns are right, whatever their order in the model."""
        if raw or not self.field.is_in_tintype:
            return
        row = Row(self.field, instance)
        self._tidy_marks(row, update_fields)
        if writes(update_fields, self.field.name) and row.is_loaded:
            file = getattr(instance, self.field.attname)
            if file and not file._committed:
                file.save(file.name, file.file, save=False)
            elif name_of(file) != row.known().marks.name:
                row.forget_marks_of_replaced_file()
        if self.field.version_field and row.changes(update_fields):
            row.empty_version()
        if row.state.columns is ColumnState.CHANGED:
            row.change(columns=ColumnState.READY)

    def _tidy_marks(self, row: Row, update_fields: frozenset[str] | None) -> None:
        """Forms give None for an empty JSON field, and a focal point may be given as a pair: both
        are converted to what the columns hold."""
        for name in columns_of(self.field, MARKS):
            column, value = self.field.model._meta.get_field(name), row.values.get(name, "")
            if not writes(update_fields, name):
                continue
            if value is None and not column.null:
                setattr(row.instance, name, empty_value(self.field, name))
            elif isinstance(value, (tuple, list)) and type(column) in TEXT:
                setattr(row.instance, name, write_focal(read_focal(value)))

    def _saved(
        self,
        instance: models.Model,
        raw: bool,
        using: str,
        update_fields: frozenset[str] | None,
        **kwargs: Any,
    ) -> None:
        if raw or not self.field.is_in_tintype:
            return
        row, version = Row(self.field, instance), self.field.version_field
        changes, columns = row.changes(update_fields), row.state.columns
        belonging = [version] if changes and version else []
        is_written = update_fields
        if writes(update_fields, self.field.name) and columns is not ColumnState.SAVED:
            belonging = columns_of(self.field, (*FACTS, *MARKS))
            if columns is ColumnState.CHANGED:
                # Another receiver has assigned a file, which Django uploaded after it had read the
                # columns before it.
                is_written = frozenset()
            # Not before the commit: after a rollback the next save writes them again.
            transaction.on_commit(partial(_settle, row, row.name), using=using)
        _write_what_was_left(row, using, is_written, belonging)
        # After a rollback the version is missing even if the change was undone.
        is_empty = row.state.is_version_emptied and writes(update_fields, version)
        if changes or is_empty:
            transaction.on_commit(partial(sync.send, self.field, instance, using), using=using)


def _settle(row: Row, name: str | None) -> None:
    if row.name == name:
        row.change(columns=ColumnState.SAVED)


def _write_what_was_left(
    row: Row, using: str, update_fields: frozenset[str] | None, names: Iterable[str]
) -> None:
    """Columns that belong to what was saved, and that `update_fields` omits."""
    left = {
        name: row.values[name]
        for name in names
        if name in row.values and not writes(update_fields, name)
    }
    if left:
        row.field.model._base_manager.using(using).filter(pk=row.pk).update(**left)
