from django.contrib import admin

from django_tintype.admin import TintypeAdminMixin, thumbnail

from .models import Photo


@admin.register(Photo)
class PhotoAdmin(TintypeAdminMixin, admin.ModelAdmin):
    list_display = (thumbnail("image"), "title", "focal_point", "added")
    list_display_links = ("title",)
    search_fields = ("title",)
