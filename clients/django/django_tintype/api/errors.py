"""The service's errors, as exceptions that Django and its sites already handle.

Each refusal of the service has a stable `code`. Here it becomes the exception that Django's own
storages raise for the same thing; where there is none, a `TintypeError`.
"""

from __future__ import annotations

import errno
import os
import posixpath
from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousFileOperation, ValidationError

from ..keys import InvalidKey


class TintypeError(Exception):
    """The service refused a request, or did not respond."""

    def __init__(
        self,
        detail: str,
        *,
        code: str = "unknown",
        status: int | None = None,
        retryable: bool = False,
        request_id: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.status = status
        #: Whether the same request may succeed later without a change.
        self.retryable = retryable
        self.request_id = request_id

    def __str__(self) -> str:
        known = [self.code] if self.code != "unknown" else []
        if self.request_id:
            known.append(f"request {self.request_id}")
        return f"{self.detail} ({', '.join(known)})" if known else self.detail

    # Exceptions are pickled between processes.
    def __reduce__(self) -> tuple[Any, ...]:
        facts = (self.detail, self.code, self.status, self.retryable, self.request_id)
        return _rebuild, (type(self), *facts)


class TintypeUnavailable(TintypeError, OSError):
    """The service is unavailable."""


class TintypeAuthError(TintypeError, PermissionDenied):
    """The token is wrong, or does not allow this."""


class TintypeBlocked(TintypeError, PermissionError):
    """The original exists and was taken down."""


class PreconditionFailed(TintypeError):
    """The object does not have the expected version."""


class TintypeRejected(TintypeError, ValidationError):  # type: ignore[misc]  # one `code` for both
    """The content is not accepted. Raised in a form's `clean`, it becomes the form's error."""

    def __init__(self, detail: str, **facts: Any) -> None:
        ValidationError.__init__(self, detail)
        TintypeError.__init__(self, detail, **facts)
        # ValidationError sets `code` too, so that both are one attribute.
        self.message = detail
        self.params = None


def _rebuild(
    kind: type[TintypeError],
    detail: str,
    code: str,
    status: int | None,
    retryable: bool,
    request_id: str | None,
) -> TintypeError:
    return kind(detail, code=code, status=status, retryable=retryable, request_id=request_id)


def refusal(status: int, problem: Mapping[str, Any], request_id: str | None) -> TintypeError:
    """The error in a response of 400 or above."""
    code = _text(problem.get("code")) or _CODE_OF_STATUS.get(status, "unknown")
    detail = _text(problem.get("detail")) or _text(problem.get("title"))
    retryable = problem.get("retryable")
    return _kind(status, code)(
        detail or f"the service responded with status {status}",
        code=code,
        status=status,
        retryable=retryable if isinstance(retryable, bool) else status in (408, 429, 502, 503, 504),
        request_id=request_id,
    )


def as_django_has_it(error: TintypeError, key: str) -> Exception:
    """The exception that Django's storages raise for this, or the error itself."""
    translate = _DJANGO.get(error.code)
    return translate(error, key) if translate else error


# For HEAD, whose responses have no body.
_CODE_OF_STATUS = {
    401: "token-invalid",
    403: "scope-missing",
    404: "not-found",
    412: "precondition-failed",
    451: "blocked",
    503: "overloaded",
}

_REJECTED = {
    "too-large",
    "too-many-pixels",
    "too-complex",
    "exceeds-memory",
    "type-not-allowed",
    "unsupported-format",
    "corrupt-image",
    "content-rejected",
}

_DJANGO: dict[str, Callable[[TintypeError, str], Exception]] = {
    "not-found": lambda error, key: FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), key),
    "key-exists": lambda error, key: FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), key),
    # In Django's own words, which sites and Django's tests know.
    "parent-not-directory": lambda error, key: FileExistsError(
        f"{posixpath.dirname(key)} exists and is not a directory."
    ),
    "name-too-long": lambda error, key: SuspiciousFileOperation(
        f'Storage can not find an available filename for "{key}". Please make sure that the '
        'corresponding file field allows sufficient "max_length".'
    ),
    "invalid-key": lambda error, key: InvalidKey(f"{error.detail}: {key!r}"),
}


def _kind(status: int, code: str) -> type[TintypeError]:
    if code in _REJECTED:
        return TintypeRejected
    if code == "precondition-failed":
        return PreconditionFailed
    if code == "blocked":
        return TintypeBlocked
    if status in (401, 403):
        return TintypeAuthError
    if status >= 500 or status in (408, 429):
        return TintypeUnavailable
    return TintypeError


def _text(value: object) -> str | None:
    # An unknown server may send anything, so what is quoted is bounded.
    return value[:500] if isinstance(value, str) and value else None
