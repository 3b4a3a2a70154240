"""Forms with a `TintypeImageField`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django import forms
from django.forms.models import InlineForeignKeyField
from django.utils.translation import gettext_lazy as _

from .errors import TintypeError, TintypeRejected

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Any]
else:
    _ModelForm = object

logger = logging.getLogger("django_tintype")


class TintypeImageFormField(forms.ImageField):
    """Pillow judges the upload, which is at hand, where it is installed. Without it the service
    does, when the file is saved."""

    def to_python(self, data: Any) -> Any:
        try:
            import PIL  # noqa: F401
        except ImportError:
            return forms.FileField.to_python(self, data)
        return super().to_python(data)


class UploadWhileValidating(_ModelForm):
    """For a ModelForm, before it: what the service refuses, and that it is away, are errors of the
    form, rather than of `save()`, where nobody can show them.

    Files are uploaded once everything else is valid. What is never saved after that is an original
    without a row, which `tintype_orphans` finds.
    """

    def full_clean(self) -> None:
        super().full_clean()
        if not self.is_bound or self.errors or self.cleaned_data.get("DELETE"):
            return
        from .fields import TintypeImageField

        for field in self.instance._meta.concrete_fields:
            if not isinstance(field, TintypeImageField) or field.name not in self.changed_data:
                continue
            file = getattr(self.instance, field.attname)
            if not file or file._committed or not field.is_in_tintype:
                continue
            if callable(field.upload_to) and self._has_new_parent():
                # The name may be made of what the parent gets when it is saved.
                continue
            try:
                file.save(file.name, file.file, save=False)
            except TintypeRejected as error:
                self.add_error(field.name, forms.ValidationError(error.detail, code=error.code))
            except TintypeError as error:
                logger.error("%s could not be uploaded: %s", field, error)
                self.add_error(
                    field.name,
                    forms.ValidationError(
                        _("The picture cannot be stored at the moment. Please try again."),
                        code="unavailable",
                    ),
                )

    def _has_new_parent(self) -> bool:
        """Whether this is a form of an inline, on a page that adds the row above it as well."""
        return any(
            isinstance(field, InlineForeignKeyField) and field.parent_instance.pk is None
            for field in self.fields.values()
        )
