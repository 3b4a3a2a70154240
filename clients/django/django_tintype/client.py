"""The service's HTTP API in Python: requests, answers, retries. No rule of Django's storages here.

A request is sent again only where that cannot do its work twice: reads, and whatever carries an
Idempotency-Key. One `Client` serves any number of threads; a forked process opens connections of
its own.
"""

from __future__ import annotations

import json
import logging
import os
import random
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, Final
from urllib.parse import urlencode

import urllib3
from django.core.signals import setting_changed
from urllib3.exceptions import HTTPError, NewConnectionError, TimeoutError

from .conf import Settings, settings
from .errors import PreconditionFailed, TintypeError, TintypeUnavailable, as_django_has_it, refusal
from .records import Head, Listed, Page, Ready, Record
from .upload import Body, SourceFailed, Upload, WrongLength
from .urls import encode_key

__all__ = ["Client", "Download", "Head", "Listed", "Page", "Ready", "Record", "client"]

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

_USER_AGENT: Final = "django-tintype/0.1.0"

#: In every answer of the service, behind all headers that are read here. Python's HTTP takes
#: headers that break off for whole ones; without this, an answer may be cut or a stranger's.
_REQUEST_ID: Final = "tintype-request-id"


class Client:
    """Everything that the API offers, as methods."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._pools: tuple[int, urllib3.PoolManager] | None = None

    # Sockets belong to a process and the token to its settings: neither is pickled.
    def __reduce__(self) -> tuple[Any, ...]:
        return client, ()

    def __repr__(self) -> str:
        return f"Client({self.settings.url!r})"

    # Files

    def put(
        self,
        key: str,
        body: Body,
        *,
        on_conflict: str = "fail",
        max_length: int | None = None,
        content_type: str | None = None,
        if_match: str | None = None,
        create_only: bool = False,
        record: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        length: int | None = None,
    ) -> Record:
        """Uploads an original.

        What was sent is hashed on its way and compared with the answer: bytes that were damaged are
        deleted again. A body that can be read again (bytes, a seekable file, any iterable that is
        not its own iterator) is sent again when the connection or the service fails.
        """
        headers = {
            "Content-Type": content_type or "application/octet-stream",
            "Idempotency-Key": idempotency_key or uuid.uuid4().hex,
        }
        if if_match is not None:
            headers["If-Match"] = _quoted(if_match)
        if create_only:
            headers["If-None-Match"] = "*"
        if record:
            headers["Tintype-Record"] = json.dumps(record)
        query = {} if on_conflict == "fail" else {"on_conflict": on_conflict}
        if max_length is not None:
            query["max_length"] = str(max_length)
        path = _path("files", key, query)
        upload = Upload(body, length)
        try:
            response = self._request("PUT", path, key, headers=headers, upload=upload)
        except WrongLength:
            if not upload.can_repeat:
                raise TintypeError(f"the content of {key!r} is not {length} bytes long") from None
            # The source was mistaken about its length. Without one, the end of the body tells.
            upload = Upload(upload.source, None)
            response = self._request("PUT", path, key, headers=headers, upload=upload)
        stored = Record.of(_json(response))
        if stored.sha256 != upload.sha256:
            self._take_back(stored)
            raise TintypeError(
                f"the service stored other bytes than were sent as {key!r}, so they were deleted "
                "again; send them once more, and look at what lies between here and the service",
                code="digest-mismatch",
                retryable=True,
                request_id=response.headers.get(_REQUEST_ID),
            )
        return stored

    def get(
        self,
        key: str,
        *,
        start: int | None = None,
        end: int | None = None,
        if_match: str | None = None,
    ) -> Download:
        """Opens an original, or its bytes from `start` up to, not including, `end`."""
        headers = {}
        if start is not None or end is not None:
            headers["Range"] = f"bytes={start or 0}-{'' if end is None else end - 1}"
        if if_match is not None:
            headers["If-Match"] = _quoted(if_match)
        try:
            response = self._request("GET", _path("files", key), key, headers=headers, stream=True)
        except TintypeError as error:
            if error.code == "range-not-satisfiable" and not start:
                # There is no first byte of an empty original.
                return Download.empty(key, self.head(key).etag)
            raise
        return Download(key, response)

    def head(self, key: str) -> Head:
        response = self._request("HEAD", _path("files", key), key)
        return Head.of(response.headers)

    def exists(self, key: str) -> bool:
        """Whether the key is taken, be it by an original that may not be shown."""
        try:
            self.head(key)
        except FileNotFoundError:
            return False
        except TintypeError as error:
            if error.code != "blocked":
                raise
        return True

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Deletes an original. One that is not there is no error."""
        headers = {} if if_match is None else {"If-Match": _quoted(if_match)}
        try:
            self._request("DELETE", _path("files", key), key, headers=headers)
        except TintypeUnavailable as error:
            # Without an answer: sent again, it might delete what somebody else has put there since.
            if error.status is not None or self.exists(key):
                raise

    # Records

    def record(self, key: str) -> Record:
        response = self._request("GET", _path("records", key), key)
        return Record.of(_json(response), response.headers.get("etag"))

    def patch(self, key: str, changes: Mapping[str, Any], *, if_match: str | None = None) -> Record:
        """Changes focal point, crops, state or meta. `if_match` is a record's `record_etag`."""
        headers = {} if if_match is None else {"If-Match": _quoted(if_match)}
        response = self._request(
            "PATCH",
            _path("records", key),
            key,
            headers=headers,
            payload=changes,
            # A merge patch says how things are to be, so twice is as good as once; a condition
            # would fail on what the first attempt has done.
            is_safe=if_match is None,
        )
        return Record.of(_json(response), response.headers.get("etag"))

    # Many

    def list(
        self,
        prefix: str,
        *,
        delimiter: str | None = "/",
        cursor: str | None = None,
        limit: int = 1000,
        records: bool = False,
    ) -> Page:
        """One page of keys that begin with `prefix`; with a delimiter, one folder's."""
        query = {"prefix": prefix, "limit": str(limit)}
        if delimiter:
            query["delimiter"] = delimiter
        if cursor:
            query["cursor"] = cursor
        if records:
            query["records"] = "1"
        return Page.of(_json(self._request("GET", f"/api/v1/list?{urlencode(query)}", prefix)))

    def walk(self, prefix: str = "", *, records: bool = True) -> Iterator[Record]:
        """Every original below a prefix. What is not known of an adopted one yet is None."""
        cursor = None
        while True:
            page = self.list(prefix, delimiter=None, cursor=cursor, records=records)
            for listed in page.files:
                yield listed.record or Record.of_listed(listed)
            cursor = page.cursor
            if cursor is None:
                return

    def batch(self, op: str, keys: Iterable[str]) -> Sequence[dict[str, Any]]:
        """`stat`, `delete` or `purge` of up to 1,000 keys: an answer for each, in their order."""
        payload = {"op": op, "keys": [*keys]}
        response = self._request("POST", "/api/v1/batch", op, payload=payload, is_safe=True)
        results: Sequence[dict[str, Any]] = _json(response)["results"]
        return results

    def copy(
        self, source: str, target: str, on_conflict: str = "fail", max_length: int | None = None
    ) -> Record:
        """Gives the same bytes another name without sending them."""
        return self._place("copy", source, target, on_conflict, max_length)

    def move(
        self, source: str, target: str, on_conflict: str = "fail", max_length: int | None = None
    ) -> Record:
        """Copies, and deletes what was copied."""
        return self._place("move", source, target, on_conflict, max_length)

    def _place(
        self, what: str, source: str, target: str, on_conflict: str, max_length: int | None
    ) -> Record:
        payload: dict[str, Any] = {"from": source, "to": target, "on_conflict": on_conflict}
        if max_length is not None:
            payload["max_length"] = max_length
        response = self._request(
            "POST",
            f"/api/v1/{what}",
            source,
            headers={"Idempotency-Key": uuid.uuid4().hex},
            payload=payload,
            is_safe=True,
        )
        return Record.of(_json(response))

    def purge(self, *, key: str | None = None, prefix: str | None = None) -> int:
        """Forgets what was made from originals, here and in the caches in front; how many."""
        if (key is None) == (prefix is None):
            raise TypeError("purge() takes either key or prefix")
        payload: dict[str, Any] = {"prefix": prefix} if key is None else {"key": key}
        purged = 0
        while True:
            response = self._request(
                "POST", "/api/v1/purge", key or prefix or "", payload=payload, is_safe=True
            )
            answer = _json(response)
            purged += int(answer["purged"])
            if not answer.get("cursor"):
                return purged
            payload["cursor"] = answer["cursor"]

    def ready(self) -> Ready:
        """Whether the service answers, its version and its clock. Needs no token."""
        response = self._request("GET", "/api/v1/openapi.json", "", with_token=False)
        version = _json(response).get("info", {}).get("version", "")
        date = response.headers.get("date")
        return Ready(version=str(version), clock=parsedate_to_datetime(date) if date else None)

    def public(
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
            raise _unreachable(url, error) from error

    # The way of a request

    def _request(
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
    ) -> urllib3.BaseHTTPResponse:
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
        waits = iter(READ_WAITS if is_read else WRITE_WAITS)
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
                    timeout=self._timeout(),
                )
                if response.status < 300 and _REQUEST_ID in response.headers:
                    return response
                failure = _refusal(response)
                may_repeat = failure.retryable and (is_safe or failure.request_id is not None)
                wait_at_least = _retry_after(response)
            except SourceFailed as failed:
                raise failed.error from failed.error.__cause__
            except HTTPError as no_answer:
                failure = _unreachable(self.settings.url, no_answer)
                # urllib3 counts a refused connection among the timeouts; that one is told at once.
                is_refused = isinstance(no_answer, NewConnectionError)
                may_repeat = is_safe or is_refused
                if isinstance(no_answer, TimeoutError) and not is_refused:
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

    def _pool(self) -> urllib3.PoolManager:
        pools = self._pools
        if pools is None or pools[0] != os.getpid():
            # Sockets that came with a fork are the parent's; two threads that race here each make
            # a pool, and one of them is dropped.
            pools = (os.getpid(), urllib3.PoolManager(maxsize=KEPT_CONNECTIONS))
            self._pools = pools
        return pools[1]

    def _timeout(self) -> urllib3.Timeout:
        seconds = self.settings.timeout
        return urllib3.Timeout(connect=min(CONNECT_TIMEOUT, seconds), read=seconds)

    def _take_back(self, stored: Record) -> None:
        # Unless somebody else has replaced or deleted it already.
        with suppress(PreconditionFailed):
            self.delete(stored.key, if_match=stored.etag)


