from django.db import models
from django.urls import reverse

from django_tintype import TintypeImageField


class Photo(models.Model):
    title = models.CharField(max_length=100)
    image = TintypeImageField(
        upload_to="photos/%Y",
        width_field="width",
        height_field="height",
        version_field="version",
        placeholder_field="placeholder",
        focal_field="focal_point",
    )
    focal_point = models.CharField(
        max_length=20, blank=True, help_text="What every cut keeps, such as 0.35x0.6."
    )
    width = models.PositiveIntegerField(null=True, editable=False)
    height = models.PositiveIntegerField(null=True, editable=False)
    version = models.CharField(max_length=16, blank=True, editable=False)
    placeholder = models.CharField(max_length=40, blank=True, editable=False)
    added = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-added",)

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("photo", args=[self.pk])
