"""The placeholder of an image that is still loading: its ThumbHash, of some 25 bytes, as a colour
or as a very small PNG in a data URI. The browser needs no script.

The algorithm is https://evanw.github.io/thumbhash/.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from functools import lru_cache
from math import cos, pi
from typing import NamedTuple

#: The longer side in pixels. The hash holds at most 7 waves and browsers smooth what they enlarge,
#: so more would only make pages larger.
SIDE = 12

_HASH_BYTES = range(5, 26)


class Pixels(NamedTuple):
    width: int
    height: int
    #: Row by row, 8 bits each of red, green, blue and alpha.
    rgba: bytes


@lru_cache(maxsize=4096)
def data_uri(thumbhash: str, side: int = SIDE) -> str | None:
    """A PNG as a data URI; None if it is no ThumbHash in base64."""
    picture = decode(thumbhash, side)
    if picture is None:
        return None
    return "data:image/png;base64," + base64.b64encode(_png(picture)).decode()


@lru_cache(maxsize=4096)
def colour(thumbhash: str) -> str | None:
    """The average colour as `#rrggbb`; None if it is no ThumbHash in base64."""
    waves = _read(thumbhash)
    return None if waves is None else "#" + bytes(_rgb(waves.l, waves.p, waves.q)).hex()


def is_valid(thumbhash: str) -> bool:
    return _read(thumbhash) is not None


def is_opaque(thumbhash: str) -> bool:
    """Whether the image is fully opaque."""
    waves = _read(thumbhash)
    return waves is not None and not waves.a_waves


def decode(thumbhash: str, side: int = 32) -> Pixels | None:
    """The pixels of a ThumbHash; None if it is invalid."""
    waves = _read(thumbhash)
    if waves is None:
        return None
    width = _round(side * min(1.0, waves.ratio))
    height = _round(side / max(1.0, waves.ratio))
    channels = (
        (waves.l, waves.l_waves),
        (waves.p, waves.p_waves),
        (waves.q, waves.q_waves),
        (waves.a, waves.a_waves),
    )
    planes = [_plane(mean, factors, width, height) for mean, factors in channels]
    out = bytearray()
    for lightness, p, q, alpha in zip(*planes, strict=True):
        out += bytes((*_rgb(lightness, p, q), _byte(alpha)))
    return Pixels(width, height, bytes(out))


#: (across, down, factor) of each cosine.
_Waves = list[tuple[int, int, float]]


class _Hash(NamedTuple):
    l: float  # noqa: E741 - the algorithm's own names
    p: float
    q: float
    a: float
    ratio: float
    l_waves: _Waves
    p_waves: _Waves
    q_waves: _Waves
    a_waves: _Waves


def _read(thumbhash: str) -> _Hash | None:
    try:
        data = base64.b64decode(thumbhash + "=" * (-len(thumbhash) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(data) not in _HASH_BYTES:
        return None
    header = int.from_bytes(data[:3], "little")
    header2 = int.from_bytes(data[3:5], "little")
    has_alpha, is_landscape = bool(header >> 23), bool(header2 >> 15)
    if has_alpha and len(data) < 6:
        return None
    most = 5 if has_alpha else 7
    across, down = (most, header2 & 7) if is_landscape else (header2 & 7, most)
    if not (across and down):
        return None
    factors = data[6 if has_alpha else 5 :]
    nibbles = (nibble for byte in factors for nibble in (byte & 15, byte >> 4))

    def waves(across: int, down: int, scale: float) -> _Waves:
        return [
            (x, y, (next(nibbles) / 7.5 - 1) * scale)
            for y in range(down)
            for x in range(across)
            if (x or y) and x * down < across * (down - y)
        ]

    try:
        return _Hash(
            l=(header & 63) / 63,
            p=(header >> 6 & 63) / 31.5 - 1,
            q=(header >> 12 & 63) / 31.5 - 1,
            a=(data[5] & 15) / 15 if has_alpha else 1.0,
            ratio=across / down,
            l_waves=waves(max(3, across), max(3, down), (header >> 18 & 31) / 31),
            # Colours are stored slightly weakened, to make up for quantisation.
            p_waves=waves(3, 3, (header2 >> 3 & 63) / 63 * 1.25),
            q_waves=waves(3, 3, (header2 >> 9 & 63) / 63 * 1.25),
            a_waves=waves(5, 5, (data[5] >> 4) / 15) if has_alpha else [],
        )
    except StopIteration:
        return None  # truncated


def _plane(mean: float, waves: _Waves, width: int, height: int) -> list[float]:
    """One channel, row by row; summing columns first takes a tenth of the work."""
    across = 1 + max((x for x, _, _ in waves), default=0)
    cosines = [[cos(pi / width * (x + 0.5) * n) for n in range(across)] for x in range(width)]
    plane = []
    for y in range(height):
        sums = [0.0] * across
        for x_wave, y_wave, factor in waves:
            sums[x_wave] += factor * 2 * cos(pi / height * (y + 0.5) * y_wave)
        plane += [mean + sum(map(float.__mul__, sums, row)) for row in cosines]
    return plane


def _rgb(lightness: float, p: float, q: float) -> tuple[int, int, int]:
    blue = lightness - 2 / 3 * p
    red = (3 * lightness - blue + q) / 2
    return _byte(red), _byte(red - q), _byte(blue)


def _byte(value: float) -> int:
    return _round(255 * min(1.0, max(0.0, value)))


def _round(value: float) -> int:
    return int(value + 0.5)


def _png(picture: Pixels) -> bytes:
    has_alpha = any(alpha < 255 for alpha in picture.rgba[3::4])
    rows = bytearray()
    for start in range(0, len(picture.rgba), picture.width * 4):
        row = picture.rgba[start : start + picture.width * 4]
        rows.append(0)
        rows += row if has_alpha else b"".join(row[at : at + 3] for at in range(0, len(row), 4))
    head = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 6 if has_alpha else 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", head)
        + _chunk(b"IDAT", zlib.compress(bytes(rows), 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
