from typing import TYPE_CHECKING

from django.contrib import admin

from django_tintype.admin import TintypeAdminMixin, thumbnail
from tests.gallery.models import Album, Picture

if TYPE_CHECKING:
    # Generic in their stubs alone.
    PictureOptions = admin.ModelAdmin[Picture]
    AlbumOptions = admin.ModelAdmin[Album]
    InlineOptions = admin.TabularInline[Picture, Album]
else:
    PictureOptions = AlbumOptions = admin.ModelAdmin
    InlineOptions = admin.TabularInline


@admin.register(Picture)
class PictureAdmin(TintypeAdminMixin, PictureOptions):
    list_display = (thumbnail("image"), "title")
    list_display_links = ("title",)
    fields = ("title", "image", "focal")


class PictureInline(TintypeAdminMixin, InlineOptions):
    model = Picture
    fields = ("image", "focal")
    extra = 0


@admin.register(Album)
class AlbumAdmin(AlbumOptions):
    inlines = (PictureInline,)
