"""What browsers may load: this site, and images of the media server."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from django_tintype.conf import settings

Respond = Callable[[HttpRequest], HttpResponse]


def content_security_policy(get_response: Respond) -> Respond:
    policy = "; ".join(
        [
            "default-src 'self'",
            f"img-src 'self' data: {settings().public_url}",
            # Placeholders are in style attributes.
            "style-src-attr 'unsafe-inline'",
        ]
    )

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Content-Security-Policy"] = policy
        return response

    return respond
