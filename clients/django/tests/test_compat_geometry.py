"""A thumbnail has the size that the other package would produce, within a pixel, and shows the same
part of the image, within a pixel of the thumbnail.

The real packages make real files here, of originals whose colours say where each pixel is from.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from PIL import Image

from django_tintype.compat import easy, sorl
from django_tintype.delivery.geometry import Geometry, Size, resolve

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # theirs
    from easy_thumbnails.engine import generate_source_image, process_image
    from sorl.thumbnail import default
    from sorl.thumbnail.base import ThumbnailBackend
    from sorl.thumbnail.images import ImageFile


def name(case: object) -> str:
    return str(case).replace(" ", "")


SOURCES = [
    Size(500, 500),
    Size(800, 600),
    Size(600, 800),
    Size(1001, 667),
    Size(640, 37),
    Size(43, 700),
    Size(100, 50),
    Size(50, 40),
    Size(1, 1),
]

SORL: list[tuple[str, dict[str, Any]]] = [
    ("200x100", {}),
    ("200x100", {"upscale": False}),
    ("200", {}),
    ("x100", {}),
    ("x100", {"upscale": False}),
    ("333x251", {}),
    ("200", {"crop": "center"}),
    ("x100", {"crop": "center"}),
    ("200x100", {"crop": "center"}),
    ("200x100", {"crop": "center", "upscale": False}),
    ("100x200", {"crop": "center"}),
    ("100x100", {"crop": "top"}),
    ("100x100", {"crop": "bottom"}),
    ("100x100", {"crop": "left"}),
    ("100x100", {"crop": "right"}),
    ("100x100", {"crop": "right bottom"}),
    ("100x100", {"crop": "left center"}),
    ("100x100", {"crop": "50% 50%"}),
    ("100x100", {"crop": "20%"}),
    ("100x100", {"crop": "80% 10%"}),
    ("100x100", {"crop": "30% top"}),
    ("100x100", {"crop": "10px"}),
    ("100x100", {"crop": "10px 20px"}),
    ("100x100", {"crop": "9999px 0px"}),
    ("100x100", {"crop": "10px 30%", "upscale": False}),
    ("400x300", {"crop": "75% 75%", "upscale": False}),
    ("100x100", {"crop": "noop"}),
    ("100x100", {"crop": ""}),
    ("200x100", {"padding": True}),
    ("200x100", {"padding": True, "upscale": False}),
    ("200", {"padding": True}),
    ("150x150", {"padding": True, "crop": "center", "upscale": False}),
    ("20x20", {"cropbox": "0,0,1,1"}),
    ("20x10", {"cropbox": "10,10,40,35"}),
    ("20x10", {"cropbox": (10, 10, 40, 35), "crop": "top"}),
    ("60x60", {"cropbox": "10,10,40,35", "crop": "30% 70%", "upscale": False}),
    ("120x90", {"quality": 70, "colorspace": "GRAY"}),
]

EASY: list[dict[str, Any]] = [
    {"size": (200, 100)},
    {"size": (200, 100), "upscale": True},
    {"size": (100, 0)},
    {"size": (0, 100)},
    {"size": (0, 100), "upscale": True},
    {"size": (333, 251)},
    {"size": (100, 0), "crop": True},
    {"size": (200, 100), "crop": True},
    {"size": (100, 200), "crop": True},
    {"size": (100, 100), "crop": True, "upscale": True},
    {"size": (1000, 1000), "crop": True},
    {"size": (600, 600), "crop": True},
    {"size": (1000, 30), "crop": True},
    {"size": (100, 100), "crop": "0,0"},
    {"size": (100, 100), "crop": "-0,-0"},
    {"size": (100, 100), "crop": ",0"},
    {"size": (100, 100), "crop": "0,"},
    {"size": (100, 100), "crop": ",-0"},
    {"size": (100, 100), "crop": "10,20"},
    {"size": (100, 100), "crop": "-10,-20", "upscale": True},
    {"size": (100, 100), "crop": "-10,0"},
    {"size": (100, 100), "crop": "scale"},
    {"size": (100, 100), "crop": "scale", "upscale": True},
    {"size": (100, 100), "crop": True, "target": (10, 80)},
    {"size": (100, 100), "crop": True, "target": "90,"},
    {"size": (120, 60), "crop": True, "target": (25, 25), "upscale": True},
    {"size": (100, 100), "zoom": 40},
    {"size": (100, 0), "zoom": 40},
    {"size": (100, 100), "zoom": 40, "crop": True},
    {"size": (100, 100), "zoom": 10, "crop": True, "target": (20, 30), "upscale": True},
    {"size": (200, 100), "background": "#fff"},
    {"size": (200, 100), "background": "#fff", "upscale": True},
    {"size": (150, 150), "background": "#fff", "crop": True},
    {"size": (150, 150), "background": "#fff", "crop": "scale"},
    {"size": (373, 276), "background": "#fff", "crop": "scale"},
    {"size": (200, 0), "background": "#fff"},
    {"size": (120, 90), "bw": True, "sharpen": True},
]


# What easy-thumbnails' own tests expect of an 800x600 image: the remaining part if nothing is
# resized, otherwise sizes.
EASY_PARTS: list[tuple[dict[str, Any], tuple[int, int, int, int]]] = [
    ({"size": (1000, 1000), "crop": True}, (0, 0, 800, 600)),
    ({"size": (600, 600), "crop": True}, (100, 0, 600, 600)),
    ({"size": (1000, 100), "crop": True}, (0, 250, 800, 100)),
    ({"size": (100, 600), "crop": "0,0"}, (0, 0, 100, 600)),
    ({"size": (100, 600), "crop": "-0,-0"}, (700, 0, 100, 600)),
    ({"size": (150, 600), "crop": "10,-10"}, (15, 0, 150, 600)),
    ({"size": (800, 150), "crop": "10,-10"}, (0, 435, 800, 150)),
    ({"size": (100, 600), "crop": "0,"}, (0, 0, 100, 600)),
    ({"size": (800, 100), "crop": ",0"}, (0, 0, 800, 100)),
    ({"size": (100, 600), "crop": True, "target": (95, 100)}, (700, 0, 100, 600)),
    ({"size": (800, 100), "crop": True, "target": (95, 100)}, (0, 500, 800, 100)),
    ({"size": (100, 600), "crop": True, "target": (0, 5)}, (0, 0, 100, 600)),
    ({"size": (800, 100), "crop": True, "target": (0, 5)}, (0, 0, 800, 100)),
    ({"size": (100, 600), "crop": True, "target": "45,55"}, (310, 0, 100, 600)),
    ({"size": (800, 100), "crop": True, "target": "45,55"}, (0, 280, 800, 100)),
]
EASY_SIZES: list[tuple[tuple[int, int], dict[str, Any], tuple[int, int]]] = [
    ((800, 600), {"size": (100, 100)}, (100, 75)),
    ((800, 600), {"size": (1000, 1000)}, (800, 600)),
    ((800, 600), {"size": (1000, 1000), "upscale": True}, (1000, 750)),
    ((800, 600), {"size": (100, 0)}, (100, 75)),
    ((800, 600), {"size": (0, 100)}, (133, 100)),
    ((800, 600), {"size": (0, 100), "crop": True}, (133, 100)),
    ((200, 400), {"size": (100, 100), "crop": "scale"}, (100, 200)),
    ((200, 400), {"size": (600, 600), "crop": "scale"}, (200, 400)),
    ((200, 400), {"size": (600, 600), "crop": "scale", "upscale": True}, (600, 1200)),
    ((2400, 3620), {"size": (110, 1000), "crop": True}, (110, 1000)),
    ((2400, 3620), {"size": (100, 100), "zoom": 40}, (66, 100)),
    ((2400, 3620), {"size": (110, 1000), "crop": True, "zoom": 40}, (110, 1000)),
    ((800, 600), {"size": (800, 800), "background": "#fff"}, (800, 800)),
]
# And sorl-thumbnail's, where they state one.
SORL_SIZES: list[tuple[tuple[int, int], str, dict[str, Any], tuple[int, int]]] = [
    ((500, 500), "400x300", {"crop": "center"}, (400, 300)),
    ((500, 500), "1200x900", {"crop": "13% 89%"}, (1200, 900)),
    ((200, 100), "400x300", {"upscale": False}, (200, 100)),
    ((200, 100), "400x300", {"upscale": True}, (400, 200)),
    ((100, 100), "400x300", {"crop": "center", "upscale": False}, (100, 100)),
    ((100, 100), "400x300", {"crop": "center", "upscale": True}, (400, 300)),
    ((200, 100), "300x300", {"padding": True}, (300, 300)),
    ((100, 100), "50x200", {"crop": "center"}, (50, 200)),
    ((100, 100), "500x2", {"crop": "center"}, (500, 2)),
    ((100, 200), "100x100", {"cropbox": "0,50,100,150"}, (100, 100)),
    ((100, 200), "50x50", {}, (25, 50)),
    ((100, 200), "50", {}, (50, 100)),
]


@pytest.mark.parametrize(("options", "part"), EASY_PARTS, ids=name)
def test_parts_that_easy_expects(options: dict[str, Any], part: tuple[int, int, int, int]) -> None:
    size = Size(800, 600)
    crop, output, _ = resolve(*size, easy.spec_of(options, size))
    assert (*crop, *output) == (*part, *part[2:])


@pytest.mark.parametrize(("source", "options", "expected"), EASY_SIZES, ids=name)
def test_sizes_that_easy_expects(
    source: tuple[int, int], options: dict[str, Any], expected: tuple[int, int]
) -> None:
    assert resolve(*source, easy.spec_of(options, Size(*source))).output == expected


@pytest.mark.parametrize(("source", "geometry", "options", "expected"), SORL_SIZES, ids=name)
def test_sizes_that_sorl_expects(
    source: tuple[int, int], geometry: str, options: dict[str, Any], expected: tuple[int, int]
) -> None:
    assert resolve(*source, sorl.spec_of(geometry, options, Size(*source))).output == expected


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red encodes how far to the right a pixel is, and green how far down."""
    folder = tmp_path_factory.mktemp("originals")
    for size in SOURCES:
        across = Image.new("L", (size.width, 1))
        across.putdata([_level(x, size.width) for x in range(size.width)])
        down = Image.new("L", (1, size.height))
        down.putdata([_level(y, size.height) for y in range(size.height)])
        blue = Image.new("L", size, 255)
        picture = Image.merge("RGB", (across.resize(size), down.resize(size), blue))
        picture.save(folder / f"{size.width}x{size.height}.png")
    return folder


