from typing import Any

from django.core.files.storage import FileSystemStorage, Storage
from django.db import models

from django_tintype import DeferredTintypeStorage, TintypeImageField


class Album(models.Model):
    title = models.CharField(max_length=50)


class Picture(models.Model):
    """Some columns come before the image and some after it, which must make no difference."""

    album = models.ForeignKey(Album, models.CASCADE, null=True, blank=True)
    title = models.CharField(max_length=50, blank=True)
    width = models.PositiveIntegerField(null=True, editable=False)
    version = models.CharField(max_length=16, blank=True, editable=False)
    focal = models.CharField(max_length=20, blank=True)
    image = TintypeImageField(
        upload_to="pictures",
        blank=True,
        width_field="width",
        height_field="height",
        version_field="version",
        placeholder_field="placeholder",
        focal_field="focal",
        crops_field="crops",
    )
    height = models.PositiveIntegerField(null=True, editable=False)
    placeholder = models.CharField(max_length=40, blank=True, editable=False)
    crops = models.JSONField(default=dict, blank=True)


class PictureProxy(Picture):
    class Meta:
        proxy = True


class Poster(Picture):
    price = models.IntegerField(default=0)


class Chapter(models.Model):
    chapter_id = models.BigAutoField(primary_key=True)


class Scan(Chapter, Picture):
    """Its primary key is that of its first parent, not that of the picture."""


class Bare(models.Model):
    image = TintypeImageField(upload_to="bare")


class Tidy(models.Model):
    """Files that no row names any more are deleted."""

    title = models.CharField(max_length=50, blank=True)
    image = TintypeImageField(
        upload_to="tidy", blank=True, delete_orphans=True, default="tidy/none.jpg"
    )


class TidyChild(Tidy):
    price = models.IntegerField(default=0)


class Defaulted(models.Model):
    """The database has defaults for columns that are not written."""

    focal = models.CharField(max_length=20, blank=True, db_default="")
    crops = models.JSONField(
        blank=True, db_default=models.Value({}, output_field=models.JSONField())
    )
    version = models.CharField(max_length=16, blank=True, db_default="")
    image = TintypeImageField(
        upload_to="defaulted",
        blank=True,
        width_field="width",
        height_field="height",
        version_field="version",
        focal_field="focal",
        crops_field="crops",
    )
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)


class OnDisk(models.Model):
    """An image in another storage than tintype's."""

    image = TintypeImageField(
        storage=FileSystemStorage(), upload_to="disk", width_field="width", height_field="height"
    )
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)


def later(**options: Any) -> Storage:
    return DeferredTintypeStorage()


class Later(models.Model):
    """Uploads that are moved to the service later."""

    image = TintypeImageField(
        storage=later,
        upload_to="later",
        width_field="width",
        height_field="height",
        version_field="version",
        focal_field="focal",
    )
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    version = models.CharField(max_length=16, blank=True)
    focal = models.CharField(max_length=20, blank=True)
