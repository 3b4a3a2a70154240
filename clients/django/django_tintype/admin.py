"""For Django's admin: an image in the form and in the list, and a picker for the focal point.

class PhotoAdmin(TintypeAdminMixin, admin.ModelAdmin):
    list_display = [thumbnail("image"), "title"]
"""

from __future__ import annotations

from collections.abc import Callable
from posixpath import basename
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.admin import display
from django.contrib.admin.options import BaseModelAdmin
from django.contrib.admin.widgets import AdminFileWidget
from django.db import models
from django.http import HttpRequest, HttpResponseBadRequest
from django.utils.text import capfirst

from . import takedown
from .fields import TintypeImageField
from .forms import UploadWhileValidating
from .html.pictures import tt_img
from .widgets import TintypeImageInput

#: The header of a form that `progress.js` sends, and the last of its fields.
PROGRESS, END = "Tintype-Progress", "tintype-end"

if TYPE_CHECKING:
    _Admin = BaseModelAdmin[Any]
else:
    _Admin = object


class AdminTintypeImageInput(TintypeImageInput):
    input_template_name = AdminFileWidget.template_name


class TintypeAdminMixin(_Admin):
    """For a ModelAdmin or an inline: each `TintypeImageField` shows its image, and the picker if
    the form also has the field for the focal point. What the service refuses is an error of the
    form.

    On a change form of a ModelAdmin the picker also shows how much of a file has been uploaded.
    """

    # A ModelAdmin has one of them, an inline the other.

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return _uploading(super().get_form(request, *args, **kwargs), request)  # type: ignore[misc]

    def get_formset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        formset = super().get_formset(request, *args, **kwargs)  # type: ignore[misc]
        formset.form = _uploading(formset.form, request)
        return formset

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        form = super().get_changelist_form(request, **kwargs)  # type: ignore[misc]
        return _uploading(form, request)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if PROGRESS in request.headers and END not in request.POST:
            # Django accepts a truncated form as complete.
            return HttpResponseBadRequest("the form is truncated")
        response = super().changeform_view(request, *args, **kwargs)  # type: ignore[misc]
        if PROGRESS in request.headers and response.has_header("Location"):
            # A script cannot see a redirect, and the page behind it shows its messages only once.
            response.status_code = 200
        return response

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        context["media"] += forms.Media(js=["django_tintype/progress.js"])
        response = super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc]
        if PROGRESS in request.headers:
            response["Tintype-Form"] = "shown again"
        return response

    def _get_base_actions(self, *args: Any, **kwargs: Any) -> Any:
        # Not `actions`, which a ModelAdmin sets to its own, nor `get_actions`, whose signature and
        # result differ between versions of Django.
        found = [*super()._get_base_actions(*args, **kwargs)]  # type: ignore[misc]
        if takedown.fields_of(self.model):
            ours = (self.get_action(one, *args, **kwargs) for one in takedown.ACTIONS)  # type: ignore[attr-defined]
            found += filter(None, ours)
        return found

    def has_takedown_permission(self, request: HttpRequest) -> bool:
        """Whether this user may block images for everybody. The token also needs the scope
        `takedown`."""
        return self.has_change_permission(request)

    def formfield_for_dbfield(
        self, db_field: models.Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        is_ours = isinstance(db_field, TintypeImageField)
        if is_ours and not self.formfield_overrides.get(TintypeImageField):
            kwargs.setdefault("widget", AdminTintypeImageInput)
        return super().formfield_for_dbfield(db_field, request, **kwargs)


def _uploading(form: Any, request: HttpRequest) -> Any:
    # A form of the site may be one already.
    bases = (form,) if issubclass(form, UploadWhileValidating) else (UploadWhileValidating, form)

    def warn(self: UploadWhileValidating, name: str, text: str) -> None:
        bases[0].warn(self, name, text)
        label = self.fields[name].label or name
        messages.warning(request, f"{label}: {text}", fail_silently=True)

    return type(form.__name__, bases, {"__module__": form.__module__, "warn": warn})


def thumbnail(
    field: str, *, width: int = 80, height: int = 60, description: str | None = None
) -> Callable[[models.Model], Any]:
    """A column for `list_display`. It costs neither a query nor a request from Django."""

    @display(description=description or capfirst(field.replace("_", " ")), empty_value="-")
    def show(row: models.Model) -> Any:
        file = getattr(row, field)
        if not file:
            return None
        # If the column links to the form, this is the link's only text.
        return str(tt_img(file, w=width, h=height, fit="cover", alt=basename(file.name)))

    show.__name__ = f"{field}_thumbnail"
    return show
