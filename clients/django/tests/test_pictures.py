"""What the tags write.

- A tag asks nobody: no query, no socket, no file.
- A candidate of a srcset is never larger than the original, and says its width truthfully.
- width and height have the shape of what is shown, at the size of the largest candidate or of the
  box; `src` is that, or where browsers have candidates to take, one that mail, feeds and crawlers
  can bear.
- An argument that is wrong is an error that names the tag and the argument: when the template is
  compiled, if it is a literal.
- Nothing that comes from a database gets out of its attribute.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jinja2
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.template import Context, Template, TemplateSyntaxError
from django.utils.safestring import mark_safe
from pytest_django import DjangoAssertNumQueries
from pytest_django import Settings as SiteSettings

from django_tintype.conf import Settings
from django_tintype.delivery.signing import sign
from django_tintype.delivery.source import Source
from django_tintype.delivery.url import original_url, url
from django_tintype.html import pictures, srcset
from django_tintype.jinja2 import environment
from django_tintype.keys import InvalidKey
from django_tintype.storages.deferred import DeferredTintypeStorage
from tests.shelf.models import Photo

HOST = "http://media.example"
KEY = "0123456789abcdef0123456789abcdef"
VERSION = "0123456789abcdef"
THUMBHASH = "XfgJDQLE1UB31jiMmoNXZq2vB0KE"
PRESETS = {"card": "w_400~h_300~fit_cover", "inside": "w_400~h_300", "big": "w_300~up_1"}

LION = Source(key="lion.jpg", width=4000, height=3000, focal=(0.3, 0.5), placeholder=THUMBHASH)
SMALL = Source(key="small.jpg", width=600, height=400)
UNKNOWN = Source(key="unknown.jpg")
ELSEWHERE = Source(key="old.jpg", width=600, height=400, url_of_original="/media/old.jpg")


@pytest.fixture(autouse=True)
def _site(settings: SiteSettings) -> None:
    settings.TINTYPE = {"URL": HOST, "PRESETS": PRESETS}


def render(template: str, **context: object) -> str:
    return Template("{% load tintype %}" + template).render(Context(context))


class Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), f"an attribute occurs twice in {attrs}"
        self.found.append((tag, dict(attrs)))


def elements(html: str) -> list[tuple[str, dict[str, str | None]]]:
    return Elements(html).found


def image(html: str) -> dict[str, str | None]:
    [(tag, attributes)] = elements(html)
    assert tag == "img"
    return attributes


# ---- URLs

URLS = [
    ("", "f_auto"),
    ("'card'", "card"),
    ("'card' dpr=2", "card~dpr_2"),
    ("'w_640~h_480~fit_cover'", "w_640~h_480~fit_cover"),
    ("'h_480~w_640'", "w_640~h_480"),
    ("h=480 w=640 fit='cover' g='ne' f='webp' q=70", "w_640~h_480~fit_cover~g_ne~q_70~f_webp"),
    ("w=640 h=480 fit=fit", "w_640~h_480~fit_stretch"),
    ("'w_640' q=nothing", "w_640"),
    ("f='original' dl=1", "f_original~dl_1"),
]


@pytest.mark.parametrize(("arguments", "spec"), URLS)
def test_url(arguments: str, spec: str) -> None:
    template = "{% tt_url 'lion.jpg' " + arguments + " %}"
    context = {"fit": "stretch", "nothing": None}
    assert render(template, **context) == f"{HOST}/t/lion.jpg/{spec}"
    stored = template.replace("%}", "as address %}") + "[{{ address }}]"
    assert render(stored, **context) == f"[{HOST}/t/lion.jpg/{spec}]"


def test_the_file_of_a_field_has_a_url() -> None:
    photo = Photo(image="lion.jpg", width=4000, height=3000)
    assert url(photo.image, "w_640") == f"{HOST}/t/lion.jpg/w_640"
    assert original_url(photo.image) == f"{HOST}/o/lion.jpg"
    photo.image.storage = FileSystemStorage(base_url="/media/")
    assert url(photo.image, "w_640") == original_url(photo.image) == "/media/lion.jpg"


def test_a_url_of_another_storage_is_escaped_as_text_of_a_page_is() -> None:
    elsewhere = Source(key="a", url_of_original="/media/a'b.jpg?x=1&y=2")
    escaped = "/media/a&#x27;b.jpg?x=1&amp;y=2"
    assert render("{% tt_url p w=9 %}", p=elsewhere) == escaped
    assert render("{% tt_url p w=9 as u %}{{ u }}", p=elsewhere) == escaped
    plain = "{% autoescape off %}{% tt_url p w=9 %}{% endautoescape %}"
    assert render(plain, p=elsewhere) == elsewhere.url_of_original


def test_the_version_goes_into_the_url() -> None:
    versioned = Source(key="lion.jpg", version=VERSION)
    assert render("{% tt_url p w=9 %}", p=versioned) == f"{HOST}/t/lion.jpg/w_9~v_{VERSION}"
    assert render("{% tt_url p 'card' %}", p=versioned) == f"{HOST}/t/lion.jpg/card~v_{VERSION}"


SIGNED = [
    # unsigned, originals, spec, whether it has to be signed
    ("any", "public", "w_640", False),
    ("any", "public", "w_640~dpr_1.5", False),
    ("any", "public", "w_640~dpr_1.7", True),
    ("any", "public", "f_original", False),
    ("any", "signed", "f_original", True),
    ("presets", "signed", "card", False),
    ("presets", "signed", "card~dpr_2~f_webp~v_0123456789abcdef", False),
    ("presets", "signed", "card~dpr_4", True),
    ("presets", "signed", "card~q_50", True),
    ("presets", "signed", "card~f_json", True),
    ("presets", "signed", "card~exp_1900000000", True),
    ("presets", "public", "w_640", True),
    ("presets", "public", "f_original", True),
    ("none", "signed", "card", True),
]


@pytest.mark.parametrize(("unsigned", "originals", "spec", "is_signed"), SIGNED)
def test_signed_where_the_service_asks_for_it(
    unsigned: Any, originals: Any, spec: str, is_signed: bool
) -> None:
    site = Settings(
        signing_key=KEY, unsigned=unsigned, originals=originals, presets=PRESETS, public_url=HOST
    )
    signature = f"~sig_{sign(KEY, 'lion.jpg', spec)}" if is_signed else ""
    assert url("lion.jpg", spec, settings=site) == f"{HOST}/t/lion.jpg/{spec}{signature}"


def test_originals() -> None:
    public = Settings(public_url=HOST)
    assert original_url("a b.jpg", settings=public) == f"{HOST}/o/a%20b.jpg"
    attachment = original_url("a.jpg", download="report-1.pdf", settings=public)
    assert attachment == f"{HOST}/t/a.jpg/f_original~dl_report-1.pdf"
    signed = Settings(public_url=HOST, signing_key=KEY, originals="signed", unsigned="presets")
    signature = sign(KEY, "a.jpg", f"f_original~v_{VERSION}")
    versioned = Source(key="a.jpg", version=VERSION)
    path = f"/t/a.jpg/f_original~v_{VERSION}~sig_{signature}"
    assert original_url(versioned, settings=signed) == HOST + path


def test_expiry() -> None:
    site = Settings(public_url=HOST, signing_key=KEY)
    date = datetime(2030, 1, 1, tzinfo=timezone.utc)
    assert "~exp_1893456000~sig_" in url("a.jpg", "w_9", expires=date, settings=site)
    for span in (60, timedelta(minutes=1)):
        assert "~exp_" in url("a.jpg", "w_9", expires=span, settings=site)
    with pytest.raises(ValueError, match="time zone"):
        url("a.jpg", "w_9", expires=datetime(2030, 1, 1), settings=site)


# ---- srcset, sizes, width and height

LAYOUTS = [
    # what, source, arguments, descriptors, width and height, sizes
    ("the ladder, up to the original", SMALL, "", "320w 480w 600w", (600, 400), "auto, 100vw"),
    (
        "the whole ladder",
        LION,
        "",
        "320w 480w 640w 960w 1280w 1600w 1920w 2560w",
        (2560, 1920),
        "auto, 100vw",
    ),
    ("a ladder of its own", LION, "widths='640,320'", "320w 640w", (640, 480), "auto, 100vw"),
    ("sizes pass through", SMALL, "sizes='50vw'", "320w 480w 600w", (600, 400), "50vw"),
    ("sizes may be auto", SMALL, "sizes='auto'", "320w 480w 600w", (600, 400), "auto"),
    ("eager", SMALL, "loading='eager'", "320w 480w 600w", (600, 400), "100vw"),
    ("a box with sizes", LION, "w=400 sizes='9em'", "320w 400w 480w 640w 800w", (400, 300), "9em"),
    (
        "a cut with sizes, as wide as the original allows",
        SMALL,
        "w=400 h=300 fit='cover' sizes='9em'",
        "320w 400w 480w 533w",
        (400, 300),
        "9em",
    ),
    ("a ratio", SMALL, "ratio='16/9'", "320w 480w 600w", (600, 338), "auto, 100vw"),
    ("a ratio of a tall cut", SMALL, "ratio='1/2'", "200w", (200, 400), None),
    ("larger than any answer may be", Source(key="p", width=20000, height=2000), "widths='640,960'",
     "640w 960w", (960, 96), "auto, 100vw"),
    ("higher than any answer may be", Source(key="p", width=2000, height=20000),
     "widths='640,960,1920'", "640w 960w", (960, 9600), "auto, 100vw"),
    ("a ratio and a width", LION, "w=320 ratio='16/9'", "1x 2x", (320, 180), None),
    ("a ratio and a height", LION, "h=180 ratio='16/9'", "1x 2x", (320, 180), None),
    ("a ratio and a preset of one side", LION, "'big' ratio='1/1'", "1x 2x", (300, 300), None),
    ("a turned picture", SMALL, "rot=90", "320w 400w", (400, 600), "auto, 100vw"),
    ("a crop", LION, "crop='0x0x500x500'", "320w 480w 500w", (500, 500), "auto, 100vw"),
    ("a fixed width", LION, "w=400", "1x 2x", (400, 300), None),
    ("a fixed height", LION, "h=300", "1x 2x", (400, 300), None),
    ("not quite 2x", SMALL, "w=400", "1x 1.5x", (400, 267), None),
    ("never enlarged", SMALL, "w=600", "", (600, 400), None),
    ("never enlarged, and right about it", SMALL, "w=800", "", (600, 400), None),
    ("enlarged only as asked", SMALL, "w=800 up=1", "", (800, 533), None),
    ("enlarged only as asked, with sizes", SMALL, "w=700 up=1 sizes='9em'", "320w 480w 640w 700w",
     (700, 467), "9em"),
    ("a preset", LION, "'card'", "1x 2x", (400, 300), None),
    ("a preset of a small picture", SMALL, "'card'", "1x 1.3325x", (400, 300), None),
    ("a preset that enlarges", Source(key="s", width=200, height=100), "'big'", "", (300, 150),
     None),
    ("a preset with sizes", SMALL, "'inside' sizes='9em'", "320w 400w 480w 600w", (400, 267),
     "9em"),
    ("padding", LION, "w=100 h=100 fit='pad'", "1x 2x", (100, 100), None),
    ("padding that would shrink the picture", SMALL, "w=800 h=800 fit='pad'", "", (800, 800),
     None),
    ("unknown: nothing is promised", UNKNOWN, "w=400", "", (None, None), None),
    ("unknown, but its place is", UNKNOWN, "w=400 h=300 fit='cover'", "", (400, 300), None),
    ("unknown, as wide as may be", UNKNOWN, "", "", (None, None), None),
    ("unknown, but of a shape", UNKNOWN, "ratio='16/9'", "", (1280, 720), None),
    ("not in the service", ELSEWHERE, "w=300 h=300 fit='cover'", "", (300, 200), None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "arguments", "descriptors", "size", "sizes"),
    [case[1:] for case in LAYOUTS],
    ids=[case[0] for case in LAYOUTS],
)
def test_layout(
    source: Source,
    arguments: str,
    descriptors: str,
    size: tuple[int | None, int | None],
    sizes: str | None,
) -> None:
    img = image(render("{% tt_img p " + arguments + " alt='' %}", p=source))
    found = [candidate.split() for candidate in (img.get("srcset") or "").split(",") if candidate]
    if len(descriptors.split()) > 1:
        assert " ".join(descriptor for _, descriptor in found) == descriptors
        assert len({address for address, _ in found}) == len(found)
        assert img["src"] in [address for address, _ in found]
    else:
        assert "srcset" not in img  # there is nothing to choose
    assert (img.get("width"), img.get("height")) == tuple(side and str(side) for side in size)
    assert img.get("sizes") == sizes


TRANSPARENT = "YJqGPQw7sFlslqhFafSE+Q6oJ1h2iHB2Rw=="

PLAIN = [
    # what, source, arguments, the spec of src
    ("the nearest of the ladder", LION, "", "w_1280~f_jpeg"),
    ("not wider than the original", SMALL, "", "w_600~f_jpeg"),
    ("a ladder of its own", LION, "widths='500,1000,2000'", "w_1000~f_jpeg"),
    ("a ladder of wide ones alone", LION, "widths='2000,3000'", "w_2000~f_jpeg"),
    ("a ratio", LION, "ratio='16/9'", "w_1280~h_720~fit_cover~f_jpeg"),
    ("a box with sizes", LION, "w=400 sizes='9em'", "w_400~f_jpeg"),
    ("a wide box with sizes", LION, "w=2000 sizes='99vw'", "w_1280~f_jpeg"),
    ("a format that was asked for", LION, "f='webp'", "w_1280~f_webp"),
    ("formats for browsers", LION, "formats='avif,webp'", "w_1280~f_jpeg"),
    (
        "transparent",
        Source(key="logo.png", width=4000, height=3000, placeholder=TRANSPARENT),
        "",
        "w_1280~f_png",
    ),
    ("perhaps transparent", Source(key="a.webp", width=4000, height=3000), "", "w_1280"),
    ("a photograph by its name", Source(key="a.JPG", width=4000, height=3000), "", "w_1280~f_jpeg"),
    ("of a fixed size: browsers take it too", LION, "w=400", "w_400"),
]


@pytest.mark.parametrize(
    ("source", "arguments", "spec"), [case[1:] for case in PLAIN], ids=[case[0] for case in PLAIN]
)
def test_what_mail_and_crawlers_take_is_of_middling_size_and_for_all(
    source: Source, arguments: str, spec: str
) -> None:
    html = render("{% tt_picture p " + arguments + " alt='' %}", p=source)
    img = elements(html)[-1][1]
    assert img["src"] == f"{HOST}/t/{source.key}/{spec}"
    tag = "{% tt_img p " + arguments.replace("formats='avif,webp'", "") + " alt='' %}"
    alone = image(render(tag, p=source))
    assert (img["width"], img["height"]) == (alone["width"], alone["height"])


def test_what_is_not_in_the_service_is_shown_as_it_is() -> None:
    img = image(render("{% tt_img p 'card' alt='' %}", p=ELSEWHERE))
    assert img["src"] == "/media/old.jpg"
    [(_, source), _] = elements(
        render(
            "{% tt_picture p alt='' formats='avif' %}{% tt_source media='print' ratio='1/1' %}"
            "{% endtt_picture %}",
            p=ELSEWHERE,
        )
    )[1:]
    assert (source["srcset"], source.get("type")) == ("/media/old.jpg", None)
    assert render("{% tt_url p w=9 %}", p=ELSEWHERE) == "/media/old.jpg"


ATTRIBUTES = [
    ("", {"loading": "lazy", "decoding": "async"}),
    ("loading='eager' decoding='sync'", {"loading": "eager", "decoding": "sync"}),
    (
        "fetchpriority='high'",
        {"loading": "eager", "decoding": "async", "fetchpriority": "high"},
    ),
    (
        "class='hero' data_id=7 aria_hidden='true' hidden=True title=None id=False",
        {
            "loading": "lazy",
            "decoding": "async",
            "class": "hero",
            "data-id": "7",
            "aria-hidden": "true",
            "hidden": "",
        },
    ),
    (
        "aria_hidden=True aria_busy=False translate=True",
        {
            "loading": "lazy",
            "decoding": "async",
            "aria-hidden": "true",
            "aria-busy": "false",
            "translate": "",
        },
    ),
    (
        "placeholder='colour'",
        {"loading": "lazy", "decoding": "async", "style": "background-color:#777b6d"},
    ),
    (
        "placeholder='colour' style='font-family:&quot;A&quot;'",
        {
            "loading": "lazy",
            "decoding": "async",
            "style": 'background-color:#777b6d;font-family:"A"',
        },
    ),
    (
        "placeholder='colour' style='color:red'",
        {"loading": "lazy", "decoding": "async", "style": "background-color:#777b6d;color:red"},
    ),
]


@pytest.mark.parametrize(("arguments", "expected"), ATTRIBUTES)
def test_attributes(arguments: str, expected: dict[str, str]) -> None:
    img = image(render("{% tt_img p w=100 alt='A lion' " + arguments + " %}", p=LION))
    fixed = {"src", "srcset", "width", "height"}
    rest = {name: value for name, value in img.items() if name not in fixed}
    assert rest == {"alt": "A lion", **expected}


def test_placeholder_as_a_picture() -> None:
    img = image(render("{% tt_img p w=100 alt='' placeholder='image' %}", p=LION))
    style = img["style"] or ""
    assert style.startswith("background:center/cover no-repeat url(data:image/png;base64,")


def test_no_placeholder_behind_transparency() -> None:
    transparent = Source(key="a.png", placeholder="YJqGPQw7sFlslqhFafSE+Q6oJ1h2iHB2Rw==")
    for source in (transparent, UNKNOWN, Source(key="a.jpg", placeholder="<b>")):
        assert "style" not in image(render("{% tt_img p alt='' placeholder='colour' %}", p=source))


def test_no_placeholder_behind_a_transparent_canvas() -> None:
    template = "{% tt_img p w=200 h=50 fit='pad' alt='' placeholder='colour' BG %}"
    for background, has_style in (("", False), ("bg='ffffff80'", False), ("bg='fff'", True)):
        img = image(render(template.replace("BG", background), p=LION))
        assert ("style" in img) == has_style, background


# ---- <picture>


def test_a_picture_alone_leaves_the_format_to_negotiation() -> None:
    html = render("{% tt_picture p w=100 alt='' %}", p=LION)
    assert [tag for tag, _ in elements(html)] == ["picture", "img"]
    assert html.endswith("</picture>")


@pytest.mark.parametrize("how", ["argument", "setting"])
def test_formats(how: str, settings: SiteSettings) -> None:
    argument = "formats='avif,webp'" if how == "argument" else ""
    if how == "setting":
        settings.TINTYPE = {"URL": HOST, "FORMATS": ("avif", "webp")}
    html = render("{% tt_picture p w=100 alt='' " + argument + " %}", p=LION)
    found = elements(html)
    assert [tag for tag, _ in found] == ["picture", "source", "source", "img"]
    assert [a.get("type") for tag, a in found if tag == "source"] == ["image/avif", "image/webp"]
    assert found[1][1]["srcset"] == (
        f"{HOST}/t/lion.jpg/w_100~f_avif 1x, {HOST}/t/lion.jpg/w_100~dpr_2~f_avif 2x"
    )
    assert found[3][1]["src"] == f"{HOST}/t/lion.jpg/w_100"


def test_the_format_of_a_preset_decides_alone(settings: SiteSettings) -> None:
    settings.TINTYPE = {"URL": HOST, "FORMATS": ("avif",), "PRESETS": {"photo": "w_100~f_jpeg"}}
    html = render("{% tt_picture p 'photo' alt='' %}", p=LION)
    assert [tag for tag, _ in elements(html)] == ["picture", "img"]


def test_art_direction() -> None:
    template = """{% tt_picture p w=800 alt='A lion' sizes='50vw' formats='webp' as picture %}
        {% if is_narrow %}{% tt_source media='(max-width: 600px)' ratio='1/1' %}{% endif %}
        {% tt_source other media='print' w=300 formats='' %}
        {% tt_source nothing media='(min-width: 1px)' %}
    {% endtt_picture %}{{ picture }}{{ picture.img.width }}"""
    html = render(template, p=LION, other=SMALL, is_narrow=True, nothing="")
    found = [a for tag, a in elements(html) if tag == "source"]
    assert [(a.get("media"), a.get("type"), a.get("sizes")) for a in found] == [
        ("(max-width: 600px)", "image/webp", "50vw"),
        ("(max-width: 600px)", None, "50vw"),
        ("print", None, None),
        (None, "image/webp", "50vw"),
    ]
    assert (found[0]["width"], found[0]["height"]) == ("2560", "2560")
    assert f"{HOST}/t/small.jpg/w_300 1x" in (found[2]["srcset"] or "")
    assert html.endswith("</picture>800")


def test_pictures_with_and_without_an_end_stand_together() -> None:
    html = render(
        "{% tt_picture p w=1 alt='' %}"
        "{% tt_picture p w=2 alt='' %}{% tt_source media='print' w=3 %}{% endtt_picture %}"
        "{% tt_picture p w=4 alt='' %}",
        p=LION,
    )
    names = [tag for tag, _ in elements(html)]
    assert names == ["picture", "img", "picture", "source", "img", "picture", "img"]


def test_no_picture_shows_nothing() -> None:
    for tag in ("tt_url p", "tt_img p alt=''", "tt_picture p alt=''"):
        for nothing in ("", None, Photo().image):
            assert render("{% " + tag + " %}", p=nothing) == ""
            stored = "{% " + tag + " as x %}{% if x %}some{% else %}none{% endif %}"
            assert render(stored, p=nothing) == "none"


def test_what_is_said_of_no_picture_is_not_looked_at() -> None:
    """Such as that of a row that another row may have, and has not."""
    arguments = "article.hero.image w=article.hero.w ratio=article.hero.ratio"
    source = "{% tt_source media='print' w=article.hero.w %}"
    for template in (
        "{% tt_url article.hero.image w=article.hero.w %}",
        "{% tt_img " + arguments + " alt=article.hero.alt %}",
        "{% tt_picture " + arguments + " alt='' %}" + source + "{% endtt_picture %}",
    ):
        assert render(template, article={"hero": None}) == ""
    jinja = environment().from_string(
        "{{ tt_img(hero.image, w=hero.w, alt='') }}{{ tt_picture(hero.image, w=hero.w, alt='', "
        "sources=[tt_source(hero.image, w=hero.w, media='print')]) }}"
    )
    assert jinja.render(hero=None) == ""


def test_parts_of_what_is_stored() -> None:
    template = "{% tt_img p w=100 alt='' as i %}{{ i.src }} {{ i.width }}x{{ i.height }} {{ i.x }}"
    assert render(template, p=LION) == f"{HOST}/t/lion.jpg/w_100 100x75 "
    # What there is not is empty, and not the word None.
    template = "{% tt_img p w=100 alt='' as i %}[{{ i.srcset }}{{ i.width }}{{ i.sizes }}]"
    assert render(template, p=UNKNOWN) == "[]"


# ---- Mistakes

MISTAKES = [
    # arguments of tt_img, what the message says
    ("p", "tt_img: alt: is missing"),
    ("p width=3 alt=''", "tt_img: width: unknown argument, did you mean w"),
    ("p load='lazy' alt=''", "tt_img: load: unknown argument, did you mean loading"),
    ("p onclick='x' alt=''", "tt_img: onclick: unknown argument"),
    ("p data-id='7' alt=''", "tt_img: data-id: is written data_id here"),
    ("p dpr=2 alt=''", "tt_img: dpr: unknown argument"),
    ("p w=0 alt=''", "tt_img: w: must be a whole number from 1 to 8192, not '0'"),
    ("p w=9999 h=height alt=''", "tt_img: w: must be a whole number from 1 to 8192, not '9999'"),
    ("p w=True alt=''", "tt_img: w: must not be True"),
    ("p fit='fill' alt=''", "tt_img: fit: must be one of contain cover stretch pad"),
    ("p fit='cover' w=9 alt=''", "tt_img: fit: other than contain needs both w and h"),
    ("p g='n' w=9 alt=''", "tt_img: g: needs fit_cover or fit_pad"),
    ("p w=9 h=9 fit='cover' g='smart' alt=''", "tt_img: g_smart: g_smart is not yet supported"),
    ("p 'crad' alt=''", "tt_img: crad: no such preset, did you mean card"),
    ("p 'w_0' alt=''", "tt_img: w: must be"),
    ("p 'f_original' alt=''", "tt_img: f: original is no picture"),
    ("p ratio='wide' alt=''", "tt_img: ratio: must be width/height such as 16/9"),
    ("p ratio='1/0' alt=''", "tt_img: ratio: must be width/height"),
    ("p ratio='1/1' w=1 h=2 alt=''", "tt_img: ratio: w and h say it already"),
    ("p 'card' ratio='1/1' alt=''", "tt_img: ratio: w and h say it already"),
    ("p widths='1,x' alt=''", "tt_img: widths: must be whole numbers"),
    ("p sizes='auto' loading='eager' alt=''", "tt_img: sizes: auto needs loading=lazy"),
    ("p loading='slow' alt=''", "tt_img: loading: must be one of lazy eager"),
    ("p placeholder='x' alt=''", "tt_img: placeholder: must be one of colour image"),
    ("p expires='x' alt=''", "tt_img: expires: must be seconds from now"),
    ("p formats='avif' alt=''", "tt_img: formats: unknown argument"),
    ("p 'card' 'card' alt=''", "tt_img: 'card': expected name=value"),
    ("p w=1 'card' alt=''", "tt_img: 'card': expected name=value"),
    ("p w=1 w=2 alt=''", "tt_img: w: is given twice"),
    ("alt=''", "tt_img: needs a picture"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_mistakes_show_when_the_template_is_compiled(arguments: str, message: str) -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        Template("{% load tintype %}{% tt_img " + arguments + " %}")
    assert str(caught.value).startswith(message)


OTHER_MISTAKES = [
    ("{% tt_source media='print' %}", "tt_source: stands between tt_picture and endtt_picture"),
    ("{% tt_picture p alt='' %}{% tt_source w=1 %}{% endtt_picture %}", "tt_source: media: is"),
    ("{% tt_picture p alt='' %}text{% endtt_picture %}", "tt_picture: holds nothing but"),
    ("{% tt_picture p formats='gif' alt='' %}", "tt_picture: formats: must be some of avif"),
    ("{% tt_url p alt='' %}", "tt_url: alt: unknown argument"),
    (
        "{% tt_picture p alt='' %}{% tt_source media='print' as x %}{% endtt_picture %}",
        "tt_source: has no as",
    ),
    ("{% tt_picture p alt='' %}{% %}", "Empty block tag on line 1"),
]


@pytest.mark.parametrize(("template", "message"), OTHER_MISTAKES)
def test_other_mistakes(template: str, message: str) -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        Template("{% load tintype %}" + template)
    assert str(caught.value).startswith(message)


def test_mistakes_in_variables_show_when_they_are_rendered() -> None:
    template = Template("{% load tintype %}{% tt_img p w=width expires=when alt='' %}")
    with pytest.raises(ValueError, match="tt_img: w: must be a whole number"):
        template.render(Context({"p": LION, "width": "x" * 10_000, "when": None}))
    with pytest.raises(ValueError, match="tt_img: expires: must be seconds from now"):
        template.render(Context({"p": LION, "width": 9, "when": datetime(2030, 1, 1)}))
    with pytest.raises(ValueError, match=r"tt_img: w: card\.width has no value here"):
        render("{% tt_img p w=card.width alt='' %}", p=LION)


@pytest.mark.parametrize(("loading", "is_refused"), [("eager", True), ("lazy", False)])
def test_sizes_of_a_source_may_be_auto_if_the_picture_is_lazy(
    loading: str, is_refused: bool
) -> None:
    template = (
        "{% tt_picture p alt='' loading=loading %}"
        "{% tt_source media='print' ratio='1/1' sizes='auto' %}{% endtt_picture %}"
    )
    if is_refused:
        with pytest.raises(ValueError, match="tt_source: sizes: auto needs loading=lazy"):
            render(template, p=LION, loading=loading)
    else:
        assert 'sizes="auto"' in render(template, p=LION, loading=loading)


def test_what_is_no_picture_is_named() -> None:
    with pytest.raises(TypeError, match="not as int"):
        render("{% tt_img p alt='' %}", p=7)
    with pytest.raises(ValueError, match="is a URL, a picture is given as the file"):
        render("{% tt_img p alt='' %}", p=f"{HOST}/o/lion.jpg")


# ---- Hostile values

HOSTILE = [
    '"><script>alert(1)</script>',
    "' onerror='alert(1)",
    "a.jpg 1x, evil.jpg",
    "javascript:alert(1)",
    "\r\nSet-Cookie: x",
    "naïve 🦁 & \u202e",
    "%2e%2e/%00",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_gets_out_of_its_attribute(text: str) -> None:
    template = "{% tt_picture p alt=text class=text data_x=text sizes=text w=9 formats='webp' %}"
    for given in (text, mark_safe(text)):
        found = elements(render(template, p=Source(key=text, width=99, height=99), text=given))
        assert [tag for tag, _ in found] == ["picture", "source", "img"]
        img = found[2][1]
        assert (img["alt"], img["class"], img["data-x"]) == (text, text, text)
        address = img["src"] or ""
        assert address.startswith(f"{HOST}/t/") and address.isascii() and " " not in address
        assert not any(name.startswith("on") for name in img)


def test_literals_keep_their_entities() -> None:
    html = render("""{% tt_img p alt='&copy; "Leo" <b>' w=9 %}""", p=LION)
    assert 'alt="&copy; &quot;Leo&quot; &lt;b&gt;"' in html


@pytest.mark.parametrize(
    "key", ["a/../b", "./a", "a/", "\0", ".tintype/records/x", "x" * 1025, "\ud800"]
)
def test_names_that_no_original_has(key: str) -> None:
    with pytest.raises(InvalidKey) as caught:
        render("{% tt_url p %}", p=Source(key=key))
    assert len(str(caught.value)) < 200


# ---- Asking nobody

_forbidden: list[str] | None = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _forbidden is not None and event in ("open", "socket.connect", "socket.getaddrinfo"):
        _forbidden.append(f"{event} {arguments[:1]}")


sys.addaudithook(_audit)


@contextmanager
def asking_nobody() -> Iterator[None]:
    """Every opened file and every connection of the process is seen, whoever makes it."""
    global _forbidden
    seen: list[str] = []
    _forbidden = seen
    try:
        yield
    finally:
        _forbidden = None
    assert seen == []


def test_the_guard_sees_what_it_should() -> None:
    with pytest.raises(AssertionError), asking_nobody(), open(__file__):
        pass


@pytest.mark.django_db
def test_tags_ask_nobody(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    Photo.objects.create(image="photos/lion.jpg", width=4000, height=3000)
    template = Template(
        "{% load tintype %}{% for p in photos %}{% tt_url p.image 'card' %}"
        "{% tt_img p.image ratio='16/9' alt='' placeholder='image' %}"
        "{% tt_picture p.image alt='' w=w formats='avif,webp' %}"
        "{% tt_source media='print' ratio='1/1' %}{% endtt_picture %}{% endfor %}"
    )
    photos = {"loaded": [Photo.objects.get()], "deferred": [Photo.objects.get()]}
    # Django's ImageField would load them at once; as a plain FileField leaves them:
    del photos["deferred"][0].__dict__["width"]
    template.render(Context({"photos": photos["loaded"], "w": 300}))  # imports what it needs
    with django_assert_num_queries(0), asking_nobody():
        loaded = template.render(Context({"photos": photos["loaded"], "w": 300}))
        deferred = template.render(Context({"photos": photos["deferred"], "w": 300}))
    assert 'width="2560" height="1440"' in loaded
    assert f"{HOST}/t/photos/lion.jpg/card" in loaded
    # What was not loaded is not known, which is no reason to ask.
    assert "1440" not in deferred
    assert f"{HOST}/t/photos/lion.jpg/card" in deferred


def test_pictures_of_one_size_and_design_are_laid_out_once() -> None:
    srcset._lay_out.cache_clear()
    pictures_of_a_camera = [
        Source(key=f"{n}.jpg", width=6000, height=4000, focal=(n / 10, 0.5)) for n in range(9)
    ]
    html = render(
        "{% for p in all %}{% tt_picture p alt='' %}{% endfor %}", all=pictures_of_a_camera
    )
    assert html.count("<picture>") == 9
    assert srcset._lay_out.cache_info().misses == 1


def test_files_of_other_storages_are_shown_by_their_own_url() -> None:
    photo = Photo(image="photos/lion.jpg", width=600, height=400)
    photo.image.storage = FileSystemStorage(base_url="/media/")
    img = image(render("{% tt_img p w=300 alt='' %}", p=photo.image))
    assert (img["src"], img["width"], img["height"]) == ("/media/photos/lion.jpg", "300", "200")


def test_files_that_wait_are_shown_from_where_they_wait(
    settings: SiteSettings, tmp_path: Path
) -> None:
    settings.TINTYPE = {
        "URL": HOST,
        "DEFERRED_ROOT": str(tmp_path),
        "DEFERRED_ROOT_IS_SHARED_AND_DURABLE": True,
    }
    storage = DeferredTintypeStorage()
    name = storage.save("lion.jpg", ContentFile(b"not looked at"))
    address = storage.url(name)  # imports the URLconf
    photo = Photo(image=name, width=600, height=400)
    photo.image.storage = storage
    with asking_nobody():
        waiting = image(render("{% tt_img p w=300 alt='' %}", p=photo.image))
    assert (waiting["src"], waiting["width"]) == (address, "300")
    assert "srcset" not in waiting
    storage.delete(name)
    moved = image(render("{% tt_img p w=300 alt='' %}", p=photo.image))
    assert moved["src"] == f"{HOST}/t/{name}/w_300"


COLUMNS = [
    ({}, "w_9~h_9~fit_cover~v_0123456789abcdef", True),
    ({"width": None}, "w_9~h_9~fit_cover~v_0123456789abcdef", False),
    ({"width": 0, "height": -1}, "w_9~h_9~fit_cover~v_0123456789abcdef", False),
    ({"version": ""}, "w_9~h_9~fit_cover", True),
    ({"version": "'\"><b>"}, "w_9~h_9~fit_cover", True),
    ({"focal": "nonsense", "placeholder": "<b>"}, "w_9~h_9~fit_cover~v_0123456789abcdef", True),
]


@pytest.mark.parametrize(("changes", "spec", "knows_size"), COLUMNS)
def test_columns(changes: dict[str, Any], spec: str, knows_size: bool) -> None:
    """Whatever stands in them, the page is shown."""
    photo = Photo(image="a.jpg", width=90, height=60)
    photo.__dict__ |= {"version": VERSION, "focal": "0.3x0.5", "placeholder": THUMBHASH, **changes}
    field = photo.image.field
    options = {f"{name}_field": name for name in ("version", "focal", "placeholder")}
    with pytest.MonkeyPatch.context() as patch:
        for name, column in options.items():
            patch.setattr(field, name, column, raising=False)
        source = Source.of(photo.image)
        html = render("{% tt_img p w=9 h=9 fit='cover' alt='' placeholder='colour' %}", p=source)
    assert image(html)["src"] == f"{HOST}/t/a.jpg/{spec}"
    assert ("srcset" in image(html)) == knows_size
    assert (source.focal == (0.3, 0.5)) == ("focal" not in changes)


# ---- Jinja2

JINJA: list[tuple[str, str]] = [
    ("{{ tt_url(p, 'card', dpr=2) }}", "{% tt_url p 'card' dpr=2 %}"),
    ("{{ tt_img(p, w=9, alt='<', class='x') }}", "{% tt_img p w=9 alt=less class='x' %}"),
    (
        "{{ tt_picture(p, alt='', sources=[tt_source(media='print', ratio='1/1')]) }}",
        "{% tt_picture p alt='' %}{% tt_source media='print' ratio='1/1' %}{% endtt_picture %}",
    ),
    (
        "{{ tt_picture(p, alt='', sources=[tt_source(missing, media='print')]) }}",
        "{% tt_picture p alt='' %}{% tt_source missing media='print' %}{% endtt_picture %}",
    ),
    # What Jinja2 has escaped is not escaped again.
    ("{{ tt_img(p, w=9, alt='<&'|e) }}", "{% tt_img p w=9 alt='&lt;&amp;' %}"),
    ("{{ tt_img(missing, alt='') }}", "{% tt_img missing alt='' %}"),
    ("{{ tt_url(none) }}{{ tt_picture('', alt='') }}", ""),
]


@pytest.mark.parametrize(("template", "same_in_django"), JINJA)
@pytest.mark.parametrize(
    "make",
    [
        lambda: environment(autoescape=True),
        lambda: jinja2.Environment(
            autoescape=True, extensions=["django_tintype.jinja2.TintypeExtension"]
        ),
    ],
    ids=["environment", "extension"],
)
def test_jinja2(make: Callable[[], jinja2.Environment], template: str, same_in_django: str) -> None:
    assert make().from_string(template).render(p=LION) == render(same_in_django, p=LION, less="<")


def test_mistakes_in_jinja2_and_python() -> None:
    with pytest.raises(ValueError, match="tt_img: alt: is missing"):
        environment().from_string("{{ tt_img(p) }}").render(p=LION)
    with pytest.raises(ValueError, match="tt_url: w: must be"):
        pictures.tt_url("lion.jpg", w=0)


def test_settings_are_read_when_a_picture_is_shown(settings: SiteSettings) -> None:
    template = Template("{% load tintype %}{% tt_url 'a.jpg' 'card' %}")
    settings.TINTYPE = {"URL": "http://other.example", "PRESETS": PRESETS}
    assert template.render(Context()) == "http://other.example/t/a.jpg/card"
