"""A placeholder is decoded exactly as by the published algorithm, and an invalid ThumbHash means no
placeholder, never an error on a page."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

from django_tintype.html import placeholder

# The expected pixels (first, last of the first row, middle of the last, last) were decoded by
# another implementation of the algorithm, thumbhash-python 1.0.1.
HASHES = [
    (
        "XfgJDQLE1UB31jiMmoNXZq2vB0KE",
        (23, 32),
        "#777b6d",
        [(75, 105, 54, 255), (113, 114, 100, 255), (170, 170, 169, 255)],
    ),
    (
        "1QcSHQRnh493V4dIh4eXh1h4kJUI",
        (23, 32),
        "#565258",
        [(64, 78, 113, 255), (85, 109, 139, 255), (0, 4, 40, 255)],
    ),
    (
        "3OcRJYB4d3h/iIeHeEh3eIhw+j3A",
        (32, 23),
        "#6a7674",
        [(125, 137, 159, 255), (125, 137, 159, 255), (87, 99, 46, 255)],
    ),
    (
        "YJqGPQw7sFlslqhFafSE+Q6oJ1h2iHB2Rw==",
        (32, 32),
        "#c2754e",
        [(229, 75, 52, 0), (192, 168, 23, 0), (255, 137, 0, 0)],
    ),
]


@pytest.mark.parametrize(("thumbhash", "size", "colour", "pixels"), HASHES)
def test_decoding(
    thumbhash: str, size: tuple[int, int], colour: str, pixels: list[tuple[int, ...]]
) -> None:
    picture = placeholder.decode(thumbhash)
    assert picture is not None
    assert (picture.width, picture.height) == size
    at = [0, picture.width - 1, picture.width * picture.height - 1]
    assert [tuple(picture.rgba[4 * n : 4 * n + 4]) for n in at] == pixels
    assert placeholder.colour(thumbhash) == colour


@pytest.mark.parametrize("thumbhash", [case[0] for case in HASHES])
def test_the_data_uri_is_a_small_png(thumbhash: str) -> None:
    uri = placeholder.data_uri(thumbhash)
    assert uri is not None
    head, _, data = uri.partition(",")
    assert head == "data:image/png;base64"
    assert len(uri) < 1000
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    image.load()
    assert max(image.size) == placeholder.SIDE
    assert image.mode == ("RGB" if placeholder.is_opaque(thumbhash) else "RGBA")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "<script>",
        "AAAA",
        "A" * 20_000,
        "XfgJDQLE1UB3",  # cut off
        "XfgJDQLE1UB31jiMmoNXZq2vB0KEXfgJDQLE1UB31jiM",  # too long
        "lö",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ],
)
def test_what_is_no_thumbhash(text: str) -> None:
    assert placeholder.decode(text) is None
    assert placeholder.data_uri(text) is None
    assert placeholder.colour(text) is None
    assert not placeholder.is_opaque(text)
