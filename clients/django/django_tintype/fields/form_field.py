"""The form field of a `TintypeImageField`."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import FileExtensionValidator

from ..api.limits import Limits, limits
from ..storages.tintype import TintypeStorage
from .judgement import find_trouble, find_trouble_with_pillow, in_words

#: Extensions of images. The content is checked too.
EXTENSIONS = [
    *("jpg", "jpeg", "jpe", "jfif", "png", "gif", "webp", "bmp", "dib", "tif", "tiff"),
    *("heic", "heif", "avif", "jxl", "jp2", "j2k", "psd", "ico"),
]
_ANY = "image/*"


def validate_picture_extension(value: Any) -> None:
    """Like Django's own, without a list that depends on Pillow."""
    FileExtensionValidator(EXTENSIONS)(value)


class TintypeImageFormField(forms.ImageField):
    """Checks type and size before the upload. If the form uploads while it validates, the service
    decides the rest; otherwise Pillow does, if it is installed."""

    default_validators = [validate_picture_extension]  # noqa: RUF012 - Django's way to write it

    #: The target, whose limits apply.
    storage: TintypeStorage | None = None
    #: Whether images that cannot be shown are accepted, with a warning.
    allow_unrenderable = False
    #: Whether the form uploads the file during validation.
    is_judged_by_service = False

    def limits(self, *, ask: bool = False) -> Limits | None:
        return None if self.storage is None else limits(self.storage.client, ask=ask)

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        # An empty form may wait for the limits; a submitted one uses those that are cached.
        known = self.limits(ask=not form.is_bound)
        if known and not self.allow_unrenderable and self.widget.attrs.get("accept") == _ANY:
            self.widget.attrs["accept"] = ",".join(known.taken)
        return super().get_bound_field(form, field_name)

    def to_python(self, data: Any) -> Any:
        file = forms.FileField.to_python(self, data)
        if file is None:
            return None
        known = self.limits()
        trouble = find_trouble(file, known)
        if trouble is None and not self.is_judged_by_service:
            trouble = find_trouble_with_pillow(file)
        if trouble and not self.allow_unrenderable:
            raise forms.ValidationError(in_words(trouble, known), code=trouble.code)
        return file
