"""The service's HTTP API in Python, one method per call. Knows nothing of Django's storages."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

import urllib3
from django.core.signals import setting_changed

from ..conf import Settings, settings
from ..keys import encode_key
from .download import Download
from .errors import PreconditionFailed, TintypeError, TintypeUnavailable
from .limits import Limits
from .records import Head, Listed, Page, Ready, Record
from .transport import REQUEST_ID, Transport, answer
from .upload import Body, Upload, WrongLength

__all__ = ["Client", "Download", "Head", "Listed", "Page", "Ready", "Record", "client"]


#: Seconds.
LIMITS_PATIENCE = 2.0


class Client:
    """Everything the API offers, as methods."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._transport = Transport(settings)

    # Sockets belong to a process and the token to its settings, so neither is pickled.
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

        The bytes are hashed as they are sent and compared with the response: damaged ones are
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
            response = self._transport.send("PUT", path, key, headers=headers, upload=upload)
        except WrongLength:
            if not upload.can_repeat:
                raise TintypeError(f"the content of {key!r} is not {length} bytes long") from None
            # The source reported a wrong length. Without one, the body is sent until its end.
            upload.length = None
            response = self._transport.send("PUT", path, key, headers=headers, upload=upload)
        stored = Record.of(answer(response))
        if stored.sha256 != upload.sha256:
            self._take_back(stored)
            raise TintypeError(
                f"the service stored other bytes than were sent as {key!r}, so they were deleted "
                "again; send them once more, and check proxies between here and the service",
                code="digest-mismatch",
                retryable=True,
                request_id=response.headers.get(REQUEST_ID),
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
            response = self._transport.send(
                "GET", _path("files", key), key, headers=headers, stream=True
            )
        except TintypeError as error:
            if error.code == "range-not-satisfiable" and not start:
                # An empty original has no first byte.
                return Download.empty(key, self.head(key).etag)
            raise
        return Download(key, response)

    def head(self, key: str) -> Head:
        response = self._transport.send("HEAD", _path("files", key), key)
        return Head.of(response.headers)

    def exists(self, key: str) -> bool:
        """Whether the key is taken, even by an original that may not be shown."""
        try:
            self.head(key)
        except FileNotFoundError:
            return False
        except TintypeError as error:
            if error.code != "blocked":
                raise
        return True

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Deletes an original. A missing one is no error."""
        headers = {} if if_match is None else {"If-Match": _quoted(if_match)}
        try:
            self._transport.send("DELETE", _path("files", key), key, headers=headers)
        except TintypeUnavailable as error:
            # No response: a retry might delete what somebody else has uploaded since.
            if error.status is not None or self.exists(key):
                raise

    # Records

    def record(self, key: str) -> Record:
        response = self._transport.send("GET", _path("records", key), key)
        return Record.of(answer(response), response.headers.get("etag"))

    def patch(
        self,
        key: str,
        changes: Mapping[str, Any],
        *,
        if_match: str | None = None,
        actor: str | None = None,
    ) -> Record:
        """Changes focal point, crops, rights, state or meta. `if_match` is a record's
        `record_etag`; `actor`, the person on whose behalf, is logged and kept with a takedown."""
        headers = {} if if_match is None else {"If-Match": _quoted(if_match)}
        if actor:
            # As much as fits into a header.
            headers["Tintype-Actor"] = re.sub("[^ -~]", "?", actor).strip()[:256] or "?"
        response = self._transport.send(
            "PATCH",
            _path("records", key),
            key,
            headers=headers,
            payload=changes,
            # A merge patch describes the result, so sending it twice does no harm; a condition
            # would fail on what the first attempt has done.
            is_safe=if_match is None,
        )
        return Record.of(answer(response), response.headers.get("etag"))

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
        return Page.of(
            answer(self._transport.send("GET", f"/api/v1/list?{urlencode(query)}", prefix))
        )

    def walk(self, prefix: str = "", *, records: bool = True) -> Iterator[Record]:
        """Every original below a prefix. Facts about an adopted one that are not known yet are
        None."""
        cursor = None
        while True:
            page = self.list(prefix, delimiter=None, cursor=cursor, records=records)
            for listed in page.files:
                yield listed.record or Record.of_listed(listed)
            cursor = page.cursor
            if cursor is None:
                return

    def batch(self, op: str, keys: Iterable[str]) -> Sequence[dict[str, Any]]:
        """`stat`, `delete` or `purge` of up to 1,000 keys: a result for each, in their order."""
        payload = {"op": op, "keys": [*keys]}
        response = self._transport.send("POST", "/api/v1/batch", op, payload=payload, is_safe=True)
        results: Sequence[dict[str, Any]] = answer(response)["results"]
        return results

    def copy(
        self, source: str, target: str, on_conflict: str = "fail", max_length: int | None = None
    ) -> Record:
        """Copies an original to another key, on the server."""
        return self._place("copy", source, target, on_conflict, max_length)

    def move(
        self, source: str, target: str, on_conflict: str = "fail", max_length: int | None = None
    ) -> Record:
        """Copies an original, then deletes the source."""
        return self._place("move", source, target, on_conflict, max_length)

    def _place(
        self, what: str, source: str, target: str, on_conflict: str, max_length: int | None
    ) -> Record:
        payload: dict[str, Any] = {"from": source, "to": target, "on_conflict": on_conflict}
        if max_length is not None:
            payload["max_length"] = max_length
        response = self._transport.send(
            "POST",
            f"/api/v1/{what}",
            source,
            headers={"Idempotency-Key": uuid.uuid4().hex},
            payload=payload,
            is_safe=True,
        )
        return Record.of(answer(response))

    def purge(self, *, key: str | None = None, prefix: str | None = None) -> int:
        """Removes the variants of originals from the service and from downstream caches; returns
        how many originals were purged."""
        if (key is None) == (prefix is None):
            raise TypeError("purge() takes either key or prefix")
        payload: dict[str, Any] = {"prefix": prefix} if key is None else {"key": key}
        purged = 0
        while True:
            response = self._transport.send(
                "POST", "/api/v1/purge", key or prefix or "", payload=payload, is_safe=True
            )
            page = answer(response)
            purged += int(page["purged"])
            if not page.get("cursor"):
                return purged
            payload["cursor"] = page["cursor"]

    def limits(self) -> Limits:
        """What the service accepts and can show. A form waits for this, so the timeout is short."""
        response = self._transport.send("GET", "/api/v1/limits", "", patience=LIMITS_PATIENCE)
        return Limits.of(answer(response))

    def ready(self) -> Ready:
        """Whether the service responds, its version and its clock. Needs no token."""
        response = self._transport.send("GET", "/api/v1/openapi.json", "", with_token=False)
        version = answer(response).get("info", {}).get("version", "")
        date = response.headers.get("date")
        return Ready(version=str(version), clock=parsedate_to_datetime(date) if date else None)

    def public(
        self, url: str, *, method: str = "GET", accept: str | None = None
    ) -> urllib3.BaseHTTPResponse:
        """Requests a public URL as a browser would: without the token, whatever the status."""
        return self._transport.ask(url, method=method, accept=accept)

    def _take_back(self, stored: Record) -> None:
        # Unless somebody else has replaced or deleted it since.
        with suppress(PreconditionFailed):
            self.delete(stored.key, if_match=stored.etag)


def client() -> Client:
    """The client of the settings in force."""
    return _client()


@cache
def _client() -> Client:
    return Client(settings())


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "TINTYPE":
        _client.cache_clear()


# After conf's own receiver, which is connected by the import above.
setting_changed.connect(_forget, dispatch_uid="django_tintype.api.client")


def _path(resource: str, key: str, query: Mapping[str, str] | None = None) -> str:
    path = f"/api/v1/{resource}/{encode_key(key)}"
    return f"{path}?{urlencode(query)}" if query else path


def _quoted(etag: str) -> str:
    return etag if etag == "*" else f'"{etag}"'
