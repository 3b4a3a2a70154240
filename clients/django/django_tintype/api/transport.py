"""The way of a request: connections, answers, refusals, and when it is sent again.

A request is sent again only where that cannot do its work twice: reads, and whatever carries an
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

#: Seconds between attempts. Reads give up soon, because somebody waits for a page; uploads outlast
#: a restart of the service.
READ_WAITS: Final = (0.1, 0.3)
WRITE_WAITS: Final = (0.1, 0.3, 0.9, 2.0, 2.0)

#: A service that asks for more patience than this is not waited for.
MAX_RETRY_AFTER: Final = 5.0

CONNECT_TIMEOUT: Final = 5.0

#: Connections kept per process. More threads than this still work, on connections of their own.
KEPT_CONNECTIONS: Final = 64

_USER_AGENT: Final = f"django-tintype/{__version__}"

#: In every answer of the service, behind all headers that are read here. Python's HTTP takes
#: headers that break off for whole ones; without this, an answer may be cut or a stranger's.
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
        """The answer to a request, if it is a success; else the exception that says why not.

        `is_safe`: doing it twice is as good as once. `key` is for messages alone. `patience`: the
        one attempt may take so many seconds, and there is no other.
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
        # A service that says nothing for the whole of TIMEOUT gets a second chance with an upload.
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
                # urllib3 counts a refused connection among the timeouts; that one is told at once.
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
            # So that the processes that failed together do not come back together.
            wait = max(wait * random.uniform(0.75, 1.25), wait_at_least)
            logger.info("%s %s is sent again in %.1f s: %s", method, key, wait, failure)
            time.sleep(wait)

    def ask(
        self, url: str, *, method: str = "GET", accept: str | None = None
    ) -> urllib3.BaseHTTPResponse:
        """Asks a public URL as a browser would: without the token, whatever the status."""
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
            # Sockets that came with a fork are the parent's; two threads that race here each make
            # a pool, and one of them is dropped.
            manager = urllib3.PoolManager(maxsize=KEPT_CONNECTIONS)
            manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
            pools = (os.getpid(), manager)
            self._pools = pools
        return pools[1]

    def _timeout(self, patience: float | None = None) -> urllib3.Timeout:
        seconds = min(patience or self.settings.timeout, self.settings.timeout)
        # `connect` is urllib3's for sending as well.
        return urllib3.Timeout(connect=seconds, read=seconds)


class _HTTP(HTTPConnection):
    """Gives connecting less time than all that comes after it: a service that takes the bytes of an
    upload slowly is there."""

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
    """The JSON object of an answer."""
    try:
        content = json.loads(response.data)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise _stranger(response)
    return content


def _refusal(response: urllib3.BaseHTTPResponse) -> TintypeError:
    """What an answer other than success says; it may be that of a balancer in between."""
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
    # Of one while sending, urllib3 says that the connection was aborted, and by what.
    return any(isinstance(e, (NoAnswerInTime, TimeoutError)) for e in (no_answer, *no_answer.args))


def _stranger(response: urllib3.BaseHTTPResponse) -> TintypeError:
    kind = response.headers.get("content-type", "no content type")[:80]
    return TintypeError(
        f"this is not an answer of tintype: {response.status}, {kind}; "
        "check that TINTYPE['URL'] is the service itself",
        status=response.status,
        # An answer that broke off in its headers, rather than a stranger's.
        retryable=not {"content-length", "transfer-encoding"} & {*map(str.lower, response.headers)},
    )


def unreachable(url: str, error: HTTPError) -> TintypeUnavailable:
    why = type(error).__name__
    if isinstance(error, SSLError):
        # A certificate that is not believed, and the like: the name alone would send people to
        # look whether the service runs.
        why = str(error)[:300]
    return TintypeUnavailable(
        f"no answer from the service at {url}: {why}; "
        "check TINTYPE['URL'] and that the service runs",
        code="unreachable",
        retryable=True,
    )


def _retry_after(response: urllib3.BaseHTTPResponse) -> float:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdecimal() and len(value) < 10 else 0.0
