"""Brings changed focal points and crops to the service, once the row is certain.

Nothing is lost when the service is away: the row was saved with an empty version, and so it can be
found and sent again, by `tintype_fill_dimensions` or by the next save of the row.
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

#: Times that a row is sent anew because somebody else changed it in the same moment.
MAX_ROUNDS = 5


def send(field: TintypeImageField, instance: models.Model, using: str) -> None:
    """Sends what was changed, and takes the new version into the row. Logs what goes wrong: the row
    is saved, and whoever saved it is not to see an error instead."""
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
            # Nobody knows what is missing: it may be that something was taken away.
            record = _storage(field).record(name)
            known = _marks_of(name, record)
        if not mine.is_loaded:
            # Loaded without the file, so it has not been replaced either.
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
    """Makes row and record say the same: facts as the service has them, focal point and crops as
    the row has them. What the row does not say is taken from the record.

    Returns the record, or None for a row without a file or whose file waits to be moved. Raises
    what a storage raises. `record` is what the service says now, if that is known already.
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
    found = {column: value for column, value in facts(field, record).items() if value}
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
    """Sends what the row says and the service does not know, until the row stands still.

    The version goes into the row only if that says what was sent: of two that change it at once,
    the one that comes second to the service looks again.
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
            # The row says that something is missing, and nobody knows what.
            record = _storage(field).record(name)
            known = _marks_of(name, record)
            continue
        found = facts(field, record)
        # Those of the pixels are there already; a placeholder may have been pending until now.
        news = {c: found[c] for c in (field.version_field, field.placeholder_field) if c in found}
        if all(row.get(column) == value for column, value in news.items() if column in row):
            return record
        if _swap(field, pk, using, row, {c: v for c, v in news.items() if v}):
            return record
        row = _row(field, pk, using)
    raise TintypeError(f"others changed the row at the same moment, {MAX_ROUNDS} times")


def _row(field: TintypeImageField, pk: Any, using: str) -> dict[str, Any] | None:
    columns = [field.attname, field.version_field, *columns_of(field, MARKS)]
    rows = field.model._base_manager.using(using).filter(pk=pk)
    return cast(
        "dict[str, Any] | None", rows.values(*[column for column in columns if column]).first()
    )


def _swap(
    field: TintypeImageField, pk: Any, using: str, row: dict[str, Any], news: dict[str, Any]
) -> bool:
    """Writes into the row if it still says what was read."""
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