def _level(at: int, side: int) -> int:
    return round(255 * (at + 0.5) / side)


# Beyond the edge of the image sorl-thumbnail shows black, and tintype nothing.
SORL_CASES = [
    (geometry, options, size)
    for geometry, options in SORL
    for size in SOURCES
    if "cropbox" not in options or (size.width >= 40 and size.height >= 35)
]


@pytest.mark.parametrize(("geometry", "options", "size"), SORL_CASES, ids=name)
def test_sorl(
    geometry: str, options: dict[str, Any], size: Size, originals: Path, tmp_path: Path
) -> None:
    backend = ThumbnailBackend()
    given = {**backend.default_options, **options, "format": "PNG"}
    thumbnail = ImageFile("thumbnail.png", FileSystemStorage(tmp_path))
    with Image.open(originals / f"{size.width}x{size.height}.png") as original:
        backend._create_thumbnail(original, geometry, given, thumbnail)
    assert default.engine
    with Image.open(tmp_path / "thumbnail.png") as theirs:
        compare(theirs.convert("RGB"), size, sorl.spec_of(geometry, options, size), options)


@pytest.mark.parametrize("size", SOURCES, ids=name)
@pytest.mark.parametrize("options", EASY, ids=name)
def test_easy(options: dict[str, Any], size: Size, originals: Path) -> None:
    with (originals / f"{size.width}x{size.height}.png").open("rb") as file:
        original = generate_source_image(file, options)
        theirs = process_image(original, options)
        compare(theirs.convert("RGB"), size, easy.spec_of(options, size), options)


