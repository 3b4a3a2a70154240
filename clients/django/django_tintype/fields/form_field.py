"""The form field of a `TintypeImageField`."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import FileExtensionValidator

from ..api.limits import Limits, limits
from ..storages.tintype import TintypeStorage
from .judgement import in_words, judged_by_pillow, look

#: What pictures are called: what is in them is looked at besides.
EXTENSIONS = [
    *("jpg", "jpeg", "jpe", "jfif", "png", "gif", "webp", "bmp", "dib", "tif", "tiff"),
    *("heic", "heif", "avif", "jxl", "jp2", "j2k", "psd", "ico"),
]
_ANY = "image/*"


def validate_picture_extension(value: Any) -> None:
    """As Django's, without a list that depends on Pillow."""
    FileExtensionValidator(EXTENSIONS)(value)


class TintypeImageFormField(forms.ImageField):
    """Says before an upload what can be told of a file then: its kind, its size. Where the form is
    one that uploads while it validates, the rest is for the service to say; else Pillow looks, if
    it is installed."""

    default_validators = [validate_picture_extension]  # noqa: RUF012 - Django's way to write it

    #: Where the file goes, which is asked for what it takes.
    storage: TintypeStorage | None = None
    #: Whether a picture that cannot be shown is taken all the same, with a warning.
    allow_unrenderable = False
    #: Whether the form uploads the file while it is validated.
    is_judged_by_service = False

    def limits(self, *, ask: bool = False) -> Limits | None:
        return None if self.storage is None else limits(self.storage.client, ask=ask)

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        # The service is asked for a form that is about to be filled in; one that comes back has
        # what was known then.
        known = self.limits(ask=not form.is_bound)
        if known and not self.allow_unrenderable and self.widget.attrs.get("accept") == _ANY:
            self.widget.attrs["accept"] = ",".join(known.taken)
        return super().get_bound_field(form, field_name)

    def to_python(self, data: Any) -> Any:
        file = forms.FileField.to_python(self, data)
        if file is None:
            return None
        known = self.limits()
        trouble = look(file, known)
        if trouble is None and not self.is_judged_by_service:
            trouble = judged_by_pillow(file)
        if trouble and not self.allow_unrenderable:
            raise forms.ValidationError(in_words(trouble, known), code=trouble.code)
        return file
