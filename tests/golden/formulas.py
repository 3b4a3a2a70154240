"""Colours that are described by numbers: PNG's gAMA, cHRM and cICP, and the code points of AVIF
and HEIF (H.273).

HDR becomes sRGB as tintype documents it: diffuse white, 203 cd/m2 according to BT.2408, is white.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

#: Linear sRGB to XYZ (IEC 61966-2-1).
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])

#: x and y of red, green, blue and white.
PRIMARIES = {
    1: (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, 0.3127, 0.3290),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290),
}
SRGB, LINEAR, PQ, HLG = 13, 8, 16, 18
DIFFUSE_WHITE = 203


@dataclass(frozen=True)
class Description:
    primaries: tuple[float, ...]
    #: A code point.
    transfer: int | None = None
    #: PNG's: samples are light to this power.
    gamma: float | None = None


def description(data: bytes) -> Description | None:
    """Returns `None` for what is plain sRGB, or has a profile."""
    if data.startswith(b"\x89PNG"):
        return of_png(dict(chunks(data)))
    if data[4:8] != b"ftyp" or b"prof" in data[:10_000]:
        return None
    at = data.find(b"colrnclx")
    return of_codes(*struct.unpack_from(">HH", data, at + 8)) if at >= 0 else None


def of_png(chunk: dict[bytes, bytes]) -> Description | None:
    # The samples of a PNG are red, green and blue: it ignores a chunk that says otherwise.
    if b"cICP" in chunk and chunk[b"cICP"][2] == 0:
        return of_codes(*chunk[b"cICP"][:2])
    if b"iCCP" in chunk or b"sRGB" in chunk or b"gAMA" not in chunk:
        return None
    gamma = struct.unpack(">I", chunk[b"gAMA"])[0] / 100_000
    primaries = PRIMARIES[1]
    if b"cHRM" in chunk:
        white_x, white_y, *others = (n / 100_000 for n in struct.unpack(">8I", chunk[b"cHRM"]))
        primaries = (*others, white_x, white_y)
    # How writers describe sRGB.
    if abs(gamma - 0.45455) < 0.001 and np.allclose(primaries, PRIMARIES[1], atol=0.005):
        return None
    return Description(primaries, gamma=gamma)


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Of a PNG, up to its pixels."""
    at = 8
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"IDAT":
            return
        yield name, data[at + 8 : at + 8 + length]
        at += 12 + length


def of_codes(primaries: int, transfer: int) -> Description | None:
    if primaries not in PRIMARIES or transfer not in (SRGB, LINEAR, PQ, HLG):
        return None
    if (primaries, transfer) == (1, SRGB):
        return None
    return Description(PRIMARIES[primaries], transfer=transfer)


def to_srgb(codes: np.ndarray, description: Description) -> np.ndarray:
    """Red, green, blue and alpha, from 0 to 1."""
    light = to_light(codes[..., :3], description)
    matrix = np.linalg.inv(TO_XYZ) @ to_xyz(description.primaries)
    light = np.clip(light @ matrix.T, 0, 1)
    low = light <= 0.0031308
    encoded = np.where(low, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    return np.concatenate([encoded, codes[..., 3:]], -1)


def to_light(code: np.ndarray, description: Description) -> np.ndarray:
    if description.gamma:
        return code ** (1 / description.gamma)
    match description.transfer:
        case 8:
            return code
        case 16:
            power = code ** (32 / 2523)
            ratio = np.maximum(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)
            return 10_000 * ratio ** (16384 / 2610) / DIFFUSE_WHITE
        case 18:
            a, b, c = 0.17883277, 0.28466892, 0.55991073
            scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
            return 1000 * scene**1.2 / DIFFUSE_WHITE
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def to_xyz(primaries: tuple[float, ...]) -> np.ndarray:
    """Returns the matrix to XYZ, with the white moved to that of sRGB by Bradford's method."""
    points = np.array(primaries).reshape(4, 2)
    red_green_blue_white = np.column_stack([points, 1 - points.sum(1)]) / points[:, 1:]
    columns, white = red_green_blue_white[:3].T, red_green_blue_white[3]
    matrix = columns * np.linalg.solve(columns, white)
    bradford = np.array(
        [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
    )
    ratio = (bradford @ TO_XYZ.sum(1)) / (bradford @ white)
    return np.linalg.inv(bradford) @ np.diag(ratio) @ bradford @ matrix
