"""One row as one `TintypeImageField` sees it: its columns, and its `RowState`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.expressions import DatabaseDefault

from ..api.records import Record
from .columns import FACTS, column_of, empty_value, facts, name_of, pk_of, writes
from .marks import Marks, read_crops, read_focal
from .state import ColumnState, Known, RowState

if TYPE_CHECKING:
    from .field import TintypeImageField


class Row:
    """A view of an instance: changes are applied to it without saving."""

    def __init__(self, field: TintypeImageField, instance: models.Model) -> None:
        self.field, self.instance = field, instance
        #: The columns that are loaded.
        self.values: dict[str, Any] = instance.__dict__
        self._slot = f"_tintype_{field.name}"

    @property
    def state(self) -> RowState:
        found = self.values.get(self._slot)
        return found if isinstance(found, RowState) else RowState()

    def change(self, **changes: Any) -> None:
        """Replaces parts of the state."""
        self.values[self._slot] = replace(self.state, **changes)

    @property
    def pk(self) -> Any:
        return pk_of(self.field, self.instance)

    @property
    def is_loaded(self) -> bool:
        """Whether the row was loaded with its file, or has been given one."""
        return self.field.attname in self.values

    @property
    def name(self) -> str | None:
        """The name of the file, if it is loaded."""
        return name_of(self.values.get(self.field.attname))

    def set(self, option: str, value: Any) -> None:
        """Sets the column that an option names, if there is one."""
        if name := column_of(self.field, option):
            setattr(self.instance, name, value)

    def empty(self, option: str) -> None:
        if name := column_of(self.field, option):
            setattr(self.instance, name, empty_value(self.field, name))

    # Facts

    def fill(self, record: Record) -> None:
        """Sets the columns from the response to an upload."""
        for name, value in facts(self.field, record).items():
            setattr(self.instance, name, value)
        self.change(columns=ColumnState.CHANGED, is_version_emptied=False)
        self.remember(self.marks())

    def clear(self) -> None:
        """Empties the columns for facts, which describe another file."""
        for option in FACTS:
            self.empty(option)
        self.change(columns=ColumnState.CHANGED)

    def empty_version(self) -> None:
        """Written along with a change: if anything fails later, the row shows that the service does
        not have the change."""
        self.empty("version_field")
        self.change(is_version_emptied=True)

    def version_is_back(self) -> None:
        self.change(is_version_emptied=False)

    # Marks

    def marks(self) -> Marks:
        """The marks in the columns. Raises ValueError for invalid ones."""
        focal, crops = (
            None if isinstance(value, DatabaseDefault) else value
            for value in (
                self.values.get(self.field.focal_field or ""),
                self.values.get(self.field.crops_field or ""),
            )
        )
        return Marks(self.name, read_focal(focal), read_crops(crops))

    def known(self) -> Known:
        """The marks that the row had, and whether the service has them too."""
        known = self.state.known or Known(Marks(None).copy(), is_from_service=True)
        if not known.is_from_service and self.instance._state.adding:
            # Values passed to a constructor are not stored anywhere else.
            known = known._replace(is_heard=False)
        if read := [name for name in known.deferred if name in self.values]:
            known = self._with_deferred(known, read)
        self.change(known=known)
        return known

    def _with_deferred(self, known: Known, read: list[str]) -> Known:
        """Reads deferred columns that have been loaded since, or written without having been
        loaded."""
        rows = self.field.model._base_manager.using(self.instance._state.db)
        said = rows.filter(pk=self.pk).values(*read).first() or {}
        marks = known.marks
        with suppress(ValueError):
            if self.field.focal_field in said:
                marks = marks._replace(focal=read_focal(said[self.field.focal_field]))
            if self.field.crops_field in said:
                marks = marks._replace(crops=read_crops(said[self.field.crops_field]))
        left = tuple(name for name in known.deferred if name not in read)
        return known._replace(marks=marks, deferred=left)

    def remember(self, marks: Marks) -> None:
        """Keeps marks that the service has."""
        self.change(known=Known(marks.copy(), is_from_service=True))

    def forget_marks_of_replaced_file(self) -> None:
        """The focal point of one image does not apply to the next, unless it was set for the new
        file."""
        known, is_from_service, *_ = self.known()
        # In a constructor the focal point is for the file that is uploaded after it.
        is_new = self.instance._state.adding and not is_from_service
        if known.name is None or is_new:
            return
        now = self.marks()
        if now.focal == known.focal:
            self.empty("focal_field")
        if now.crops == known.crops:
            self.empty("crops_field")

    def changes(self, update_fields: frozenset[str] | None) -> dict[str, Any]:
        """The merge patch with those changes of the marks that a save with these `update_fields`
        writes."""
        field = self.field
        is_written = writes(update_fields, field.focal_field) or writes(
            update_fields, field.crops_field
        )
        if not is_written or (self.is_loaded and not self.name):
            return {}
        now, known = self.marks(), self.known()
        is_replaced = writes(update_fields, field.name) and known.marks.name != now.name
        was = Marks(now.name) if is_replaced else known.marks
        # Deferred columns are unchanged.
        if field.focal_field not in self.values:
            was = was._replace(focal=now.focal)
        if field.crops_field not in self.values:
            was = was._replace(crops=now.crops)
        changes = was.changes_to(now)
        return changes if known.is_heard else {**Marks(now.name).changes_to(now), **changes}
