"""Requests to the service: connections, responses, errors and retries.

A request is retried only if it cannot take effect twice: reads, and whatever carries an
Idempotency-Key. One `Transport` serves any number of threads; a forked process opens connections of
its own.
"""

from __future__ import annotations

import json
import logging
import os
import random
import time
from collections.abc import Mapping
from typing import Any, Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as NoAnswerInTime

from ..conf import Settings
from ..version import __version__
from .errors import TintypeError, TintypeUnavailable, as_django_has_it, refusal
from .upload import SourceFailed, Upload

logger = logging.getLogger("django_tintype")

#: Seconds between attempts. Reads give up soon, since somebody waits for a page; uploads outlast a
#: restart of the service.
READ_WAITS: Final = (0.1, 0.3)
WRITE_WAITS: Final = (0.1, 0.3, 0.9, 2.0, 2.0)

#: A `Retry-After` above this is not waited for.
MAX_RETRY_AFTER: Final = 5.0

CONNECT_TIMEOUT: Final = 5.0

#: Connections kept per process. Additional threads open connections of their own.
KEPT_CONNECTIONS: Final = 64

_USER_AGENT: Final = f"django-tintype/{__version__}"

#: In every response of the service, after all headers that are read here. Python accepts truncated
#: headers; without this one, a response may be cut off or come from another server.
REQUEST_ID: Final = "tintype-request-id"


