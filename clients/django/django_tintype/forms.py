"""The form field of a `TintypeImageField`."""

from __future__ import annotations

from typing import Any

from django import forms


class TintypeImageFormField(forms.ImageField):
    """Pillow judges the upload, which is at hand, where it is installed. Without it the service
    does, when the file is saved."""

    def to_python(self, data: Any) -> Any:
        try:
            import PIL  # noqa: F401
        except ImportError:
            return forms.FileField.to_python(self, data)
        return super().to_python(data)
