"""Updates the columns of a row when another file is assigned."""

from __future__ import annotations

from typing import Any

from django.core.files import File
from django.db import models
from django.db.models.fields.files import FieldFile

from .columns import FACTS, MARKS, column_of, empty_value, name_of
from .marks import Marks
from .row import Row
from .size import local_size
from .state import ColumnState

#: Replaces the name of a file that was replaced before it was loaded. No file has it.
UNSEEN = "\0"


def assigned(row: Row, before: Any, value: Any) -> None:
    """Another file was assigned, so the columns describe the one before."""
    is_upload = isinstance(value, File) and not getattr(value, "_committed", False)
    if is_of_another_row(value, row.instance) and not is_upload:
        _take_over(row, value)
    elif is_upload or not value or name_of(before) != name_of(value):
        row.clear()


def constructed_with(row: Row, value: FieldFile) -> None:
    """A constructor was given the file of another row: columns that it was not given are copied
    from there."""
    theirs = value.instance.__dict__
    for option in (*FACTS, *MARKS):
        name, ours = column_of(value.field, option), column_of(row.field, option)
        if ours and name in theirs and not row.values.get(ours):
            row.values[ours] = theirs[name]
    _remember_as(row, value)


def was_deferred(row: Row) -> bool:
    """Whether the row was loaded without its file, and the file has not been loaded since."""
    return row.state.known is not None and not row.is_loaded


def undeferred(row: Row, value: Any) -> None:
    """The deferred file has been loaded, or replaced without having been loaded."""
    is_loaded = (isinstance(value, str) and value != "") or (
        isinstance(value, FieldFile) and value.instance == row.instance
    )
    if (known := row.state.known) is None:
        return
    name = name_of(value) if is_loaded else UNSEEN
    row.change(known=known._replace(marks=known.marks._replace(name=name)))
    if not is_loaded:
        assigned(row, UNSEEN, value)


def fill_from_file(row: Row, content: File[Any]) -> None:
    """For a file that the service does not have yet, only the size is known, and the service has no
    marks."""
    row.clear()
    for option, value in zip(("width_field", "height_field"), local_size(content), strict=True):
        if value:
            row.set(option, value)
    row.remember(Marks(row.name))


def is_of_another_row(file: Any, instance: models.Model) -> bool:
    """Also true for the same row, loaded again."""
    is_bound = isinstance(file, FieldFile) and file.instance is not None
    return is_bound and file.instance is not instance


def _take_over(row: Row, value: FieldFile) -> None:
    """The file of another row, or of the row as it is now (`refresh_from_db`)."""
    is_same_row = value.instance == row.instance
    for option in (*FACTS, *MARKS):
        theirs, ours = column_of(value.field, option), column_of(row.field, option)
        if ours and theirs in value.instance.__dict__:
            row.values[ours] = value.instance.__dict__[theirs]
        elif ours and is_same_row:
            # Only the file was refreshed: the column is loaded on access.
            row.values.pop(ours, None)
        elif ours:
            setattr(row.instance, ours, empty_value(row.field, ours))
    row.change(columns=ColumnState.SAVED if is_same_row else ColumnState.CHANGED)
    _remember_as(row, value)


def _remember_as(row: Row, value: FieldFile) -> None:
    if value.field == row.field:
        known = Row(row.field, value.instance).known()
        row.change(known=known._replace(is_from_service=True))
