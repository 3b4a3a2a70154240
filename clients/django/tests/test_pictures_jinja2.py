"""The functions write the same in Jinja2 and Python as the tags in Django's templates."""

from __future__ import annotations

from collections.abc import Callable

import jinja2
import pytest
from django.template import Context, Template
from pytest_django import Settings as SiteSettings

from django_tintype.html import pictures
from django_tintype.jinja2 import environment
from tests.markup import LION, PRESETS, render
from tests.markup import site as site

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
