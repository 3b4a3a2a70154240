"""URLs of files that have not reached the service yet: include this in the URLconf.

A page may be viewed after one of its files was moved, so the URL keeps working, as a redirect.
"""

from __future__ import annotations

import mimetypes

from django.core.exceptions import SuspiciousFileOperation
from django.http import FileResponse, Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from .delivery.url import original_url
from .storages.deferred import signature
from .storages.folder import folder

#: Types that may be shown inline on the site's own origin. Everything else is a download.
SHOWN = frozenset(("image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"))


@require_safe
def pending(request: HttpRequest, given: str, key: str) -> HttpResponseBase:
    if not constant_time_compare(given, signature(key)):
        raise Http404
    try:
        waiting = folder()
        if waiting.is_deleted(key):
            raise Http404
        file = waiting.path(key).open("rb")
    except (FileNotFoundError, NotADirectoryError):
        redirect = HttpResponseRedirect(original_url(key))
        redirect["Cache-Control"] = "private, no-store"
        return redirect
    except SuspiciousFileOperation:
        raise Http404 from None
    kind = mimetypes.guess_type(key)[0]
    response = FileResponse(file, as_attachment=kind not in SHOWN)
    response["Cache-Control"] = "private, no-store"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return response


urlpatterns = [path("<str:given>/<path:key>", pending, name="tintype-pending")]
