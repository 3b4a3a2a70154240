"""A file input that shows the image, moves the focal point, and previews the crops of the presets.

All of it is one custom element, `<tintype-focal>`: no inline script or style, and nothing to set up
when a formset adds a form. Without JavaScript the image is shown, and the focal point remains a
text input.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.db.models.fields.files import FieldFile

from . import conf
from .delivery.source import Source
from .delivery.spec import Spec
from .delivery.url import url
from .html.rights import credit_line

#: Large enough for the picker on a screen with two pixels per CSS pixel.
PREVIEW_WIDTH = 960


class TintypeImageInput(forms.ClearableFileInput):
    template_name = "django_tintype/image_input.html"
    #: The input below the image.
    input_template_name = forms.ClearableFileInput.template_name

    class Media:
        css = {"all": ["django_tintype/focal.css"]}  # noqa: RUF012 - Django's way to write it
        js = [  # noqa: RUF012 - in this order
            "django_tintype/fields.js",
            "django_tintype/cuts.js",
            "django_tintype/focal.js",
        ]

    #: Names of the fields for image, focal point and named cuts, without the prefix of the form.
    image_name: str | None = None
    focal_name: str | None = None
    crops_name: str | None = None

    def show(self, image_name: str, focal_name: str | None, crops_name: str | None = None) -> None:
        """Set by `TintypeImageField.formfield`."""
        self.image_name, self.focal_name = image_name, focal_name
        self.crops_name = crops_name

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["tintype"] = {
            "image_name": self.image_name,
            "focal_name": self.focal_name,
            "crops_name": self.crops_name,
            "input_template_name": self.input_template_name,
            "preview": preview_url(value),
            "credit": known_credit(value),
            "crops": list(previewed_crops()) if self.focal_name else [],
        }
        return context


def preview_url(value: Any) -> str | None:
    """The whole image, in one size for every preview."""
    if not isinstance(value, FieldFile) or not value or not getattr(value, "_committed", True):
        return None
    return url(value, Spec(w=PREVIEW_WIDTH))


def known_credit(value: Any) -> str:
    """As the row knows it."""
    if not isinstance(value, FieldFile) or not value or not getattr(value, "_committed", True):
        return ""
    return credit_line(Source.of(value).rights)


def previewed_crops() -> Iterator[dict[str, Any]]:
    """The presets whose crop follows the focal point, unless they are hidden."""
    settings = conf.settings()
    for name, text in settings.presets.items():
        if name in settings.unpicked:
            continue
        spec = Spec.parse(text)
        turned = (spec.g, spec.crop, spec.rot, spec.flip)
        if spec.fit == "cover" and spec.w and spec.h and not any(turned):
            label = settings.preset_labels.get(name, name)
            yield {"name": name, "label": label, "width": spec.w, "height": spec.h}
