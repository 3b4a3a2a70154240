from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("pending/", include("django_tintype.deferred_urls")),
]
