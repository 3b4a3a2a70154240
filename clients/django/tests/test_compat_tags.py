"""A site that changes `{% load thumbnail %}` to `{% load tintype_sorl %}` or `tintype_easy` keeps
its templates: the tags' syntax, the sizes in their output, and what happens without an image.

What tintype cannot do is an error that names it, when the template is compiled if it is a literal.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.template import Context, Template, TemplateSyntaxError
from django.template.backends.django import DjangoTemplates
from pytest_django import DjangoAssertNumQueries
from pytest_django import Settings as SiteSettings

from django_tintype.compat import preset_of_alias, presets_of_aliases
from django_tintype.compat.errors import CompatError
from django_tintype.delivery.source import Source
from tests.markup import asking_nobody
from tests.shelf.models import Photo

HOST = "http://media.example"
ALIASES: dict[str, dict[str, dict[str, Any]]] = {
    "": {
        "small": {"size": (20, 20), "crop": True},
        "medium_large": {"size": (400, 300), "background": "#fff"},
    },
    "shelf": {"small": {"size": (30, 30), "crop": True}},
    "shelf.Photo.image": {"tiny": {"size": (10, 0)}},
}

SQUARE = Source(key="500x500.jpg", width=500, height=500)
LION = Source(key="lion.jpg", width=800, height=600, version="0123456789abcdef")
TALL = Source(key="tall.jpg", width=100, height=120)
UNKNOWN = Source(key="unknown.jpg")


@pytest.fixture(autouse=True)
def _site(settings: SiteSettings) -> None:
    settings.TINTYPE = {"URL": HOST}
    settings.THUMBNAIL_ALIASES = ALIASES


def render(library: str, template: str, **context: object) -> str:
    return Template("{% load tintype_" + library + " %}" + template).render(Context(context))


# ---- sorl-thumbnail. The first cases are those of its own tests.

SIZE = "{{ im.x }}x{{ im.y }} margin {{ im|margin:'200x100' }}"

SORL = [
    (
        "{% thumbnail p '200x100' crop='50% 50%' as im %}" + SIZE + "{% endthumbnail %}",
        SQUARE,
        "200x100 margin 0px 0px 0px 0px",
    ),
    (
        "{% thumbnail p '200x100' format='PNG' quality=99 as im %}" + SIZE + "{% endthumbnail %}",
        SQUARE,
        "100x100 margin 0px 50px 0px 50px",
    ),
    (
        "{% thumbnail p '100x100' as th %}{% thumbnail p '400x400' as im %}{{ th.width }} in "
        "{{ im.width }}{% endthumbnail %}{% endthumbnail %}",
        SQUARE,
        "100 in 400",
    ),
    (
        "{% thumbnail p dims as im %}{{ im.x }}x{{ im.y }}{% endthumbnail %}",
        Source(key="a.jpg", width=120, height=100),
        "79x66",
    ),
    (
        "{% if p|is_portrait %}{% thumbnail p '1x1' as im %}{{ im.x }}x{{ im.y }}"
        "{% endthumbnail %}{% endif %}",
        TALL,
        "1x1",
    ),
    ("{% thumbnail p '30x30' as im %}{{ im }}{% empty %}<p>empty{{ im }}</p>{% endthumbnail %}",
     None, "<p>empty</p>"),
    ("{% thumbnail p '30x30' as im %}{{ im }}{% endthumbnail %}", "", ""),
    ("{% thumbnail p '30x30' %}", "", ""),
    ("{% thumbnail p '300' %}", LION, f"{HOST}/t/lion.jpg/w_300~up_1~v_0123456789abcdef"),
    (
        "{% thumbnail p '300x100' crop='top' quality=q %}",
        LION,
        f"{HOST}/t/lion.jpg/w_300~h_100~fit_cover~g_n~up_1~q_70~v_0123456789abcdef",
    ),
    (
        "{% thumbnail p '100x100' options=options as im %}{{ im.url }}{% endthumbnail %}",
        SQUARE,
        f"{HOST}/t/500x500.jpg/w_100~h_100~fit_cover~up_1~q_77",
    ),
    (
        "{% thumbnail p '100x100' as im %}{{ im.url|resolution:'2x' }} "
        "{{ im.src|resolution:'1.5x' }}{% endthumbnail %}",
        SQUARE,
        f"{HOST}/t/500x500.jpg/w_100~h_100~dpr_2~up_1 "
        f"{HOST}/t/500x500.jpg/w_100~h_100~dpr_1.5~up_1",
    ),
    (
        "{% thumbnail p '100x100' as im %}{{ im.width }} {{ im.height }} {{ im.ratio }} "
        "{{ im.is_portrait }} {{ im.size.0 }} {{ im.exists }} {{ im.name }}{% endthumbnail %}",
        TALL,
        "83 100 0.83 True 83 True tall.jpg",
    ),
    (
        "{% thumbnail p '90x100' as im %}{{ im|background_margin:'100x100' }}{% endthumbnail %}",
        SQUARE,
        "5.0px 5.0px",
    ),
    # Without columns, sizes are known only if the geometry determines them.
    ("{% thumbnail p '200x100' crop='center' as im %}" + SIZE + "{% endthumbnail %}", UNKNOWN,
     "200x100 margin 0px 0px 0px 0px"),
    ("{% thumbnail p '200x100' as im %}{{ im|margin:'200x100' }}{% endthumbnail %}", UNKNOWN,
     "auto"),
    ("{% thumbnail p '9x9' as im %}[{{ im.width }}{{ im.y }}{{ im.ratio }}]{% endthumbnail %}",
     UNKNOWN, "[]"),
    ("{{ p|is_portrait }}", UNKNOWN, "False"),
    ("{{ p|is_portrait }}", "", "False"),
    ("{{ p|margin:'1x1' }}", "", "auto"),
]  # fmt: skip


@pytest.mark.parametrize(("template", "picture", "expected"), SORL)
def test_sorl(template: str, picture: object, expected: str) -> None:
    options = {"crop": "center", "upscale": True, "quality": 77}
    assert render("sorl", template, p=picture, dims="x66", q="70", options=options) == expected


@pytest.mark.parametrize(
    ("library", "template"),
    [("sorl", "{% thumbnail p '9x9' %}"), ("easy", "{% thumbnail p 9x9 %}")],
)
def test_a_url_of_another_storage_is_escaped_as_text_of_a_page_is(
    library: str, template: str
) -> None:
    elsewhere = Source(key="a", url_of_original="/media/a'b.jpg?x=1&y=2")
    assert render(library, template, p=elsewhere) == "/media/a&#x27;b.jpg?x=1&amp;y=2"
    plain = "{% autoescape off %}" + template + "{% endautoescape %}"
    assert render(library, plain, p=elsewhere) == elsewhere.url_of_original


SORL_MISTAKES = [
    ("{% thumbnail %}", "expected source geometry"),
    ("{% thumbnail source %}", "expected source geometry"),
    ("{% thumbnail source as im %}{% endthumbnail %}", "expected source geometry"),
    ("{% thumbnail as im %}{% endthumbnail %}", "expected source geometry"),
    ("{% thumbnail source '100x100' as im %}{% thumbnail %}", "expected source geometry"),
    ("{% thumbnail source '100x100' crop %}", "not crop"),
    ("{% thumbnail source '100*100' %}", "geometry: must be 200x100, 200 or x100"),
    ("{% thumbnail source '99999' %}", "geometry: must have sides from 1 to 8192"),
    (
        "{% thumbnail source '1x1' crop='smart' %}",
        "crop=smart: tintype cannot do this; set",
    ),
    ("{% thumbnail source '1x1' crop='middle' %}", "crop: must be as in"),
    ("{% thumbnail source '1x1' crop='top left' %}", "crop: must be as in"),
    (
        "{% thumbnail source '1x1' rounded=10 %}",
        "rounded: tintype cannot do this; use",
    ),
    ("{% thumbnail source '1x1' remove_border=True %}", "remove_border: tintype cannot do this"),
    ("{% thumbnail source '1x1' progressive=False %}", "progressive=False: tintype cannot do this"),
    ("{% thumbnail source '1x1' orientation=False %}", "orientation=False: tintype cannot do this"),
    ("{% thumbnail source '1x1' colorspace='CMYK' %}", "colorspace: must be RGB or GRAY"),
    ("{% thumbnail source '1x1' format='BMP' %}", "format: must be one of JPEG"),
    ("{% thumbnail source '1x1' quality=0 %}", "quality: must be from 1 to 100"),
    ("{% thumbnail source '1x1' padding_color='teal' %}", "padding_color: must be a colour"),
    ("{% thumbnail source '1x1' cropbox='1,2,3' %}", "cropbox: must be left,top,right,bottom"),
    ("{% thumbnail source '1x1' kroop=anything %}", "kroop: is not an option of sorl-thumbnail"),
    ("{{ text|html_thumbnails }}", "Invalid filter: 'html_thumbnails'"),
]


@pytest.mark.parametrize(("template", "message"), SORL_MISTAKES)
def test_mistakes_with_sorl(template: str, message: str) -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        Template("{% load tintype_sorl %}" + template)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("picture", "options", "message"),
    [
        ("http://example.org/a.jpg", "", "tintype shows what is stored in it"),
        (SQUARE, "crop=hostile", "crop: must be as in"),
        (SQUARE, "rounded=hostile", "rounded: tintype cannot do this"),
        (UNKNOWN, "crop='30% 10%'", "crop: needs the size of the original"),
        (UNKNOWN, "crop='10px'", "crop: needs the size of the original"),
        (SQUARE, "cropbox='400,0,600,100'", "cropbox: reaches over the edge of 500x500 pixels"),
        (7, "", "not as int"),
    ],
)
def test_sorl_logs_what_it_cannot_show(
    picture: object,
    options: str,
    message: str,
    caplog: pytest.LogCaptureFixture,
    settings: SiteSettings,
) -> None:
    template = (
        "{% thumbnail p '9x9' " + options + " as im %}{{ im }}{% empty %}none{% endthumbnail %}"
    )
    with caplog.at_level(logging.ERROR, "django_tintype"):
        assert render("sorl", template, p=picture, hostile="<'\">" * 99) == "none"
    assert message in caplog.text
    settings.THUMBNAIL_DEBUG = True
    with pytest.raises((CompatError, TypeError), match=message.split("(")[0]):
        render("sorl", template, p=picture, hostile="<'\">" * 99)


def test_settings_of_sorl_hold(settings: SiteSettings) -> None:
    settings.THUMBNAIL_UPSCALE = False
    settings.THUMBNAIL_QUALITY = 60
    settings.THUMBNAIL_FORMAT = "WEBP"
    settings.THUMBNAIL_PADDING = True
    expected = f"{HOST}/t/500x500.jpg/w_90~h_80~fit_pad~q_60~f_webp~bg_ffffff"
    assert render("sorl", "{% thumbnail p '90x80' %}", p=SQUARE) == expected


def test_a_format_that_sorl_preserves_is_not_forced(settings: SiteSettings) -> None:
    """It would remove the transparency of a PNG."""
    settings.THUMBNAIL_FORMAT = "JPEG"
    settings.THUMBNAIL_PRESERVE_FORMAT = True
    clear = Source(key="clear.png", width=500, height=500)
    assert render("sorl", "{% thumbnail p '90' %}", p=clear).endswith("/clear.png/w_90~up_1")
    asked = render("sorl", "{% thumbnail p '90' format='PNG' %}", p=clear)
    assert asked.endswith("/clear.png/w_90~up_1~f_png")


@pytest.mark.parametrize(
    ("expression", "picture", "expected"),
    [
        ("p|is_portrait", "http://example.org/a.jpg", "False"),
        ("p|margin:'200*100'", SQUARE, "auto"),
        ("p|margin:'200x100'", 7, "auto"),
        ("p|background_margin:'200x100'", "http://example.org/a.jpg", "auto"),
    ],
)
def test_filters_of_sorl_log_what_they_cannot_tell(
    expression: str,
    picture: object,
    expected: str,
    caplog: pytest.LogCaptureFixture,
    settings: SiteSettings,
) -> None:
    template = "{{ " + expression + " }}"
    assert render("sorl", template, p=picture) == expected
    assert "cannot be told" in caplog.text
    settings.THUMBNAIL_DEBUG = True
    with pytest.raises((CompatError, TypeError)):
        render("sorl", template, p=picture)


# ---- easy-thumbnails. The first cases are those of its own tests.

EASY = [
    ("{% thumbnail p 240x240 as t %}{{ t.width }}x{{ t.height }}", LION, "240x180"),
    ("{% thumbnail p size as t %}{{ t.width }}x{{ t.height }}", LION, "90x68"),
    ("{% thumbnail p strsize as t %}{{ t.width }}x{{ t.height }}", LION, "80x60"),
    (
        "{% thumbnail p 240x240 sharpen crop quality=95 as t %}{{ t.width }}x{{ t.height }}, "
        "{{ t.url }}",
        LION,
        f"240x240, {HOST}/t/lion.jpg/w_240~h_240~fit_cover~q_95~sharpen_1~v_0123456789abcdef",
    ),
    ("{% thumbnail p 100x0 as t %}{{ t.width }}x{{ t.height }}", LION, "100x75"),
    ("{% thumbnail p 'small' %}", TALL, f"{HOST}/t/tall.jpg/w_20~h_20~fit_cover"),
    (
        "{% thumbnail p 'small' upscale bw %}",
        TALL,
        f"{HOST}/t/tall.jpg/w_20~h_20~fit_cover~up_1~gray_1",
    ),
    ("{% thumbnail p 'notanalias' %}", TALL, ""),
    ("{% thumbnail p 'notanalias' as t %}{% if t %}some{% else %}none{% endif %}", TALL, "none"),
    ("{% thumbnail missing 80x80 %}", None, ""),
    ("{% thumbnail missing 80x80 as t %}[{{ t }}]", None, "[]"),
    ("{% thumbnail p bad_size %}", LION, ""),
    ("{% thumbnail p 80x80 quality=hostile %}", LION, ""),
    ("{% with t=p|thumbnailer %}{{ t.small.url }}{% endwith %}", TALL,
     f"{HOST}/t/tall.jpg/w_20~h_20~fit_cover"),
    ("{% with t=p|thumbnailer %}{{ t.nothing.url }}{{ t.url }}{% endwith %}", TALL,
     f"{HOST}/o/tall.jpg"),
    ("{% with t=p|thumbnailer_passive %}{{ t.generate }} {{ t.small.width }}{% endwith %}", TALL,
     "False 20"),
    ("{% with t=storage|thumbnailer:'a/b.jpg' %}{{ t.small.url }}{% endwith %}", None,
     f"{HOST}/t/a/b.jpg/w_20~h_20~fit_cover"),
    ("{% with t=p|thumbnailer %}{% if t %}some{% else %}none{{ t.url }}{{ t.small.url }}{% endif %}"
     "{% endwith %}", Photo().image, "none"),
    ("{% with t=p|thumbnailer_passive %}{% if t %}some{% endif %}{% endwith %}", None, ""),
    ("{% with t=p|thumbnailer %}{% if t %}some{% endif %}{% endwith %}", TALL, "some"),
    ("{{ p|thumbnail_url:'small' }}", TALL, f"{HOST}/t/tall.jpg/w_20~h_20~fit_cover"),
    ("{{ p|thumbnail_url:'nothing' }}", TALL, ""),
    ("{{ p|thumbnail_url:'small' }}", "", ""),
    ("{{ name|thumbnail_url:'small' }}", None, f"{HOST}/t/a/b.jpg/w_20~h_20~fit_cover"),
    ("{% thumbnail p 25x25 as t %}{{ t.tag }}", TALL,
     f'<img alt="" height="25" src="{HOST}/t/tall.jpg/w_25~h_25" width="21">'),
    ("{% thumbnail p 100x100 crop='scale' %}", LION,
     f"{HOST}/t/lion.jpg/w_133~h_100~fit_stretch~v_0123456789abcdef"),
]  # fmt: skip


@pytest.mark.parametrize(("template", "picture", "expected"), EASY)
def test_easy(template: str, picture: object, expected: str) -> None:
    context = {
        "size": (90, 100),
        "strsize": "80x90",
        "bad_size": (90, "fish"),
        "hostile": "<b>" * 99,
        "storage": default_storage,
        "name": "a/b.jpg",
    }
    assert render("easy", template, p=picture, **context) == expected


EASY_MISTAKES = [
    ("{% thumbnail %}", "expected source size"),
    ("{% thumbnail source %}", "expected source size"),
    ("{% thumbnail source 80x80 as variable crop %}", "as: is not an option"),
    ("{% thumbnail source 240x200 invalid %}", "invalid: is not an option"),
    ("{% thumbnail source 80x80 crop=1,quality=1 %}", "Could not parse the remainder"),
    ("{% thumbnail source 240x240 HIGH_RESOLUTION %}", "HIGH_RESOLUTION: is not an option"),
    ("{% thumbnail source 0x0 %}", "size: must not be 0x0"),
    ("{% thumbnail source 9999x1 %}", "size: must be from 0 to 8192"),
    ("{% thumbnail source 9x9 crop='smart' %}", "crop=smart: tintype cannot do this; set"),
    ("{% thumbnail source 9x9 autocrop %}", "autocrop: tintype cannot do this"),
    ("{% thumbnail source 9x9 detail %}", "detail: tintype cannot do this; use sharpen"),
    ("{% thumbnail source 9x9 subsampling=2 %}", "subsampling=2: tintype cannot do this"),
    ("{% thumbnail source 9x9 target='a,b' %}", "target: must be percentages"),
    ("{% thumbnail source 9x9 background='teal' %}", "background: must be a colour"),
    ("{% thumbnail source 9x9 quality=101 %}", "quality: must be from 1 to 100"),
    ("{{ thumb|data_uri }}", "Invalid filter: 'data_uri'"),
]


@pytest.mark.parametrize(("template", "message"), EASY_MISTAKES)
def test_mistakes_with_easy(template: str, message: str) -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        Template("{% load tintype_easy %}" + template)
    assert message in str(caught.value)


def test_easy_raises_what_it_cannot_show_when_asked_to(settings: SiteSettings) -> None:
    settings.THUMBNAIL_DEBUG = True
    for template in ("{% thumbnail missing 8x8 %}", "{% thumbnail p 8x8 crop='9,9' %}"):
        with pytest.raises((TemplateSyntaxError, CompatError)):
            render("easy", template, p=UNKNOWN)


def test_the_most_particular_alias_holds() -> None:
    photo = Photo(image="a.jpg", width=800, height=600)
    assert render("easy", "{{ p|thumbnail_url:'small' }}", p=photo.image).endswith(
        "/w_30~h_30~fit_cover"
    )
    assert render("easy", "{% thumbnail p 'tiny' %}", p=photo.image).endswith("/a.jpg/w_10")
    assert render("easy", "{% thumbnail p 'tiny' %}", p=LION) == ""


def test_an_alias_called_like_a_size_is_not_the_size(settings: SiteSettings) -> None:
    settings.THUMBNAIL_ALIASES = {"": {"20x20": {"size": (20, 20), "crop": True}}}
    for size in ("20x20", "'20x20'", "size"):
        html = render("easy", "{% thumbnail p " + size + " %}", p=TALL, size="20x20")
        assert html == f"{HOST}/t/tall.jpg/w_20~h_20"
    cut = render("easy", "{{ p|thumbnail_url:'20x20' }}", p=TALL)
    assert cut == f"{HOST}/t/tall.jpg/w_20~h_20~fit_cover"


def test_default_options_of_easy_hold(settings: SiteSettings) -> None:
    settings.THUMBNAIL_DEFAULT_OPTIONS = {"bw": True}
    assert render("easy", "{% thumbnail p 9x9 %}", p=TALL) == f"{HOST}/t/tall.jpg/w_9~h_9~gray_1"


# ---- Both


@pytest.mark.parametrize(
    ("library", "template"),
    [
        ("tintype_sorl", "{% thumbnail p '9x9' %}"),
        ("tintype_easy", "{% thumbnail p 9x9 upscale %}"),
    ],
)
def test_templates_may_stay_as_they_are(library: str, template: str) -> None:
    backend = DjangoTemplates(
        {
            "NAME": "django",
            "DIRS": [],
            "APP_DIRS": False,
            "OPTIONS": {"libraries": {"thumbnail": f"django_tintype.templatetags.{library}"}},
        }
    )
    page = backend.from_string("{% load thumbnail %}" + template)
    assert page.render({"p": TALL}) == f"{HOST}/t/tall.jpg/w_9~h_9~up_1"


def test_presets_from_aliases(settings: SiteSettings) -> None:
    presets = presets_of_aliases(ALIASES)
    assert presets == {
        "small": "w_20~h_20~fit_cover",
        "medium-large": "w_400~h_300~fit_pad~bg_ffffff",
    }
    settings.TINTYPE = {"URL": HOST, "PRESETS": {**presets, "other": {"size": (9, 0), "bw": True}}}
    template = "{% load tintype %}{% tt_img p 'small' alt='' %}{% tt_url p 'other' %}"
    assert 'width="20" height="20"' in Template(template).render(Context({"p": LION}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop": True}, "size: is missing"),
        ({"size": (9, 9), "zoom": 10}, "zoom: needs the size of the original"),
        ({"size": (9, 9), "crop": "10,10"}, "crop: needs the size of the original"),
        ({"size": (9, 9), "autocrop": True}, "autocrop: tintype cannot do this"),
        ({"size": (9, 9), "keep_icc_profile": True}, "keep_icc_profile: tintype cannot do this"),
        ({"size": "9x9x9"}, "size: must be 200x100"),
        ({"size": (9, 9), "colour": 1}, "colour: is not an option of easy-thumbnails"),
    ],
)
def test_aliases_that_cannot_be_presets(options: dict[str, Any], message: str) -> None:
    with pytest.raises(CompatError) as caught:
        preset_of_alias(options)
    assert message in str(caught.value)


def test_an_alias_that_cannot_be_a_preset_is_named() -> None:
    hero: dict[str, Any] = {"size": (9, 9), "crop": "10,10"}
    aliases = {"": {"wide": {"size": (90, 9)}, "hero_top": hero}}
    with pytest.raises(CompatError, match="hero_top: cannot be a preset: crop: needs the size"):
        presets_of_aliases(aliases)


@pytest.mark.django_db
def test_the_tags_ask_nobody(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    Photo.objects.create(image="photos/lion.jpg", width=800, height=600)
    templates = [
        Template(
            "{% load tintype_sorl %}{% thumbnail p.image '90x90' crop='20% 10%' as im %}"
            "{{ im.url }}{{ im.width }}{{ im|margin:'90x90' }}{% endthumbnail %}"
        ),
        Template(
            "{% load tintype_easy %}{% thumbnail p.image 90x90 crop as im %}"
            "{{ im.url }}{{ im.tag }}{{ p.image|thumbnail_url:'small' }}"
        ),
    ]
    context = Context({"p": Photo.objects.get()})
    for template in templates:
        template.render(context)  # imports what it needs
        with django_assert_num_queries(0), asking_nobody():
            assert "90" in template.render(context)


def test_what_is_not_in_the_service_is_shown_as_it_is() -> None:
    old = Source(key="old.jpg", width=60, height=40, url_of_original="/media/old.jpg")
    template = "{% thumbnail p '30x30' as im %}{{ im.url }} {{ im.width }}{% endthumbnail %}"
    assert render("sorl", template, p=old) == "/media/old.jpg 60"
