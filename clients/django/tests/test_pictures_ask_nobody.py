"""A tag does no I/O: no query, no socket, no file, whatever it shows and whatever is in its row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.template import Context, Template
from pytest_django import DjangoAssertNumQueries
from pytest_django import Settings as SiteSettings

from django_tintype.delivery.source import Source
from django_tintype.html import srcset
from django_tintype.storages.deferred import DeferredTintypeStorage
from tests.markup import HOST, THUMBHASH, VERSION, asking_nobody, image, render
from tests.markup import site as site
from tests.shelf.models import Photo


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
    # Deferred columns count as unknown, which is no reason for a query.
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
    """The page is shown, whatever the columns contain."""
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
