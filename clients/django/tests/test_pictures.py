"""The output of `tt_img` and `tt_picture`: attributes, placeholders, formats and art direction.

URLs, sizes, mistakes, Jinja2 and the absence of I/O have their own modules.
"""

from __future__ import annotations

import pytest
from pytest_django import Settings as SiteSettings

from django_tintype.delivery.source import Source
from django_tintype.jinja2 import environment
from tests.markup import HOST, LION, SMALL, UNKNOWN, elements, image, render
from tests.markup import site as site
from tests.shelf.models import Photo

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
    """Such as the image of an optional related row that is missing."""
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
    # Missing values are empty, not the word None.
    template = "{% tt_img p w=100 alt='' as i %}[{{ i.srcset }}{{ i.width }}{{ i.sizes }}]"
    assert render(template, p=UNKNOWN) == "[]"
