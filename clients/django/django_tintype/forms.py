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
    """For a ModelForm, before it: what the service refuses, or cannot show, and that it is away,
    are errors of the form, rather than of `save()`, where nobody can show them.

    Files are uploaded once everything else is valid. What is never saved after that is an original
    without a row, which `tintype_orphans` finds.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: What a person is to know of pictures that were taken: the names of fields, and sentences.
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
                # The name may be made of what the parent gets when it is saved.
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
        """Of a picture that is taken all the same."""
        self.picture_warnings.append((name, text))

    def _has_new_parent(self) -> bool:
        """Whether this is a form of an inline, on a page that adds the row above it as well."""
        return any(
            isinstance(field, InlineForeignKeyField) and field.parent_instance.pk is None
            for field in self.fields.values()
        )


def _refused(
    error: TintypeRejected, content: Any, field: TintypeImageField
) -> forms.ValidationError:
    """What the service did not take, for an editor."""
    known = limits(cast(TintypeStorage, field.storage).client, ask=False)
    if error.code not in ("too-large", "type-not-allowed"):
        return forms.ValidationError(error.detail, code=error.code)
    limit = known.max_upload_bytes if known else None
    trouble = Trouble(error.code, sniffed(content), limit=limit)
    return forms.ValidationError(in_words(trouble, known), code=error.code)
