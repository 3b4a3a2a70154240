"""A wrong argument raises an error that names the tag and the argument, for a literal already when
the template is compiled. No value from a database can break out of its attribute.
"""

from __future__ import annotations

from datetime import datetime

import pytest
from django.template import Context, Template, TemplateSyntaxError
from django.utils.safestring import mark_safe

from django_tintype.delivery.source import Source
from django_tintype.keys import InvalidKey
from tests.markup import HOST, LION, elements, render
from tests.markup import site as site

MISTAKES = [
    # arguments of tt_img, the message
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
    ("p w=9 h=9 g='smart' alt=''", "tt_img: g: needs fit_cover or fit_pad"),
    ("p 'crad' alt=''", "tt_img: crad: no such preset, did you mean card"),
    ("p 'w_0' alt=''", "tt_img: w: must be"),
    ("p 'f_original' alt=''", "tt_img: f: original is no picture"),
    ("p ratio='wide' alt=''", "tt_img: ratio: must be width/height such as 16/9"),
    ("p ratio='1/0' alt=''", "tt_img: ratio: must be width/height"),
    ("p ratio='1/1' w=1 h=2 alt=''", "tt_img: ratio: w and h determine it already"),
    ("p 'card' ratio='1/1' alt=''", "tt_img: ratio: w and h determine it already"),
    ("p widths='1,x' alt=''", "tt_img: widths: must be whole numbers"),
    ("p sizes='auto' loading='eager' alt=''", "tt_img: sizes: auto needs loading=lazy"),
    ("p loading='slow' alt=''", "tt_img: loading: must be one of lazy eager"),
    ("p placeholder='x' alt=''", "tt_img: placeholder: must be one of colour image"),
    ("p expires='x' alt=''", "tt_img: expires: must be seconds from now"),
    ("p formats='avif' alt=''", "tt_img: formats: unknown argument"),
    ("p 'card' 'card' alt=''", "tt_img: 'card': expected name=value"),
    ("p w=1 'card' alt=''", "tt_img: 'card': expected name=value"),
    ("p w=1 w=2 alt=''", "tt_img: w: is given twice"),
    ("alt=''", "tt_img: needs an image"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_mistakes_show_when_the_template_is_compiled(arguments: str, message: str) -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        Template("{% load tintype %}{% tt_img " + arguments + " %}")
    assert str(caught.value).startswith(message)


OTHER_MISTAKES = [
    ("{% tt_source media='print' %}", "tt_source: belongs between tt_picture and endtt_picture"),
    ("{% tt_picture p alt='' %}{% tt_source w=1 %}{% endtt_picture %}", "tt_source: media: is"),
    ("{% tt_picture p alt='' %}text{% endtt_picture %}", "tt_picture: may contain only"),
    ("{% tt_picture p formats='gif' alt='' %}", "tt_picture: formats: must be some of avif"),
    ("{% tt_url p alt='' %}", "tt_url: alt: unknown argument"),
    (
        "{% tt_picture p alt='' %}{% tt_source media='print' as x %}{% endtt_picture %}",
        'tt_source: cannot have "as"',
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
    with pytest.raises(ValueError, match="is a URL, an image is given as the file"):
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