def compare(theirs: Image.Image, source: Size, spec: Any, options: Mapping[str, Any]) -> None:
    ours = resolve(*source, spec)
    assert abs(theirs.width - ours.output.width) <= 1, spec
    assert abs(theirs.height - ours.output.height) <= 1, spec
    if not (options.get("colorspace") or options.get("bw")):
        compare_parts(theirs, source, ours)


def compare_parts(theirs: Image.Image, source: Size, ours: Geometry) -> None:
    """Compares two pixels well inside, since resizing blurs the edges."""
    left, top, width, height = ours.picture or (0, 0, *ours.output)
    for share in (0.25, 0.75):
        x = min(theirs.width - 1, left + int(width * share))
        y = min(theirs.height - 1, top + int(height * share))
        pixel = theirs.getpixel((x, y))
        assert isinstance(pixel, tuple)
        crop = ours.crop
        across = (x - left + 0.5) / width, crop.x, crop.width, source.width, width
        down = (y - top + 0.5) / height, crop.y, crop.height, source.height, height
        for level, (at, start, length, side, shown) in zip(pixel, (across, down), strict=False):
            expected = 255 * (start + at * length) / side
            # A pixel of the variant, or of the original where that is coarser, and rounding.
            tolerance = 255 / side * max(length / shown, 1) * 1.5 + 1
            assert abs(level - expected) <= tolerance, (ours, (x, y), pixel)
