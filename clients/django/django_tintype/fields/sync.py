"""Sends changed focal points and crops to the service, after the transaction.

Nothing is lost while the service is unavailable: the row was saved with an empty version, so that
`tintype_fill_dimensions` or the next save of the row sends the change again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from django.db import models

from ..api.errors import TintypeError
from ..api.records import Record
from ..storages.tintype import TintypeStorage
from .columns import MARKS, columns_of, facts, pk_of
from .marks import Marks, read_crops, read_focal, write_focal
from .row import Row

if TYPE_CHECKING:
    from .field import TintypeImageField

logger = logging.getLogger("django_tintype")

#: Attempts for a row that somebody else changes at the same time.
MAX_ROUNDS = 5


def send(field: TintypeImageField, instance: models.Model, using: str) -> None:
    """Sends the changes of a row, and writes the new version into it. Failures are logged: the row
    is saved, and the caller of `save()` must not see an error."""
    name: str | None = None
    record: Record | None = None
    mine = Row(field, instance)
    pk = mine.pk
    try:
        row = _row(field, pk, using)
        if row is None:
            return
        name = str(row[field.attname] or "") or None
        if name and _storage(field).pending(name):
            return
        known, _, is_heard, _ = mine.known()
        if name and not is_heard:
            # It is unknown which marks the service lacks; some may have been removed.
            record = _storage(field).record(name)
            known = _marks_of(name, record)
        if not mine.is_loaded:
            # The file is deferred, so it has not been replaced.
            known = known._replace(name=name)
        record = _agree(field, pk, using, row, known, record)
        mine.version_is_back()
    except Exception as error:
        repair = (
            "the next save of the row sends them again, or manage.py tintype_fill_dimensions"
            if field.version_field
            else "save the row again, and give the field a version_field, so that such rows can be "
            "found"
        )
        logger.error(
            "focal point and crops of %r (%s %s) have not reached the service: %s; %s",
            name,
            field,
            pk,
            error,
            repair,
            exc_info=None if isinstance(error, (TintypeError, OSError)) else error,
        )
        return
    if record is not None and mine.known().marks.name in (None, name):
        if field.version_field:
            mine.values[field.version_field] = record.version
        mine.remember(_marks_of(name if mine.is_loaded else None, record))


def bring_up_to_date(
    field: TintypeImageField, instance: models.Model, using: str, record: Record | None = None
) -> Record | None:
    """Makes row and record agree: facts from the service, focal point and crops from the row. Marks
    that the row lacks are taken from the record.

    Returns the record, or None for a row without a file or whose file is not moved yet. Raises what
    a storage raises. `record` is the current record, if it is known already.
    """
    pk = pk_of(field, instance)
    row = _row(field, pk, using)
    if row is None or not row[field.attname] or _storage(field).pending(row[field.attname]):
        return None
    name = str(row[field.attname])
    if record is None or record.key != _storage(field).key(name):
        record = _storage(field).record(name)
    known, theirs = _marks_of(name, record), _marks(field, row)
    adopted: dict[str, Any] = {}
    if field.focal_field and known.focal and theirs.focal is None:
        adopted[field.focal_field] = write_focal(known.focal)
    if field.crops_field and known.crops and not theirs.crops:
        adopted[field.crops_field] = dict(known.crops)
    # Empty rights may have been removed; any other empty fact is only unknown so far.
    found = {
        column: value
        for column, value in facts(field, record).items()
        if value or column == field.rights_field
    }
    if _swap(field, pk, using, row, {**found, **adopted}):
        row.update(adopted)
        row.update({column: found[column] for column in found.keys() & row.keys()})
    else:
        row = _row(field, pk, using)
    return _agree(field, pk, using, row, known) if row else None


def _agree(
    field: TintypeImageField,
    pk: Any,
    using: str,
    row: dict[str, Any] | None,
    known: Marks,
    record: Record | None = None,
) -> Record | None:
    """Sends the marks that the service lacks, until the row no longer changes.

    The version is written only if the row still has the marks that were sent; of two concurrent
    changes, the later one checks again.
    """
    for _ in range(MAX_ROUNDS):
        if row is None or not row[field.attname]:
            return record
        name = str(row[field.attname])
        if known.name != name:
            known, record = Marks(name), None
        if changes := known.changes_to(_marks(field, row)):
            storage = _storage(field)
            record = storage.client.patch(storage.key(name), changes)
            known = _marks_of(name, record)
        elif record is None:
            if not field.version_field or row[field.version_field]:
                return None
            # The row shows that something is missing, but not what.
            record = _storage(field).record(name)
            known = _marks_of(name, record)
            continue
        found = facts(field, record)
        # Width and height are set already; a placeholder may have been pending.
        news = {c: found[c] for c in (field.version_field, field.placeholder_field) if c in found}
        if all(row.get(column) == value for column, value in news.items() if column in row):
            return record
        if _swap(field, pk, using, row, {c: v for c, v in news.items() if v}):
            return record
        row = _row(field, pk, using)
    raise TintypeError(f"others changed the row at the same time, {MAX_ROUNDS} times")


def _row(field: TintypeImageField, pk: Any, using: str) -> dict[str, Any] | None:
    columns = [field.attname, field.version_field, *columns_of(field, MARKS)]
    rows = field.model._base_manager.using(using).filter(pk=pk)
    return cast(
        "dict[str, Any] | None", rows.values(*[column for column in columns if column]).first()
    )


def _swap(
    field: TintypeImageField, pk: Any, using: str, row: dict[str, Any], news: dict[str, Any]
) -> bool:
    """Updates the row if it is unchanged since it was read."""
    same = {
        c if v is not None else f"{c}__isnull": True if v is None else v for c, v in row.items()
    }
    rows = field.model._base_manager.using(using).filter(pk=pk, **same)
    return bool(rows.update(**news) if news else rows.exists())


def _marks(field: TintypeImageField, row: dict[str, Any]) -> Marks:
    focal = row[field.focal_field] if field.focal_field else None
    crops = row[field.crops_field] if field.crops_field else None
    return Marks(str(row[field.attname] or "") or None, read_focal(focal), read_crops(crops))


def _marks_of(name: str | None, record: Record) -> Marks:
    return Marks(name, record.focal_point, record.crops)


def _storage(field: TintypeImageField) -> TintypeStorage:
    return cast(TintypeStorage, field.storage)
