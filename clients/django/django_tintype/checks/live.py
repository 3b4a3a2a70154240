"""Whether the settings match the running service: the findings of `tintype_check`.

Every request is about a name that does not exist, so that nothing is written or shown; what needs a
file is tried only where writing is allowed.
"""

from __future__ import annotations

import json
import struct
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from django.core.files.base import ContentFile
from urllib3 import BaseHTTPResponse

from ..api.client import Client
from ..api.errors import PreconditionFailed, TintypeAuthError, TintypeError, TintypeRejected
from ..conf import Settings
from ..delivery.signing import sign
from ..delivery.spec import Spec
from ..delivery.url import original_url, url
from ..keys import encode_key
from ..storages.deferred import DeferredTintypeStorage
from ..storages.tintype import TintypeStorage

#: Expiring URLs are off by as much; more means a clock without NTP.
MAX_CLOCK_SECONDS = 30

#: Large enough that presets of different sizes give different images.
PROBE_WIDTH, PROBE_HEIGHT = 3000, 2000


@dataclass(frozen=True)
class Finding:
    level: str
    text: str
    fix: str = ""


def good(text: str) -> Finding:
    return Finding("ok", text)


def doubt(text: str, fix: str) -> Finding:
    return Finding("warning", text, fix)


def bad(text: str, fix: str) -> Finding:
    return Finding("error", text, fix)


def check(storage: TintypeStorage, settings: Settings, *, write: bool) -> Iterator[Finding]:
    client = storage.client
    try:
        ready = client.ready()
    except TintypeError as error:
        # As in every message, the fix follows the semicolon.
        text, _, fix = error.detail.partition("; ")
        yield bad(text, fix or "look for the request in the service's log")
        return
    except FileNotFoundError:
        yield bad(
            f"something responds at {settings.url}, but it is not the service's API",
            "set TINTYPE['URL'] to the URL that `tintype serve` prints, without a path",
        )
        return
    yield good(f"the service responds at {settings.url}")
    if ready.clock is not None:
        yield _clock(ready.clock)
    missing = storage.key(f"tintype-check-{uuid.uuid4().hex}.png")
    scopes = list(_scopes(storage, missing))
    yield from scopes
    public = list(_public(client, settings, missing))
    yield from public
    if write and not _has_errors(scopes):
        try:
            yield from _written(storage, settings, show=not _has_errors(public))
        except (TintypeError, OSError) as error:
            fix = (
                "PNG has to be among the service's TINTYPE_ALLOW_TYPES, if that is set; look for "
                "the request in its log"
            )
            if isinstance(storage, DeferredTintypeStorage) and not isinstance(error, TintypeError):
                fix = "TINTYPE['DEFERRED_ROOT'] must exist, with room, for the user who runs this"
            yield bad(f"a file cannot be written and read back: {error}", fix)


def _has_errors(findings: list[Finding]) -> bool:
    return any(finding.level == "error" for finding in findings)


def _clock(clock: datetime) -> Finding:
    seconds = abs((datetime.now(timezone.utc) - clock).total_seconds())
    if seconds <= MAX_CLOCK_SECONDS:
        return good("the clocks agree")
    return doubt(
        f"the clock of the service is {seconds:.0f} seconds off from this one",
        "set both by NTP; until then, signed URLs expire too early or too late",
    )


# What the token allows


def _scopes(storage: TintypeStorage, missing: str) -> Iterator[Finding]:
    client = storage.client
    folder = storage.key("")
    # None of these changes anything, because the original does not exist.
    asks: dict[str, Callable[[], object]] = {
        "list": lambda: client.list(folder, limit=1),
        "read": lambda: client.head(missing),
        "write": lambda: client.patch(missing, {}),
        "delete": lambda: client.delete(missing, if_match="tintype-check"),
        "replace": lambda: client.put(missing, b"", if_match="tintype-check"),
        "purge": lambda: client.batch("purge", []),
    }
    without = {
        "replace": "open() cannot write, and allow_overwrite fails",
        "purge": "tintype_purge fails",
    }
    allowed = []
    for scope, ask in asks.items():
        try:
            ask()
        except (FileNotFoundError, PreconditionFailed, TintypeRejected):
            # TintypeRejected: the service has an allow list, so the scope was accepted.
            pass
        except TintypeAuthError as error:
            if error.status == 401:
                yield bad(
                    f"the token is refused: {error.detail}",
                    "set TINTYPE['TOKEN'] to what `tintype token new` printed, and the service's "
                    "TINTYPE_TOKENS to the other half",
                )
                return
            if error.code == "read-only":
                yield doubt(
                    "the service is read-only: every upload will be refused",
                    "unset TINTYPE_READ_ONLY there, unless that is intended",
                )
                continue
            if scope in without and not (scope == "replace" and storage.allow_overwrite):
                yield doubt(
                    f"the token lacks the scope {scope}: {without[scope]}",
                    f"add {scope} to its scopes in TINTYPE_TOKENS, if you need it",
                )
                continue
            yield bad(
                f"the token may not {scope} below {folder or 'the root'!r}: {error.detail}",
                f"make one whose scopes have {scope}: tintype token new --id web "
                "--scopes read+list+write+delete+purge",
            )
            continue
        except (TintypeError, OSError) as error:
            yield bad(f"{scope}: {error}", "look for the request in the service's log")
            continue
        allowed.append(scope)
    if allowed:
        yield good(f"the token allows {', '.join(allowed)}")


# What browsers see