class Download:
    """The bytes of an original on their way; a context manager."""

    def __init__(self, key: str, response: urllib3.BaseHTTPResponse | None, etag: str = "") -> None:
        self.key = key
        self._response = response
        headers: Mapping[str, str] = {} if response is None else response.headers
        self.etag = headers.get("etag", "").strip('"') or etag
        #: Where the bytes begin, and how long the whole original is.
        self.start, self.size = _range(headers)

    @classmethod
    def empty(cls, key: str, etag: str) -> Download:
        return cls(key, None, etag)

    def read(self, amount: int | None = None) -> bytes:
        if self._response is None:
            return b""
        try:
            return self._response.read(amount)
        except HTTPError as error:
            raise _unreachable(self.key, error) from error

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.read(64 * 1024):
            yield chunk

    def close(self) -> None:
        # A connection on which bytes are still to come cannot be used again.
        if self._response is not None:
            self._response.close()
            self._response.release_conn()

    def __enter__(self) -> Download:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def client() -> Client:
    """The client of the settings in force."""
    return _client()


@cache
def _client() -> Client:
    return Client(settings())


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "TINTYPE":
        _client.cache_clear()


# After conf's own receiver, which is connected when it is imported above.
setting_changed.connect(_forget, dispatch_uid="django_tintype.client")


