"""The real service keeps what the tags promise: it responds to every URL in the HTML without a
redirect, width and height are those of the image, and each candidate of a srcset is as wide as it
says.
"""

from __future__ import annotations

import io
import urllib.error
import urllib.request
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.template import Context, Template
from PIL import Image

from django_tintype import conf
from django_tintype.api.client import client
from django_tintype.compat import easy, sorl
from django_tintype.compat.thumbnails import Thumbnail, at_density
from django_tintype.delivery.geometry import Size, resolve
from django_tintype.delivery.source import Source
from django_tintype.delivery.spec import COMPASS, Spec
from django_tintype.delivery.url import original_url, url
from django_tintype.html import placeholder
from django_tintype.storages.tintype import SavedName, TintypeStorage
from tests.conftest import StartService
from tests.markup import elements
from tests.service import Service

KEY = "0123456789abcdef0123456789abcdef"
PRESETS = {"card": "w_300~h_200~fit_cover"}
SIZES = [(1000, 700), (333, 500), (90, 60)]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """One URL per variant: a redirect means that a URL was not canonical."""

    def redirect_request(self, *_: object) -> None:
        return None


OPENER = urllib.request.build_opener(NoRedirect)


def fetch(address: str) -> Image.Image:
    with OPENER.open(address, timeout=30) as answer:
        image = Image.open(io.BytesIO(answer.read()))
        image.load()
        return image


def upload(name: str, size: tuple[int, int], orientation: int | None = None) -> Source:
    picture = Image.new("RGB", size, (200, 30, 60))
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    content = io.BytesIO()
    picture.save(content, "JPEG", exif=exif)
    saved = TintypeStorage().save(name, ContentFile(content.getvalue()))
    assert isinstance(saved, SavedName)
    record = saved.record
    assert record.image is not None
    return Source(
        key=record.key,
        width=record.image.width,
        height=record.image.height,
        version=record.version,
        placeholder=record.image.thumbhash,
    )


@pytest.fixture
def signed(start_service: StartService) -> Service:
    """As in production: everything but presets needs a signature."""
    return start_service(
        {
            "TINTYPE_SIGNING_KEYS": KEY,
            "TINTYPE_UNSIGNED": "presets",
            "TINTYPE_ORIGINALS": "signed",
            "TINTYPE_CONFIG_INLINE": f'[presets]\ncard = "{PRESETS["card"]}"\n',
        },
        SIGNING_KEY=KEY,
        PRESETS=PRESETS,
    )


TAGS = [
    "{% tt_img p alt='' widths='100,300,640' %}",
    "{% tt_img p 'card' alt='' %}",
    "{% tt_img p 'card' alt='' sizes='9em' widths='100,300,640' %}",
    "{% tt_img p w=123 alt='' %}",
    "{% tt_img p h=77 alt='' sizes='9em' widths='50,100' %}",
    "{% tt_img p ratio='16/9' alt='' widths='100,300,640' %}",
    "{% tt_img p ratio='3/4' w=200 fit='pad' bg='fff' alt='' %}",
    "{% tt_img p w=101 h=77 fit='cover' g='se' alt='' %}",
    "{% tt_img p w=300 h=100 fit='stretch' alt='' %}",
    "{% tt_img p rot=90 alt='' widths='100,300,640' %}",
    "{% tt_img p crop='0.25x0.25x0.5x0.5' alt='' widths='100,300,640' %}",
    "{% tt_img p w=640 up=1 alt='' %}",
    "{% tt_picture p w=200 alt='' formats='webp' %}"
    "{% tt_source media='print' ratio='1/1' widths='50,100' %}{% endtt_picture %}",
]