class Transport:
    """Sends requests to the service that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._pools: tuple[int, urllib3.PoolManager] | None = None

    def send(
        self,
        method: str,
        path: str,
        key: str,
        *,
        headers: Mapping[str, str] | None = None,
        payload: Mapping[str, Any] | None = None,
        upload: Upload | None = None,
        is_safe: bool | None = None,
        stream: bool = False,
        with_token: bool = True,
        patience: float | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """The response to a request if it succeeds; raises an exception otherwise.

        `is_safe`: the request may be repeated. `key` is for messages only. `patience`: a timeout in
        seconds for a single attempt.
        """
        sent = {"User-Agent": _USER_AGENT, "Accept": "application/json, */*"}
        if with_token and self.settings.token:
            sent["Authorization"] = f"Bearer {self.settings.token}"
        sent.update(headers or {})
        body: bytes | Upload | None = upload
        if payload is not None:
            body = json.dumps(payload).encode()
            sent["Content-Type"] = "application/json"
        if upload is not None and upload.length is not None:
            sent["Content-Length"] = str(upload.length)
        is_read = method in ("GET", "HEAD")
        if is_safe is None:
            is_safe = is_read or "Idempotency-Key" in sent
        waits = iter(() if patience else READ_WAITS if is_read else WRITE_WAITS)
        # An upload gets a second attempt after a service that was silent for the whole of TIMEOUT.
        silences = 0 if is_read else 1
        while True:
            may_repeat, wait_at_least = is_safe, 0.0
            try:
                response = self._pool().request(
                    method,
                    self.settings.url + path,
                    body=body,
                    headers=sent,
                    redirect=False,
                    retries=False,
                    preload_content=not stream,
                    timeout=self._timeout(patience),
                )
                if response.status < 300 and REQUEST_ID in response.headers:
                    return response
                failure = _refusal(response)
                may_repeat = failure.retryable and (is_safe or failure.request_id is not None)
                wait_at_least = _retry_after(response)
            except SourceFailed as failed:
                raise failed.error from failed.error.__cause__
            except HTTPError as no_answer:
                failure = unreachable(self.settings.url, no_answer)
                # urllib3 treats a refused connection as a timeout; this one is reported at once.
                is_refused = isinstance(no_answer, NewConnectionError)
                may_repeat = is_safe or is_refused
                if _is_silence(no_answer) and not is_refused:
                    may_repeat, silences = may_repeat and silences > 0, silences - 1
                failure.__cause__ = no_answer
            wait = next(waits, None)
            can_send_again = may_repeat and (upload is None or upload.can_repeat)
            if wait is None or not can_send_again or wait_at_least > MAX_RETRY_AFTER:
                error = as_django_has_it(failure, key)
                raise error from (failure if error is not failure else failure.__cause__)
            # Jitter, so that processes that failed together do not retry together.
            wait = max(wait * random.uniform(0.75, 1.25), wait_at_least)
            logger.info("%s %s is sent again in %.1f s: %s", method, key, wait, failure)
            time.sleep(wait)

    def ask(
        self, url: str, *, method: str = "GET", accept: str | None = None
    ) -> urllib3.BaseHTTPResponse:
        """Requests a public URL as a browser would: without the token, whatever the status."""
        try:
            return self._pool().request(
                method,
                url,
                headers={"User-Agent": _USER_AGENT, **({"Accept": accept} if accept else {})},
                redirect=False,
                retries=False,
                timeout=self._timeout(),
            )
        except HTTPError as error:
            raise unreachable(url, error) from error

    def _pool(self) -> urllib3.PoolManager:
        pools = self._pools
        if pools is None or pools[0] != os.getpid():
            # Sockets inherited by a fork belong to the parent. Two threads that race here each make
            # a pool, and one of them is dropped.
            manager = urllib3.PoolManager(maxsize=KEPT_CONNECTIONS)
            manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
            pools = (os.getpid(), manager)
            self._pools = pools
        return pools[1]

    def _timeout(self, patience: float | None = None) -> urllib3.Timeout:
        seconds = min(patience or self.settings.timeout, self.settings.timeout)
        # urllib3 uses `connect` for sending as well.
        return urllib3.Timeout(connect=seconds, read=seconds)


class _HTTP(HTTPConnection):
    """Connecting has a shorter timeout than the rest: a service that reads an upload slowly is
    up."""

    def connect(self) -> None:
        seconds = self.timeout
        self.timeout = min(CONNECT_TIMEOUT, seconds or CONNECT_TIMEOUT)
        try:
            super().connect()
        finally:
            self.timeout = seconds
        self.sock.settimeout(seconds)


class _HTTPS(_HTTP, HTTPSConnection):
    pass


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTP


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPS


def answer(response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    """The JSON object of a response."""
    try:
        content = json.loads(response.data)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise _stranger(response)
    return content


def _refusal(response: urllib3.BaseHTTPResponse) -> TintypeError:
    """The error in an unsuccessful response, which may come from a load balancer."""
    try:
        problem = json.loads(response.data)
    except (ValueError, HTTPError):
        problem = None
    problem = problem if isinstance(problem, dict) else {}
    request_id = response.headers.get(REQUEST_ID)
    is_ours = response.status >= 400 and (request_id is not None or "code" in problem)
    if is_ours or response.status >= 500 or response.status in (408, 429):
        return refusal(response.status, problem, request_id)
    return _stranger(response)


def _is_silence(no_answer: HTTPError) -> bool:
    # While sending, urllib3 reports an aborted connection, and the cause inside it.
    return any(isinstance(e, (NoAnswerInTime, TimeoutError)) for e in (no_answer, *no_answer.args))


def _stranger(response: urllib3.BaseHTTPResponse) -> TintypeError:
    kind = response.headers.get("content-type", "no content type")[:80]
    return TintypeError(
        f"this is not a response of tintype: {response.status}, {kind}; "
        "check that TINTYPE['URL'] is the service itself",
        status=response.status,
        # Truncated headers, rather than another server.
        retryable=not {"content-length", "transfer-encoding"} & {*map(str.lower, response.headers)},
    )


def unreachable(url: str, error: HTTPError) -> TintypeUnavailable:
    why = type(error).__name__
    if isinstance(error, SSLError):
        # Such as an untrusted certificate: the name of the exception alone would suggest that the
        # service is down.
        why = str(error)[:300]
    return TintypeUnavailable(
        f"no response from the service at {url}: {why}; "
        "check TINTYPE['URL'] and that the service runs",
        code="unreachable",
        retryable=True,
    )


def _retry_after(response: urllib3.BaseHTTPResponse) -> float:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdecimal() and len(value) < 10 else 0.0
