"""Admin actions that block images for everybody, and show them again.

The service keeps a block by key and by content, with a reason and an actor. It outlives the file
and the row, so the reason should make sense years later.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.admin import action, helpers
from django.core.exceptions import PermissionDenied, SuspiciousFileOperation
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from .api.errors import TintypeError
from .fields import TintypeImageField

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("Kept with the block, such as “court order” or “licence ended”."),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60}),
    )


def fields_of(model: Any) -> list[TintypeImageField]:
    fields = model._meta.concrete_fields
    return [f for f in fields if isinstance(f, TintypeImageField) and f.is_in_tintype]


@action(
    permissions=["takedown"],
    description=_("Take down pictures of selected %(verbose_name_plural)s"),
)
def tintype_take_down(admin: ModelAdmin[Any], request: HttpRequest, rows: QuerySet[Any]) -> Any:
    """Asks for the reason first."""
    form = ReasonForm(request.POST if "reason" in request.POST else None)
    if form.is_valid():
        state = {"name": "blocked", "reason": form.cleaned_data["reason"]}
        done = _change(admin, request, rows, state)
        text = ngettext("%d picture was taken down.", "%d pictures were taken down.", done)
        if done:
            admin.message_user(request, text % done, messages.SUCCESS)
        return None
    context = {
        **admin.admin_site.each_context(request),
        "title": _("Take down pictures"),
        "opts": admin.opts,
        "rows": [(row, [getattr(row, f.name) for f in fields_of(admin.model)]) for row in rows],
        "form": form,
        "action": tintype_take_down.__name__,
        "action_checkbox_name": helpers.ACTION_CHECKBOX_NAME,
        "media": admin.media,
    }
    return TemplateResponse(request, "django_tintype/take_down.html", context)


@action(
    permissions=["takedown"],
    description=_("Show pictures of selected %(verbose_name_plural)s again"),
)
def tintype_show_again(admin: ModelAdmin[Any], request: HttpRequest, rows: QuerySet[Any]) -> Any:
    done = _change(admin, request, rows, {"name": "public"})
    text = ngettext("%d picture is shown again.", "%d pictures are shown again.", done)
    if done:
        admin.message_user(request, text % done, messages.SUCCESS)


def _change(
    admin: ModelAdmin[Any], request: HttpRequest, rows: QuerySet[Any], state: dict[str, str]
) -> int:
    done = 0
    for row, file in _files(admin, rows):
        storage = file.storage
        try:
            key = storage.key(file.name)
            storage.client.patch(key, {"state": state}, actor=request.user.get_username())
        except (TintypeError, OSError, PermissionDenied, SuspiciousFileOperation) as error:
            text = _("%(row)s was left as it is: %(error)s") % {"row": row, "error": error}
            admin.message_user(request, text, messages.ERROR)
        else:
            done += 1
            said = f"{state['name']}: {state.get('reason', '')}".rstrip(": ")
            admin.log_change(request, row, f"{file.field.verbose_name}: {said}")
    return done


def _files(admin: ModelAdmin[Any], rows: QuerySet[Any]) -> Iterator[tuple[Any, Any]]:
    for row in rows:
        for field in fields_of(admin.model):
            if file := getattr(row, field.name):
                yield row, file


ACTIONS = (tintype_take_down, tintype_show_again)