def test_every_address_shows_what_it_promises(signed: Service) -> None:
    sources = [upload(f"live/{width}x{height} ü&+.jpg", (width, height)) for width, height in SIZES]
    sources.append(upload("live/turned.jpg", (400, 300), orientation=6))
    assert sources[-1].size == (300, 400)
    looked_at = 0
    for source in sources:
        for tag in TAGS:
            html = Template("{% load tintype %}" + tag).render(Context({"p": source}))
            for name, attributes in elements(html)[0 if tag.startswith("{% tt_img") else 1 :]:
                srcset = attributes.get("srcset") or ""
                candidates = [candidate.split() for candidate in srcset.split(", ") if candidate]
                if name == "img":
                    size = (attributes["width"], attributes["height"])
                    candidates.append([str(attributes["src"]), f"{size[0]}w"])
                    shown = fetch(str(attributes["src"]))
                    assert (str(shown.width), str(shown.height)) == size, (tag, source.size)
                for address, *descriptors in candidates:
                    shown, looked_at = fetch(address), looked_at + 1
                    for descriptor in descriptors:
                        number = float(descriptor[:-1])
                        if descriptor.endswith("x"):
                            number *= int(attributes["width"] or 0)
                        assert shown.width == pytest.approx(number, abs=0.01), (tag, address)
    assert looked_at > 100


SPECS = ["w_77", "h_33", "w_50~h_50~fit_cover", "w_81~h_40~fit_pad", "w_99~h_20~fit_stretch",
         "w_400~up_1", "w_55~h_91~fit_cover~g_se~dpr_1.5~rot_270", "crop_3x5x40x31~w_20~flip_v",
         "crop_0.1x0.2x0.333x0.5", "w_100~h_100~fit_cover~g_0.9x0.1"]  # fmt: skip


def test_sizes_are_known_without_asking(signed: Service) -> None:
    for width, height in SIZES:
        source = upload("live/size.jpg", (width, height))
        for text in SPECS:
            shown = fetch(url(source, text))
            assert shown.size == resolve(width, height, Spec.parse(text)).output, text


def test_cuts_are_known_without_asking(fresh_service: Service) -> None:
    """To the pixel: a box larger than the image only sets the shape, so nothing is resized, and the
    variant is the crop itself, rotated. Every pixel of the original encodes its position."""
    random = Random(20161122)
    originals = {}
    for width, height in ((61, 40), (37, 90), (101, 3)):
        picture = Image.new("RGB", (width, height))
        picture.putdata([(x, y, 7) for y in range(height) for x in range(width)])
        content = io.BytesIO()
        picture.save(content, "PNG")
        key = TintypeStorage().save("live/cut.png", ContentFile(content.getvalue()))
        originals[key] = picture
    compared = 0
    for _ in range(250):
        key = random.choice([*originals])
        picture = originals[key]
        spec = Spec.parse(random_cut(random, picture.size))
        crop, output, _ = resolve(*picture.size, spec)
        expected = picture.crop((crop.x, crop.y, crop.x + crop.width, crop.y + crop.height))
        if spec.rot:
            # Pillow rotates counterclockwise.
            turns = {90: "ROTATE_270", 180: "ROTATE_180", 270: "ROTATE_90"}
            expected = expected.transpose(Image.Transpose[turns[spec.rot]])
        for letter in spec.flip or "":
            flips = {"h": "FLIP_LEFT_RIGHT", "v": "FLIP_TOP_BOTTOM"}
            expected = expected.transpose(Image.Transpose[flips[letter]])
        shown = fetch(url(key, spec)).convert("RGB")
        assert shown.size == output, str(spec)
        if expected.size == output:
            assert shown.tobytes() == expected.tobytes(), (str(spec), picture.size)
            compared += 1
    assert compared > 200


