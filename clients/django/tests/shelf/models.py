from django.db import models


class Document(models.Model):
    file = models.FileField(upload_to="documents", max_length=100, blank=True)


class Photo(models.Model):
    """Dimensions in columns, as Django has them."""

    image = models.ImageField(
        upload_to="photos", width_field="width", height_field="height", blank=True
    )
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