def _public(client: Client, settings: Settings, missing: str) -> Iterator[Finding]:
    at = f"{settings.public_url}/t/{encode_key(missing)}"
    try:
        # Only a server of thumbnails refuses this width.
        impossible = _code(client.public(f"{at}/w_0"))
    except TintypeError as error:
        yield bad(
            f"the public URL cannot be reached from here: {error.detail.partition('; ')[0]}",
            "set TINTYPE['PUBLIC_URL'] to the URL that browsers use",
        )
        return
    if impossible != "invalid-spec":
        yield bad(
            f"{settings.public_url} does not serve thumbnails: it responded with {impossible}",
            "set TINTYPE['PUBLIC_URL'] to the service or to the CDN in front of it",
        )
        return
    yield good(f"{settings.public_url} serves thumbnails")
    is_open = _code(client.public(f"{at}/w_1")) == "not-found"
    if settings.signing_key is not None:
        signed = _code(client.public(f"{at}/w_1~sig_{sign(settings.signing_key, missing, 'w_1')}"))
        if signed == "not-found":
            yield good("the signing key is one of the service's")
        else:
            yield bad(
                f"the service rejects our signatures: {signed}",
                "set TINTYPE['SIGNING_KEY'] to the first of the service's TINTYPE_SIGNING_KEYS",
            )
    if settings.unsigned == "any" and not is_open:
        yield bad(
            "the service requires signatures, and TINTYPE makes none",
            "set TINTYPE['SIGNING_KEY'], and UNSIGNED to the service's value",
        )
    elif settings.unsigned != "any" and is_open:
        yield doubt(
            "the service serves every thumbnail without a signature",
            "set its TINTYPE_SIGNING_KEYS, or TINTYPE['UNSIGNED'] = 'any' if that is intended",
        )
    original = _code(client.public(f"{settings.public_url}/o/{encode_key(missing)}"))
    if settings.originals == "public" and original == "signature-missing":
        yield bad(
            "the service requires signatures for originals, and ORIGINALS is 'public' here",
            "set TINTYPE['ORIGINALS'] = 'signed', or the service's TINTYPE_ORIGINALS to public",
        )
    unknown = [
        name
        for name in settings.presets
        if _code(client.public(url(missing, name, settings=settings))) == "invalid-spec"
    ]
    for name in unknown:
        yield bad(
            f"the service does not know the preset {name}",
            f'add to its configuration, below [presets]: {name} = "{settings.presets[name]}"',
        )
    if settings.presets and not unknown:
        yield good(f"the service knows {_count(len(settings.presets), 'preset')}")


def _code(response: BaseHTTPResponse) -> str:
    """The error code of a response, or its status."""
    try:
        return str(json.loads(response.data)["code"])[:100]
    except (ValueError, KeyError, TypeError):
        return str(response.status)


# What needs a file


def _written(storage: TintypeStorage, settings: Settings, *, show: bool) -> Iterator[Finding]:
    content = _picture()
    name: Any = storage.save("tintype-check.png", ContentFile(content))
    key = storage.key(name)
    try:
        yield good(f"wrote {key}")
        if isinstance(storage, DeferredTintypeStorage):
            if storage.folder.move(key, storage.client) == "busy":
                show = False
            else:
                yield good("moved it to the service")
        with storage.open(name) as file:
            if file.read() == content:
                yield good("read the same bytes back")
            else:
                yield bad("read other bytes back", "check proxies between here and the service")
        if show:
            yield from _shown(storage.client, settings, key, content)
    finally:
        storage.delete(name)
    if storage.exists(name):
        yield bad(f"{key} is still there after a delete", "look for the request in the log")
    else:
        yield good("deleted it again")


def _shown(client: Client, settings: Settings, key: str, content: bytes) -> Iterator[Finding]:
    picture = client.public(url(key, Spec.parse("w_16~f_png"), settings=settings))
    if picture.status == 200 and picture.data.startswith(b"\x89PNG"):
        yield good("a thumbnail of it arrives")
    else:
        yield bad(
            f"a thumbnail of it does not arrive: {_code(picture)}",
            "look for the request in the service's log",
        )
    original = client.public(original_url(key, settings=settings))
    if original.status == 200 and original.data == content:
        yield good("the original arrives at its URL")
    else:
        yield bad(
            f"the original does not arrive at its URL: {_code(original)}",
            "set TINTYPE['ORIGINALS'] as the service's TINTYPE_ORIGINALS",
        )
    yield from _presets(client, settings, key)


def _presets(client: Client, settings: Settings, key: str) -> Iterator[Finding]:
    """Equal images have one ETag, whether requested by preset or in full."""
    if not settings.signing_key and settings.unsigned != "any":
        return
    same = 0
    for name, text in settings.presets.items():
        full = Spec.parse(text)
        asked = (Spec(preset=name), full)
        answers = [client.public(url(key, spec, settings=settings)) for spec in asked]
        if any(answer.status != 200 for answer in answers):
            # Reported already: an unknown preset, or thumbnails that do not arrive.
            continue
        if answers[0].headers.get("etag") == answers[1].headers.get("etag"):
            same += 1
        else:
            yield bad(
                f"the service defines the preset differently: {name}",
                f'write the same in both places: {name} = "{text}"',
            )
    if same:
        yield good(f"{_count(same, 'preset')} mean the same in both places")


def _picture() -> bytes:
    """A greyscale PNG with two different halves, in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    row = b"\0" + bytes(PROBE_WIDTH // 2) + b"\xff" * (PROBE_WIDTH // 2)
    header = struct.pack(">IIBBBBB", PROBE_WIDTH, PROBE_HEIGHT, 8, 0, 0, 0, 0)
    # Different bytes each time, so that a block by content does not hit the next.
    comment = chunk(b"tEXt", b"Comment\0" + uuid.uuid4().hex.encode())
    body = chunk(b"IDAT", zlib.compress(row * PROBE_HEIGHT, 9))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + comment + body + chunk(b"IEND", b"")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
