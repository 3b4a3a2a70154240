"""The columns that a `TintypeImageField` names in its options, and their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.db import models

from ..api.records import Record

if TYPE_CHECKING:
    from .field import TintypeImageField

#: Options that name a column for what the service finds out, and for what editors enter.
FACTS = ("width_field", "height_field", "version_field", "placeholder_field", "rights_field")
MARKS = ("focal_field", "crops_field")

TEXT = (models.CharField, models.TextField)


def column_of(field: models.Field[Any, Any], option: str) -> str | None:
    """The name of a column, from the option. Other image fields have some of the options."""
    return getattr(field, option, None) or None


def columns_of(field: models.Field[Any, Any], options: tuple[str, ...]) -> list[str]:
    return [column for option in options if (column := column_of(field, option))]


def pk_of(field: TintypeImageField, instance: models.Model) -> Any:
    """The primary key of the row that has the columns. A child of several models has another
    one."""
    return getattr(instance, cast("models.Field[Any, Any]", field.model._meta.pk).attname)


def name_of(value: Any) -> str | None:
    """The name of a file, from the file or from the column."""
    return str(getattr(value, "name", value) or "") or None


def empty_value(field: TintypeImageField, name: str) -> Any:
    """The empty value of a column."""
    column = field.model._meta.get_field(name)
    if column.null:
        return None
    if isinstance(column, models.JSONField):
        return {}
    return "" if isinstance(column, TEXT) else 0


def facts(field: TintypeImageField, record: Record) -> dict[str, Any]:
    """The columns for facts, filled from a record."""
    image = record.image
    values = {
        "width_field": image and image.width,
        "height_field": image and image.height,
        "version_field": record.version,
        # None for a while under load: the image is decoded later.
        "placeholder_field": image and image.thumbhash,
        "rights_field": record.rights and dict(record.rights),
    }
    named = {column_of(field, option): value for option, value in values.items()}
    return {name: value or empty_value(field, name) for name, value in named.items() if name}


def writes(update_fields: frozenset[str] | None, name: str | None) -> bool:
    """Whether a save with these `update_fields` writes a column."""
    return bool(name) and (update_fields is None or name in update_fields)
