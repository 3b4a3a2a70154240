from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from django_tintype.conf import settings

from .forms import PhotoForm
from .models import Photo

PER_PAGE = 24


def gallery(request: HttpRequest) -> HttpResponse:
    page = Paginator(Photo.objects.all(), PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "photos/gallery.html", {"page": page})


def upload(request: HttpRequest) -> HttpResponse:
    form = PhotoForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        photo = form.save()
        messages.success(request, f"{photo} is there.")
        return redirect(photo)
    return render(request, "photos/upload.html", {"form": form})


def detail(request: HttpRequest, pk: int) -> HttpResponse:
    photo = get_object_or_404(Photo, pk=pk)
    cuts = settings().presets.items()
    return render(request, "photos/detail.html", {"photo": photo, "cuts": cuts})
