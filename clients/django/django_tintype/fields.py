"""`TintypeImageField`: an ImageField whose columns come with the answer to the upload.

A save of a new file is one request; loading a row, and asking for width and height, is none. A
changed focal point or crop goes to the service after the transaction, in one request.

With a storage that is not tintype's the field is Django's own ImageField.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast, overload

from django.core import checks
from django.core.exceptions import FieldDoesNotExist
from django.core.files import File
from django.db import models, transaction
from django.db.models import signals
from django.db.models.expressions import DatabaseDefault
from django.db.models.fields.files import FieldFile
from django.dispatch import receiver

from . import after_commit
from .api.records import Record
from .cleanup import Cleanup
from .field_checks import check_columns, check_pillow
from .field_files import TintypeFieldFile, TintypeImageDescriptor, local_size, name_of
from .marks import Known, Marks, read_crops, read_focal, validate_crops, validate_focal, write_focal
from .storages.tintype import TintypeStorage

if TYPE_CHECKING:
    from typing_extensions import Self

#: The options that name a column, and what the column holds.
FACTS = ("width_field", "height_field", "version_field", "placeholder_field")
MARKS = ("focal_field", "crops_field")
#: The options that are off unless they are set.
SWITCHES = ("allow_unrenderable", "delete_orphans")

_TEXT = (models.CharField, models.TextField)

#: In the place of the name of a file that was replaced before it was loaded. No file has it.
UNSEEN = "\0"

#: The state of columns that belong to a new file, once they are as the row is to have them.
READY = "ready"


class TintypeImageField(models.ImageField):
    """An ImageField with columns for what the service knows of the picture.

    `width_field` and `height_field` are those of the upright picture. `version_field` makes URLs
    that may be cached for ever, and marks rows whose last change has not reached the service: it is
    empty until then. `placeholder_field` holds a ThumbHash in base64. `focal_field`, a text such as
    `0.35x0.6`, and `crops_field`, a JSON column, are for editors to write to.

    Forms refuse what the service cannot show (too many pixels, damaged, of a kind without a
    decoder); with `allow_unrenderable` it is taken, and an editor is warned.

    A file that was replaced, or whose row was deleted, stays and stays public, as with every field
    of Django's; with `delete_orphans` it is deleted after the transaction, unless another row of
    the field names it.
    """

    attr_class = TintypeFieldFile
    descriptor_class = TintypeImageDescriptor
    description = "Image"

    if TYPE_CHECKING:
        width_field: str | None
        height_field: str | None

        @overload
        def __get__(self, instance: None, owner: Any) -> TintypeImageDescriptor: ...
        @overload
        def __get__(self, instance: models.Model, owner: Any) -> TintypeFieldFile: ...
        @overload
        def __get__(self, instance: Any, owner: Any) -> Self: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...

    def __init__(
        self,
        verbose_name: Any = None,
        name: str | None = None,
        width_field: str | None = None,
        height_field: str | None = None,
        *,
        version_field: str | None = None,
        placeholder_field: str | None = None,
        focal_field: str | None = None,
        crops_field: str | None = None,
        allow_unrenderable: bool = False,
        delete_orphans: bool = False,
        **kwargs: Any,
    ) -> None:
        self.version_field = version_field
        self.placeholder_field = placeholder_field
        self.focal_field = focal_field
        self.crops_field = crops_field
        self.allow_unrenderable = allow_unrenderable
        self.delete_orphans = delete_orphans
        super().__init__(verbose_name, name, width_field, height_field, **kwargs)

    #: Made once the field knows its name.
    _cleanup: Cleanup | None = None

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for option in (*FACTS[2:], *MARKS):
            if column := getattr(self, option):
                kwargs[option] = column
        for option in SWITCHES:
            if getattr(self, option):
                kwargs[option] = True
        # The public name, so that migrations outlive a move of this module.
        return name, path.replace(f"{__name__}.", "django_tintype."), args, kwargs

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        return [*super().check(**kwargs), *check_columns(self)]

    def _check_image_library_installed(self) -> Sequence[checks.CheckMessage]:
        if self.is_in_tintype:
            return [*check_pillow(self)]
        found: Sequence[checks.CheckMessage] = super()._check_image_library_installed()  # type: ignore[misc]
        return found

    def formfield(self, **kwargs: Any) -> Any:
        from .forms import TintypeImageFormField
        from .widgets import TintypeImageInput

        kwargs.setdefault("form_class", TintypeImageFormField)
        form_field = super().formfield(**kwargs)
        if isinstance(form_field, TintypeImageFormField) and isinstance(
            self.storage, TintypeStorage
        ):
            form_field.storage = self.storage
            form_field.allow_unrenderable = self.allow_unrenderable
        if form_field is not None and isinstance(form_field.widget, TintypeImageInput):
            form_field.widget.show(self.name, self.focal_field, self.crops_field)
        return form_field

    @property
    def is_in_tintype(self) -> bool:
        return isinstance(self.storage, TintypeStorage)

    def pk_of(self, instance: models.Model) -> Any:
        """The key of the row that has the columns. A child of several models has another one."""
        return getattr(instance, cast("models.Field[Any, Any]", self.model._meta.pk).attname)

    def column_of(self, option: str) -> str | None:
        """The name of a column, by the option that names it."""
        return getattr(self, option) or None

    # Facts: what the service has found out

    def facts(self, record: Record) -> dict[str, Any]:
        """The columns as a record has them."""
        image = record.image
        values = {
            "width_field": image and image.width,
            "height_field": image and image.height,
            "version_field": record.version,
            # None for a while under load: the picture is decoded later.
            "placeholder_field": image and image.thumbhash,
        }
        named = {self.column_of(option): value for option, value in values.items()}
        return {name: value or self._empty(name) for name, value in named.items() if name}

    def fill(self, instance: models.Model, record: Record) -> None:
        """Writes what the answer to an upload says into the instance, which is not saved."""
        for name, value in self.facts(record).items():
            setattr(instance, name, value)
        instance.__dict__[self._unsaved] = True
        self.version_is_back(instance)
        self.remember(instance, self.marks(instance))

    def fill_locally(self, instance: models.Model, content: File[Any]) -> None:
        self._clear(instance)
        width, height = local_size(content)
        for option, value in (("width_field", width), ("height_field", height)):
            if (name := self.column_of(option)) and value:
                setattr(instance, name, value)
        # The service knows of no marks yet.
        self.remember(instance, Marks(self.marks(instance).name))

    def take_over(self, instance: models.Model, before: Any, value: Any) -> None:
        """Another file was assigned: what the columns say is of the file before."""
        is_upload = isinstance(value, File) and not getattr(value, "_committed", False)
        if _is_of_another_row(value, instance) and not is_upload:
            # From another row, or from the row as it is now (`refresh_from_db`).
            other, is_same_row = value.field, value.instance == instance
            for option in (*FACTS, *MARKS):
                theirs, ours = getattr(other, option, None), self.column_of(option)
                if ours and theirs in value.instance.__dict__:
                    instance.__dict__[ours] = value.instance.__dict__[theirs]
                elif ours and is_same_row:
                    # Only the file was refreshed: the column is loaded when somebody asks for it.
                    instance.__dict__.pop(ours, None)
                elif ours:
                    setattr(instance, ours, self._empty(ours))
            instance.__dict__[self._unsaved] = not is_same_row
            self._remember_as(value, instance)
            return
        if is_upload or not value or name_of(before) != name_of(value):
            self._clear(instance)

    def _take_from_another_row(self, instance: models.Model, value: FieldFile) -> None:
        """A constructor was given the file of another row: whatever else it was not given comes
        along with it."""
        theirs = value.instance.__dict__
        for option in (*FACTS, *MARKS):
            name, ours = getattr(value.field, option, None), self.column_of(option)
            if ours and name in theirs and not instance.__dict__.get(ours):
                instance.__dict__[ours] = theirs[name]
        self._remember_as(value, instance)

    def _remember_as(self, value: FieldFile, instance: models.Model) -> None:
        if value.field == self:
            known = self.known(value.instance)
            instance.__dict__[self._slot] = known._replace(is_from_service=True)

    def was_deferred(self, instance: models.Model) -> bool:
        """Whether the row was loaded without its file, which nobody has asked for since."""
        return self._slot in instance.__dict__ and self.attname not in instance.__dict__

    def undefer(self, instance: models.Model, value: Any) -> None:
        """The file that the row was loaded without is loaded now, or replaced without a look."""
        is_loaded = (isinstance(value, str) and value != "") or (
            isinstance(value, FieldFile) and value.instance == instance
        )
        known: Known = instance.__dict__[self._slot]
        name = name_of(value) if is_loaded else UNSEEN
        instance.__dict__[self._slot] = known._replace(marks=known.marks._replace(name=name))
        if not is_loaded:
            self.take_over(instance, UNSEEN, value)

    def _clear(self, instance: models.Model) -> None:
        for option in FACTS:
            if name := self.column_of(option):
                setattr(instance, name, self._empty(name))
        instance.__dict__[self._unsaved] = True

    def _empty(self, name: str) -> Any:
        column = self.model._meta.get_field(name)
        if column.null:
            return None
        if isinstance(column, models.JSONField):
            return {}
        return "" if isinstance(column, _TEXT) else 0

    def update_dimension_fields(
        self, instance: Any, force: bool = False, *args: Any, **kwargs: Any
    ) -> None:
        # Django would open the file of each row that is loaded without its dimensions.
        if not self.is_in_tintype:
            super().update_dimension_fields(instance, force, *args, **kwargs)

    # Marks: what an editor says

    # Both are kept in the row, where pickle and copy take them along.

    @property
    def _slot(self) -> str:
        return f"_tintype_{self.name}"

    @property
    def _unsaved(self) -> str:
        """Whether the columns have been written to on account of another file."""
        return f"_tintype_{self.name}_unsaved"

    @property
    def _emptied(self) -> str:
        """Whether the version was taken out of the row, and has not come back yet."""
        return f"_tintype_{self.name}_emptied"

    def marks(self, instance: models.Model) -> Marks:
        """What the columns say. Raises ValueError for a focal point or crops that are none."""
        row = instance.__dict__
        focal, crops = (
            None if isinstance(value, DatabaseDefault) else value
            for value in (row.get(self.focal_field or ""), row.get(self.crops_field or ""))
        )
        return Marks(name_of(row.get(self.attname)), read_focal(focal), read_crops(crops))

    def known(self, instance: models.Model) -> Known:
        """What the row said, and whether the service says the same."""
        known: Known = instance.__dict__.get(self._slot, Known(Marks(None), is_from_service=True))
        if not known.is_from_service and instance._state.adding:
            # What a constructor was given is not known to anybody else.
            known = known._replace(is_heard=False)
        if read := [name for name in known.deferred if name in instance.__dict__]:
            known = self._with_deferred(instance, known, read)
        instance.__dict__[self._slot] = known
        return known

    def _with_deferred(self, instance: models.Model, known: Known, read: list[str]) -> Known:
        """Columns that the row was loaded without were asked for since, or written to unseen."""
        rows = self.model._base_manager.using(instance._state.db)
        said = rows.filter(pk=self.pk_of(instance)).values(*read).first() or {}
        marks = known.marks
        with suppress(ValueError):
            if self.focal_field in said:
                marks = marks._replace(focal=read_focal(said[self.focal_field]))
            if self.crops_field in said:
                marks = marks._replace(crops=read_crops(said[self.crops_field]))
        return known._replace(
            marks=marks, deferred=tuple(name for name in known.deferred if name not in read)
        )

    def remember(self, instance: models.Model, marks: Marks) -> None:
        """Marks that the service has."""
        instance.__dict__[self._slot] = Known(marks.copy(), is_from_service=True)

    def forget_marks_of_replaced_file(self, instance: models.Model) -> None:
        """The focal point of one picture is not that of the next. One that was set for the new file
        stays."""
        known, is_from_service, *_ = self.known(instance)
        # A constructor is given the focal point for the file that comes after it.
        is_new = instance._state.adding and not is_from_service
        if known.name is None or is_new:
            return
        now = self.marks(instance)
        for option, is_old in (
            ("focal_field", now.focal == known.focal),
            ("crops_field", now.crops == known.crops),
        ):
            if (name := self.column_of(option)) and is_old:
                setattr(instance, name, self._empty(name))

    # The life of a row

    def watch(self, model: type[models.Model]) -> None:
        for name, validate in (
            (self.focal_field, validate_focal),
            (self.crops_field, validate_crops),
        ):
            with suppress(FieldDoesNotExist):  # the check of the columns tells
                column = name and cast("models.Field[Any, Any]", model._meta.get_field(name))
                if column and validate not in column.validators:
                    column.validators.append(validate)
        if self.delete_orphans:
            # A copy of a field, as models inherit it, has that of the other.
            if self._cleanup is None or self._cleanup.field is not self:
                self._cleanup = Cleanup(self)
            self._cleanup.watch(model)
        signals.post_init.connect(self._loaded, sender=model)
        signals.pre_save.connect(self._saving, sender=model)
        signals.post_save.connect(self._saved, sender=model)

    def _loaded(self, instance: models.Model, **kwargs: Any) -> None:
        if self.is_in_tintype:
            row = instance.__dict__
            file: Any = row.get(self.attname)
            if _is_of_another_row(file, instance) and file._committed:
                self._take_from_another_row(instance, file)
                return
            marks = Marks(name_of(file))
            # What somebody else has written wrongly is told when the row is saved.
            with suppress(ValueError):
                marks = self.marks(instance)
            row[self._slot] = Known(
                marks.copy(),
                is_from_service=False,
                # Without a version the row says what the service has not heard yet: the next save
                # sends it.
                is_heard=not self.version_field or bool(row.get(self.version_field, "?")),
                deferred=tuple(
                    name for name in map(self.column_of, MARKS) if name and name not in row
                ),
            )

    def _saving(
        self,
        instance: models.Model,
        raw: bool,
        update_fields: frozenset[str] | None,
        **kwargs: Any,
    ) -> None:
        """Before the row is written, and before its transaction: uploads are slow. All columns are
        right from here on, wherever they stand in the model."""
        if raw or not self.is_in_tintype:
            return
        self._tidy_marks(instance, update_fields)
        if _writes(update_fields, self.name) and self.attname in instance.__dict__:
            file = getattr(instance, self.attname)
            if file and not file._committed:
                file.save(file.name, file.file, save=False)
            elif name_of(file) != self.known(instance).marks.name:
                self.forget_marks_of_replaced_file(instance)
        if self.version_field and self._changes(instance, update_fields):
            # Written with the change itself: should anything go wrong from here on, the row tells
            # that the service has not heard of it.
            setattr(instance, self.version_field, self._empty(self.version_field))
            instance.__dict__[self._emptied] = True
        if instance.__dict__.get(self._unsaved):
            instance.__dict__[self._unsaved] = READY

    def _tidy_marks(self, instance: models.Model, update_fields: frozenset[str] | None) -> None:
        """An emptied JSON field of a form is None, and a focal point may be given as a pair: both
        as the columns have to hold it."""
        for name in filter(None, map(self.column_of, MARKS)):
            column, value = self.model._meta.get_field(name), instance.__dict__.get(name, "")
            if not _writes(update_fields, name):
                continue
            if value is None and not column.null:
                setattr(instance, name, self._empty(name))
            elif isinstance(value, (tuple, list)) and type(column) in _TEXT:
                setattr(instance, name, write_focal(read_focal(value)))

    def _saved(
        self,
        instance: models.Model,
        raw: bool,
        using: str,
        update_fields: frozenset[str] | None,
        **kwargs: Any,
    ) -> None:
        if raw or not self.is_in_tintype:
            return
        changes = self._changes(instance, update_fields)
        written = [self.version_field] if changes else []
        unsaved = instance.__dict__.get(self._unsaved)
        is_written = update_fields
        if _writes(update_fields, self.name) and unsaved:
            written = [self.column_of(option) for option in (*FACTS, *MARKS)]
            if unsaved != READY:
                # Another receiver has put a file there, which Django has uploaded when the columns
                # before it had been taken already.
                is_written = frozenset()
            # Not before they are certain: after a rollback the next save writes them again.
            name = name_of(instance.__dict__.get(self.attname))
            transaction.on_commit(partial(self._settle, instance, name), using=using)
        self._write_what_was_left(instance, using, is_written, written)
        # After a rollback nobody brings the version back, also if the change was taken back.
        is_empty = self._emptied in instance.__dict__ and _writes(
            update_fields, self.version_field or ""
        )
        if changes or is_empty:
            transaction.on_commit(partial(after_commit.send, self, instance, using), using=using)

    def version_is_back(self, instance: models.Model) -> None:
        instance.__dict__.pop(self._emptied, None)

    def _settle(self, instance: models.Model, name: str | None) -> None:
        if name_of(instance.__dict__.get(self.attname)) == name:
            instance.__dict__.pop(self._unsaved, None)

    def _changes(
        self, instance: models.Model, update_fields: frozenset[str] | None
    ) -> dict[str, Any]:
        names = [
            name for name in map(self.column_of, MARKS) if name and _writes(update_fields, name)
        ]
        has_no_file = self.attname in instance.__dict__ and not name_of(
            instance.__dict__[self.attname]
        )
        if not names or has_no_file:
            return {}
        now, known = self.marks(instance), self.known(instance)
        is_replaced = _writes(update_fields, self.name) and known.marks.name != now.name
        was = Marks(now.name) if is_replaced else known.marks
        # What is not loaded is not changed.
        if self.focal_field not in instance.__dict__:
            was = was._replace(focal=now.focal)
        if self.crops_field not in instance.__dict__:
            was = was._replace(crops=now.crops)
        changes = was.changes_to(now)
        return changes if known.is_heard else {**Marks(now.name).changes_to(now), **changes}

    def _write_what_was_left(
        self,
        instance: models.Model,
        using: str,
        update_fields: frozenset[str] | None,
        names: Iterable[str | None],
    ) -> None:
        """Columns that belong to what was saved, and that `update_fields` does not name."""
        row = instance.__dict__
        left = {
            name: row[name]
            for name in names
            if name and name in row and not _writes(update_fields, name)
        }
        if left:
            self.model._base_manager.using(using).filter(pk=self.pk_of(instance)).update(**left)


@receiver(signals.class_prepared)
def _watch(sender: type[models.Model], **kwargs: Any) -> None:
    """Also of proxies and children, whose signals have senders of their own."""
    if not sender._meta.abstract:
        for field in sender._meta.fields:
            if isinstance(field, TintypeImageField):
                field.watch(sender)


def _is_of_another_row(file: Any, instance: models.Model) -> bool:
    """Or of the same one, loaded again."""
    is_bound = isinstance(file, FieldFile) and file.instance is not None
    return is_bound and file.instance is not instance


def _writes(update_fields: frozenset[str] | None, name: str) -> bool:
    return update_fields is None or name in update_fields
