from django import forms

from django_tintype.forms import UploadWhileValidating
from django_tintype.widgets import TintypeImageInput

from .models import Photo


class PhotoForm(UploadWhileValidating, forms.ModelForm):
    class Meta:
        model = Photo
        fields = ("title", "image", "focal_point")
        widgets = {"image": TintypeImageInput}  # noqa: RUF012 - Django's way to write it
