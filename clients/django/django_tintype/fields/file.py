"""The file of a `TintypeImageField`, and its assignment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.core.files import File
from django.db.models.fields.files import ImageFieldFile, ImageFileDescriptor

from ..api.records import Record
from ..delivery.source import Source
from ..storages.tintype import TintypeStorage
from .assignment import assigned, fill_from_file, undeferred, was_deferred
from .columns import facts, pk_of
from .row import Row
from .size import local_size

if TYPE_CHECKING:
    from .field import TintypeImageField


class TintypeFieldFile(ImageFieldFile):
    field: TintypeImageField
    _committed: bool
    #: The service's response, if the file was uploaded through this object.
    uploaded: Record | None = None

    @property
    def tintype(self) -> Source:
        """What the row knows of the image, for URLs and tags. Does no I/O."""
        return Source.of(self)

    def set_rights(self, **rights: Any) -> Record:
        """Overrides what the file says about who made the image and on what terms it may be used:
        `set_rights(creators=["Ann"], credit="Ann/Desk")`. None restores what the file says.

        Makes one request, and also writes the columns for rights and version.
        """
        storage, field = cast(TintypeStorage, self.storage), self.field
        record = storage.client.patch(storage.key(self.name or ""), {"rights": rights})
        found = facts(field, record)
        columns = [field.rights_field, field.version_field]
        if field.version_field and not getattr(self.instance, field.version_field):
            # Another change has not reached the service yet, and fills in the version when it does.
            columns.remove(field.version_field)
        news = {column: found[column] for column in columns if column}
        for column, value in news.items():
            setattr(self.instance, column, value)
        if news and self.instance.pk is not None:
            rows = field.model._base_manager.using(self.instance._state.db)
            rows.filter(pk=pk_of(field, self.instance), **{field.attname: self.name}).update(**news)
        return record

    def save(self, name: str | None, content: File[Any], save: bool = True) -> None:
        if not self.field.is_in_tintype:
            super().save(name, content, save)  # type: ignore[arg-type]  # Django takes None
            return
        if not hasattr(content, "chunks"):
            # A plain Python file. The storage would wrap it anyway, and lose the marks.
            content = File(content, name)
        row = Row(self.field, self.instance)
        row.forget_marks_of_replaced_file()
        # Sent with the bytes, so that no page ever shows the old crop of the new image.
        carrier: Any = content
        carrier.tintype_record = row.marks().as_record()
        try:
            super().save(name, content, save=False)  # type: ignore[arg-type]
        finally:
            del carrier.tintype_record
        if save:
            self.instance.save()

    def _set_instance_attribute(self, name: str, content: File[Any]) -> None:
        if not self.field.is_in_tintype:
            super()._set_instance_attribute(name, content)  # type: ignore[misc]
            return
        self.name = str(name)
        self.instance.__dict__[self.field.attname] = self.name
        self._dimensions_cache: Any = None
        record = getattr(name, "record", None)
        self.uploaded = record if isinstance(record, Record) else None
        row = Row(self.field, self.instance)
        if self.uploaded:
            row.fill(self.uploaded)
        else:
            # Moved to the service later, and versioned there.
            fill_from_file(row, content)

    def _get_image_dimensions(self) -> tuple[int | None, int | None]:
        """From the columns; without them it takes one request, the first time."""
        if not self.field.is_in_tintype or not self._committed:
            return super()._get_image_dimensions()  # type: ignore[misc,no-any-return]
        # Deferred columns cost a query, which is cheaper than a request.
        for name in filter(None, (self.field.width_field, self.field.height_field)):
            getattr(self.instance, name)
        if size := self.tintype.size:
            return size
        if getattr(self, "_dimensions_cache", None) is None:
            storage = cast(TintypeStorage, self.storage)
            if storage.pending(self.name or ""):
                self._dimensions_cache = local_size(self)
            else:
                head = storage.client.head(storage.key(self.name or ""))
                self._dimensions_cache = head.width, head.height
        return cast("tuple[int | None, int | None]", self._dimensions_cache)


class TintypeImageDescriptor(ImageFileDescriptor):
    field: TintypeImageField

    def __set__(self, instance: Any, value: Any) -> None:
        row = Row(self.field, instance)
        before, is_deferred = row.values.get(self.field.attname), was_deferred(row)
        super().__set__(instance, value)
        if not self.field.is_in_tintype:
            return
        if is_deferred:
            undeferred(row, value)
        # None: within the constructor, which sets the columns itself.
        elif before is not None:
            assigned(row, before, value)
