"""Which sizes the tags offer.

- A candidate of a srcset is never larger than the original, and says its width truthfully.
- width and height have the shape of what is shown, at the size of the largest candidate or of the
  box; `src` is that, or where browsers have candidates to take, one that mail, feeds and crawlers
  can bear.
"""

from __future__ import annotations

import pytest

from django_tintype.delivery.source import Source
from tests.markup import ELSEWHERE, HOST, LION, SMALL, UNKNOWN, elements, image, render
from tests.markup import site as site

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
    ("a smart cut", LION, "w=400 h=300 fit='cover' g='smart'", "1x 2x", (400, 300), None),
    ("a trimmed picture: nothing is promised", LION, "w=400 trim=True", "", (None, None), None),
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
