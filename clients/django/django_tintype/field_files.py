"""What a row gives for its `TintypeImageField`: the file, and how it is assigned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.core.files import File
from django.db.models.fields.files import ImageFieldFile, ImageFileDescriptor

from . import after_commit
from .api.records import Record
from .delivery.source import Source
from .storages.tintype import TintypeStorage

if TYPE_CHECKING:
    from .fields import TintypeImageField


class TintypeFieldFile(ImageFieldFile):
    field: TintypeImageField
    _committed: bool
    #: What the service said of the file when it was uploaded here.
    uploaded: Record | None = None

    @property
    def tintype(self) -> Source:
        """What the row says of the picture, for URLs and tags. Asks nobody."""
        return Source.of(self)

    def save(self, name: str | None, content: File[Any], save: bool = True) -> None:
        if not self.field.is_in_tintype:
            super().save(name, content, save)  # type: ignore[arg-type]  # Django takes None
            return
        if not hasattr(content, "chunks"):
            # A file of Python's own. A storage would do this as well, and leave the marks behind.
            content = File(content, name)
        self.field.forget_marks_of_replaced_file(self.instance)
        # Travels with the bytes, so that the picture never shows another crop.
        carrier: Any = content
        carrier.tintype_record = self.field.marks(self.instance).as_record()
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
        if self.uploaded:
            self.field.fill(self.instance, self.uploaded)
        else:
            # It is on its way to the service, and gets its version there.
            self.field.fill_locally(self.instance, content)

    def _get_image_dimensions(self) -> tuple[int | None, int | None]:
        """From the columns; a file without them costs one request, the first time."""
        if not self.field.is_in_tintype or not self._committed:
            return super()._get_image_dimensions()  # type: ignore[misc,no-any-return]
        # Columns that the row was loaded without are a query, which is less than a request.
        for name in filter(None, (self.field.width_field, self.field.height_field)):
            getattr(self.instance, name)
        if size := self.tintype.size:
            return size
        if getattr(self, "_dimensions_cache", None) is None:
            storage = cast(TintypeStorage, self.storage)
            if after_commit.is_pending(self.field, self.name):
                self._dimensions_cache = local_size(self)
            else:
                head = storage.client.head(storage.key(self.name or ""))
                self._dimensions_cache = head.width, head.height
        return cast("tuple[int | None, int | None]", self._dimensions_cache)


class TintypeImageDescriptor(ImageFileDescriptor):
    field: TintypeImageField

    def __set__(self, instance: Any, value: Any) -> None:
        before = instance.__dict__.get(self.field.attname)
        was_deferred = self.field.was_deferred(instance)
        super().__set__(instance, value)
        if not self.field.is_in_tintype:
            return
        if was_deferred:
            self.field.undefer(instance, value)
        # None: the constructor sets it, and the columns along with it.
        elif before is not None:
            self.field.take_over(instance, before, value)


def local_size(content: File[Any]) -> tuple[int | None, int | None]:
    """Upright width and height of a file that is at hand, if Pillow is there to tell."""
    try:
        from PIL import Image
    except ImportError:
        return None, None
    was_closed = content.closed
    if not was_closed and not content.seekable():
        # What is a stream has been read by now.
        return None, None
    content.open()
    try:
        with Image.open(content) as image:
            # 5 to 8 lie on their side.
            turned = image.getexif().get(0x0112, 1) >= 5
            return (image.height, image.width) if turned else image.size
    except Exception:
        # Whatever a decoder says of a stranger's file, it has no size then.
        return None, None
    finally:
        if was_closed:
            content.close()
        else:
            content.seek(0)


def name_of(value: Any) -> str | None:
    return str(getattr(value, "name", value) or "") or None
