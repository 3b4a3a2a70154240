"""System checks of a `TintypeImageField`: whether its columns exist and fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from .columns import TEXT, column_of

if TYPE_CHECKING:
    from .field import TintypeImageField

#: The types of each column, its minimal length, and an example.
_NEEDS: dict[str, tuple[tuple[type[models.Field], ...], int, str]] = {  # type: ignore[type-arg]
    "width_field": ((models.IntegerField,), 0, "PositiveIntegerField(null=True, editable=False)"),
    "height_field": ((models.IntegerField,), 0, "PositiveIntegerField(null=True, editable=False)"),
    "version_field": (TEXT, 16, "CharField(max_length=16, blank=True, editable=False)"),
    "placeholder_field": (TEXT, 36, "CharField(max_length=40, blank=True, editable=False)"),
    "rights_field": ((models.JSONField,), 0, "JSONField(default=dict, editable=False)"),
    "focal_field": (TEXT, 17, "CharField(max_length=20, blank=True)"),
    "crops_field": ((models.JSONField,), 0, "JSONField(default=dict, blank=True)"),
}


def check_pillow(field: TintypeImageField) -> Iterator[CheckMessage]:
    try:
        import PIL  # noqa: F401
    except ImportError:
        yield Warning(
            "Pillow is not installed: a form with Django's own field for images (forms.ImageField) "
            "refuses every file, with an empty list of extensions",
            hint="pip install pillow; neither a save nor the form field that belongs to "
            "TintypeImageField needs it",
            obj=field,
            id="tintype.W022",
        )


def check_columns(field: TintypeImageField) -> Iterator[CheckMessage]:
    for option, (kinds, room, example) in _NEEDS.items():
        name = column_of(field, option)
        if name is None:
            continue
        write = f"write {name} = models.{example}"
        try:
            column = field.model._meta.get_field(name)
        except FieldDoesNotExist:
            yield Error(
                f"{option} is {name!r}, which is no field of {field.model.__name__}",
                hint=write,
                obj=field,
                id="tintype.E020",
            )
            continue
        length = getattr(column, "max_length", None)
        if not isinstance(column, kinds) or (length is not None and length < room):
            yield Error(
                f"{option} is {name!r}, which cannot hold it",
                hint=write,
                obj=field,
                id="tintype.E021",
            )
    if not (field.width_field and field.height_field):
        yield Warning(
            "without width_field and height_field, pages cannot state the size of the image, and "
            "tags write no srcset",
            hint="add both columns, and run manage.py tintype_fill_dimensions",
            obj=field,
            id="tintype.W020",
        )
    if (field.focal_field or field.crops_field) and not field.version_field:
        yield Warning(
            "without version_field, browsers keep the old crop for a while after the focal point "
            "changes, and a change that the service missed cannot be found again",
            hint="add version_field='version' and "
            "version = models.CharField(max_length=16, blank=True, editable=False)",
            obj=field,
            id="tintype.W021",
        )
