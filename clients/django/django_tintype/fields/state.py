"""What an instance remembers of an image field besides its columns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from .marks import Marks


class Known(NamedTuple):
    """The marks that a row had."""

    marks: Marks
    #: Else from the row, or from whoever called the constructor.
    is_from_service: bool
    #: Whether the service has them too: a row without a version waits to be sent.
    is_heard: bool = True
    #: Columns of marks that were not loaded, so that `marks` says nothing of them.
    deferred: tuple[str, ...] = ()


class Columns(Enum):
    """Whether the columns of an instance are those of its row."""

    SAVED = "saved"
    #: Written to on account of another file, and not saved since.
    CHANGED = "changed"
    #: As `CHANGED`, and complete: a save is about to write them.
    READY = "ready"


@dataclass(frozen=True)
class RowState:
    """Kept in the instance's `__dict__`, so that pickle and copy take it along. Frozen, because an
    instance shares it with its copies."""

    #: None until the row was loaded or the marks were asked for.
    known: Known | None = None
    columns: Columns = Columns.SAVED
    #: Whether the version was taken out of the row, and has not come back yet.
    is_version_emptied: bool = False
    #: Files that the row has named, for `delete_orphans`. None: not known.
    named: frozenset[str] | None = None
