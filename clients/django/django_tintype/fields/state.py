"""The state that an instance keeps for an image field besides its columns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from .marks import Marks


class Known(NamedTuple):
    """The marks that a row had."""

    marks: Marks
    #: Otherwise from the row, or from the caller of a constructor.
    is_from_service: bool
    #: Whether the service has them too; a row without a version has yet to be sent.
    is_heard: bool = True
    #: Deferred columns of marks, which `marks` does not cover.
    deferred: tuple[str, ...] = ()


class ColumnState(Enum):
    """Whether the columns of an instance equal those of its row."""

    SAVED = "saved"
    #: Changed because of another file, and not saved since.
    CHANGED = "changed"
    #: Like `CHANGED`, and complete: the save in progress writes them.
    READY = "ready"


@dataclass(frozen=True)
class RowState:
    """Kept in the instance's `__dict__`, so that pickle and copy take it along. Frozen, because an
    instance shares it with its copies."""

    #: None until the row is loaded or its marks are read.
    known: Known | None = None
    columns: ColumnState = ColumnState.SAVED
    #: Whether the version was removed from the row, and is not back yet.
    is_version_emptied: bool = False
    #: Names that the row has had, for `delete_orphans`; None if unknown.
    named: frozenset[str] | None = None