def random_cut(random: Random, size: tuple[int, int]) -> str:
    items = [f"w_{random.randint(120, 999)}", f"h_{random.randint(120, 999)}", "fit_cover"]
    point = f"{random.random():.6f}x{random.random():.3f}"
    items += random.choice([[], [f"g_{point}"], [f"g_{random.choice(COMPASS)}"]])
    if random.random() < 0.5:
        starts = [random.randrange(side) for side in size]
        lengths = [random.randint(1, side) for side in size]
        items.append(f"crop_{'x'.join(map(str, starts + lengths))}")
    elif random.random() < 0.5:
        parts = [f"{random.uniform(0.001, 0.999):.{random.randint(2, 6)}f}" for _ in range(4)]
        items.append(f"crop_{'x'.join(parts)}")
    items += random.choice([[], [f"dpr_{random.choice(['1.5', '2', '3'])}"]])
    items += ["f_png"]
    items += random.choice([[], [f"rot_{random.choice([90, 180, 270])}"]])
    items += random.choice([[], [f"flip_{random.choice(['h', 'v', 'hv'])}"]])
    return "~".join(items)


SORL: list[tuple[str, dict[str, Any]]] = [
        ("200x100", {"crop": "30% 10%"}), ("200x100", {}), ("80x80", {"padding": True}),
        ("500x400", {"crop": "center", "upscale": False}), ("20x20", {"cropbox": "5,5,40,30"}),
        ("60", {"colorspace": "GRAY", "format": "PNG", "quality": 50})]  # fmt: skip
EASY: list[dict[str, Any]] = [
        {"size": (200, 100), "crop": "10,20"}, {"size": (100, 0)}, {"size": (80, 80), "zoom": 30},
        {"size": (500, 400), "crop": True}, {"size": (80, 80), "background": "#fff", "bw": True},
        {"size": (90, 90), "crop": "scale", "sharpen": True}]  # fmt: skip


def test_thumbnails_of_sites_that_moved_in(signed: Service) -> None:
    for dimensions in SIZES:
        source, size = upload("live/moved.jpg", dimensions), Size(*dimensions)
        specs = [sorl.spec_of(geometry, options, size) for geometry, options in SORL]
        specs += [easy.spec_of(options, size) for options in EASY]
        for spec in specs:
            thumbnail = Thumbnail(source, spec)
            assert fetch(thumbnail.url).size == thumbnail.size, spec
    dense = at_density(Thumbnail(source, Spec(w=20, h=20, fit="cover")).url, "2x")
    assert fetch(dense).size == (40, 40)


def test_access(signed: Service) -> None:
    source = upload("live/access.jpg", (90, 60))
    for address in (
        url(source, "card"),  # a preset needs no signature
        url(source, "w_20"),
        url(source, "w_20", expires=60),
        original_url(source),
        original_url(source, download="lion-1.jpg"),
    ):
        fetch(address)
    assert "sig_" not in url(source, "card")
    # A missing signature is refused, and so is a wrong one.
    for address in (
        url(source, "w_20").partition("~sig_")[0],
        url(source, "w_20", settings=replace(conf.settings(), signing_key=KEY[::-1])),
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            fetch(address)
        assert caught.value.code == 403
        caught.value.close()


def test_the_version_makes_an_answer_immutable(signed: Service) -> None:
    source = upload("live/version.jpg", (90, 60))
    with OPENER.open(url(source, "w_20")) as answer:
        assert "immutable" in answer.headers["Cache-Control"]
    client().patch(source.key, {"focal_point": {"x": 0.1, "y": 0.2}})
    assert client().record(source.key).version != source.version


def test_the_placeholder_looks_like_the_picture(signed: Service) -> None:
    source = upload("live/placeholder.jpg", (90, 60))
    assert source.placeholder is not None
    colour = placeholder.colour(source.placeholder)
    assert colour is not None
    parts = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    assert all(abs(a - b) <= 12 for a, b in zip(parts, (200, 30, 60), strict=True)), colour


def test_an_unsigned_service(fresh_service: Service) -> None:
    source = upload("live/any.jpg", (90, 60))
    assert fetch(url(source, "w_20")).size == (20, 13)
    assert original_url(source).startswith(f"{fresh_service.url}/o/")
    assert fetch(original_url(source)).size == (90, 60)
