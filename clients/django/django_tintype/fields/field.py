"""`TintypeImageField`: an ImageField whose columns are filled from the response to the upload.

Saving a new file takes one request; loading a row and reading width and height take none. A changed
focal point or crop is sent to the service after the transaction, in one request.

With a storage other than tintype's the field behaves like Django's own ImageField.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast, overload

from django.core import checks
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import signals
from django.dispatch import receiver

from ..storages.tintype import TintypeStorage
from ..widgets import TintypeImageInput
from .checks import check_columns, check_pillow
from .columns import FACTS, MARKS
from .file import TintypeFieldFile, TintypeImageDescriptor
from .form_field import TintypeImageFormField
from .lifecycle import Lifecycle
from .marks import validate_crops, validate_focal

if TYPE_CHECKING:
    from typing_extensions import Self

#: Options that are off by default.
SWITCHES = ("allow_unrenderable", "delete_orphans")


class TintypeImageField(models.ImageField):
    """An ImageField with columns for what the service knows of the image.

    `width_field` and `height_field` are those of the upright image. `version_field` makes URLs that
    may be cached for ever, and marks rows whose last change has not reached the service: until then
    it is empty. `placeholder_field` holds a ThumbHash in base64, and `rights_field`, a JSON column,
    who made the image and on what terms it may be used. `focal_field`, a text such as
    `0.35x0.6`, and `crops_field`, a JSON column, are written by editors.

    Forms refuse images that the service cannot show (too many pixels, damaged, or in an unsupported
    format); with `allow_unrenderable` they are accepted with a warning.

    A file that was replaced, or whose row was deleted, stays and stays public, as with Django's own
    fields; with `delete_orphans` it is deleted after the transaction, unless another row of the
    field names it.
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
        rights_field: str | None = None,
        focal_field: str | None = None,
        crops_field: str | None = None,
        allow_unrenderable: bool = False,
        delete_orphans: bool = False,
        **kwargs: Any,
    ) -> None:
        self.version_field = version_field
        self.placeholder_field = placeholder_field
        self.rights_field = rights_field
        self.focal_field = focal_field
        self.crops_field = crops_field
        self.allow_unrenderable = allow_unrenderable
        self.delete_orphans = delete_orphans
        super().__init__(verbose_name, name, width_field, height_field, **kwargs)

    #: Made once the field knows its name.
    _lifecycle: Lifecycle | None = None

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for option in (*FACTS[2:], *MARKS):
            if column := getattr(self, option):
                kwargs[option] = column
        for option in SWITCHES:
            if getattr(self, option):
                kwargs[option] = True
        # The public path, so that migrations outlive moves of this module.
        return name, path.replace(f"{__name__}.", "django_tintype."), args, kwargs

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        return [*super().check(**kwargs), *check_columns(self)]

    def _check_image_library_installed(self) -> Sequence[checks.CheckMessage]:
        if self.is_in_tintype:
            return [*check_pillow(self)]
        found: Sequence[checks.CheckMessage] = super()._check_image_library_installed()  # type: ignore[misc]
        return found

    def formfield(self, **kwargs: Any) -> Any:
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

    def update_dimension_fields(
        self, instance: Any, force: bool = False, *args: Any, **kwargs: Any
    ) -> None:
        # Django would open the file of each row that is loaded without dimensions.
        if not self.is_in_tintype:
            super().update_dimension_fields(instance, force, *args, **kwargs)

    def watch(self, model: type[models.Model]) -> None:
        """Called once for each model that has the field."""
        for name, validate in (
            (self.focal_field, validate_focal),
            (self.crops_field, validate_crops),
        ):
            with suppress(FieldDoesNotExist):  # reported by the check of the columns
                column = name and cast("models.Field[Any, Any]", model._meta.get_field(name))
                if column and validate not in column.validators:
                    column.validators.append(validate)
        # Models inherit a copy of a field, which refers to the lifecycle of the original.
        if self._lifecycle is None or self._lifecycle.field is not self:
            self._lifecycle = Lifecycle(self)
        self._lifecycle.watch(model)


@receiver(signals.class_prepared)
def _watch(sender: type[models.Model], **kwargs: Any) -> None:
    """Proxies and children too, since signals have a sender of their own for each."""
    if not sender._meta.abstract:
        for field in sender._meta.fields:
            if isinstance(field, TintypeImageField):
                field.watch(sender)