def _path(resource: str, key: str, query: Mapping[str, str] | None = None) -> str:
    path = f"/api/v1/{resource}/{encode_key(key)}"
    return f"{path}?{urlencode(query)}" if query else path


def _quoted(etag: str) -> str:
    return etag if etag == "*" else f'"{etag}"'


def _json(response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    try:
        answer = json.loads(response.data)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise _stranger(response)
    return answer


def _refusal(response: urllib3.BaseHTTPResponse) -> TintypeError:
    """What an answer other than success says; it may be that of a balancer in between."""
    try:
        problem = json.loads(response.data)
    except (ValueError, HTTPError):
        problem = None
    problem = problem if isinstance(problem, dict) else {}
    request_id = response.headers.get(_REQUEST_ID)
    is_ours = response.status >= 400 and (request_id is not None or "code" in problem)
    if is_ours or response.status >= 500:
        return refusal(response.status, problem, request_id)
    return _stranger(response)


def _stranger(response: urllib3.BaseHTTPResponse) -> TintypeError:
    kind = response.headers.get("content-type", "no content type")[:80]
    return TintypeError(
        f"this is not an answer of tintype: {response.status}, {kind}; "
        "check that TINTYPE['URL'] is the service itself",
        status=response.status,
        # An answer that broke off in its headers, rather than a stranger's.
        retryable=not {"content-length", "transfer-encoding"} & {*map(str.lower, response.headers)},
    )


def _unreachable(url: str, error: HTTPError) -> TintypeUnavailable:
    return TintypeUnavailable(
        f"no answer from the service at {url}: {type(error).__name__}; "
        "check TINTYPE['URL'] and that the service runs",
        code="unreachable",
        retryable=True,
    )


def _retry_after(response: urllib3.BaseHTTPResponse) -> float:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdecimal() and len(value) < 10 else 0.0


def _range(headers: Mapping[str, str]) -> tuple[int, int]:
    """Where the bytes of an answer begin, and how long the whole is."""
    content_range = headers.get("content-range", "")
    if content_range.startswith("bytes ") and "/" in content_range:
        span, _, whole = content_range.removeprefix("bytes ").partition("/")
        start = span.partition("-")[0]
        if start.isdecimal() and whole.isdecimal():
            return int(start), int(whole)
    length = headers.get("content-length", "")
    return 0, int(length) if length.isdecimal() else 0
