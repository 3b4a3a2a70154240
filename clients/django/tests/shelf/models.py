from django.db import models

from django_tintype import TintypeImageField


class Document(models.Model):
    file = models.FileField(upload_to="documents", max_length=100, blank=True)


class Photo(models.Model):
    """Dimensions in columns, as with Django's own field."""

    image = models.ImageField(
        upload_to="photos", width_field="width", height_field="height", blank=True
    )
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)


class Figure(models.Model):
    """Everything that the service knows, in columns."""

    image = TintypeImageField(
        upload_to="figures",
        width_field="width",
        height_field="height",
        version_field="version",
        placeholder_field="placeholder",
        rights_field="rights",
        focal_field="focal",
    )
    width = models.PositiveIntegerField(null=True, editable=False)
    height = models.PositiveIntegerField(null=True, editable=False)
    version = models.CharField(max_length=16, blank=True, editable=False)
    placeholder = models.CharField(max_length=40, blank=True, editable=False)
    rights = models.JSONField(default=dict, editable=False)
    focal = models.CharField(max_length=20, blank=True)
