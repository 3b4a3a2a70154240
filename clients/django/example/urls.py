from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path
from photos import views


def no_icon(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204)


urlpatterns = [
    path("", views.gallery, name="gallery"),
    path("upload/", views.upload, name="upload"),
    path("photos/<int:pk>/", views.detail, name="photo"),
    path("admin/", admin.site.urls),
    path("favicon.ico", no_icon),
]
