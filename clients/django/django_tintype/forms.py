"""Forms with a `TintypeImageField`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.core.exceptions import PermissionDenied
from django.forms.models import InlineForeignKeyField
from django.utils.translation import gettext_lazy as _

from .api.errors import TintypeError, TintypeRejected
from .api.limits import limits
from .api.trouble import Trouble
from .fields import TintypeImageField
from .fields.form_field import TintypeImageFormField as TintypeImageFormField
from .fields.judgement import in_words, sniffed
from .storages.tintype import TintypeStorage

if TYPE_CHECKING:
    from .api.records import Record

    _ModelForm = forms.ModelForm[Any]
else:
    _ModelForm = object

logger = logging.getLogger("django_tintype")


class UploadWhileValidating(_ModelForm):
    """A base class to put before ModelForm: if the service is unavailable, or refuses or cannot
    show a file, that becomes an error of the form rather than of `save()`, where it could not be
    shown.

    Files are uploaded once everything else is valid. A file whose form is never saved is an
    original without a row, which `tintype_orphans` finds.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Warnings about images that were accepted: the names of fields, and sentences.
        self.picture_warnings: list[tuple[str, str]] = []
        for field in self.fields.values():
            if isinstance(field, TintypeImageFormField):
                field.is_judged_by_service = True

    def full_clean(self) -> None:
        super().full_clean()
        if not self.is_bound or self.errors or self.cleaned_data.get("DELETE"):
            return
        for field in self.instance._meta.concrete_fields:
            if not isinstance(field, TintypeImageField) or field.name not in self.changed_data:
                continue
            file = getattr(self.instance, field.attname)
            if not file or file._committed or not field.is_in_tintype:
                continue
            if callable(field.upload_to) and self._has_new_parent():
                # `upload_to` may need what the parent gets when it is saved.
                continue
            self._upload(field, file)

    def _upload(self, field: TintypeImageField, file: Any) -> None:
        content = file.file
        try:
            file.save(file.name, content, save=False)
        except TintypeRejected as error:
            self.add_error(field.name, _refused(error, content, field))
        except TintypeError as error:
            logger.error("%s could not be uploaded: %s", field, error)
            self.add_error(
                field.name,
                forms.ValidationError(
                    _("The picture cannot be stored at the moment. Please try again."),
                    code="unavailable",
                ),
            )
        else:
            if file.uploaded and file.uploaded.trouble:
                self._judge(field, file.uploaded, file.uploaded.trouble)

    def _judge(self, field: TintypeImageField, record: Record, trouble: Trouble) -> None:
        storage = cast(TintypeStorage, field.storage)
        text = in_words(trouble, limits(storage.client, ask=False))
        if not trouble.is_fatal or field.allow_unrenderable:
            self.warn(field.name, text)
            return
        self.add_error(field.name, forms.ValidationError(text, code=trouble.code))
        try:
            storage.client.delete(record.key, if_match=record.etag)
        except (TintypeError, OSError, PermissionDenied) as error:
            logger.warning("%s, which cannot be shown, is left as an orphan: %s", record.key, error)

    def warn(self, name: str, text: str) -> None:
        """Called for an image that is accepted all the same."""
        self.picture_warnings.append((name, text))

    def _has_new_parent(self) -> bool:
        """Whether this form belongs to an inline of a row that is being added too."""
        return any(
            isinstance(field, InlineForeignKeyField) and field.parent_instance.pk is None
            for field in self.fields.values()
        )


def _refused(
    error: TintypeRejected, content: Any, field: TintypeImageField
) -> forms.ValidationError:
    """The service's refusal, worded for an editor."""
    known = limits(cast(TintypeStorage, field.storage).client, ask=False)
    if error.code not in ("too-large", "type-not-allowed"):
        return forms.ValidationError(error.detail, code=error.code)
    limit = known.max_upload_bytes if known else None
    trouble = Trouble(error.code, sniffed(content), limit=limit)
    return forms.ValidationError(in_words(trouble, known), code=error.code)
