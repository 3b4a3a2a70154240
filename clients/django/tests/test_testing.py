"""Helpers for the tests of sites: files in memory under the names and URLs of the service, and
assertions that tell whether the service would accept a URL.
"""

from __future__ import annotations

import io
import re
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import override_settings
from PIL import Image

from django_tintype import Spec, TintypeError, original_url, url
from django_tintype.api.client import Client
from django_tintype.conf import Settings
from django_tintype.testing import InMemoryTintype, assert_original_url, assert_url
from tests.service import Service
from tests.shelf.models import Photo

README = Path(__file__).resolve().parents[1] / "README.md"
KEY = "correct-horse-battery-staple-said-the-lion"
IN_MEMORY = {"default": {"BACKEND": "django_tintype.testing.InMemoryTintype"}}
NO_SERVICE = {"URL": "http://127.0.0.1:9", "PUBLIC_URL": "https://media.example.org"}


@pytest.fixture(autouse=True)
def _empty() -> Any:
    with override_settings(STORAGES=IN_MEMORY, TINTYPE=NO_SERVICE):
        InMemoryTintype.clear()
        yield
        InMemoryTintype.clear()


def picture(width: int, height: int, orientation: int = 1) -> ContentFile[bytes]:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (width, height), "red").save(file, "JPEG", exif=exif)
    return ContentFile(file.getvalue(), "a.jpg")


@pytest.mark.django_db
def test_a_site_needs_no_service() -> None:
    photo = Photo.objects.create(image=picture(30, 20))
    assert photo.image.name == "photos/a.jpg"
    assert photo.image.url == "https://media.example.org/o/photos/a.jpg"
    assert Photo.objects.create(image=picture(30, 20)).image.name.startswith("photos/a_")
    with photo.image.open() as file, Image.open(file) as image:
        assert image.size == (30, 20)
    photo.image.delete()
    assert not default_storage.exists("photos/a.jpg")


def test_pictures_have_their_facts() -> None:
    name: Any = default_storage.save("a.jpg", picture(30, 20, orientation=6))
    image = name.record.image
    assert (image.format, image.width, image.height) == ("jpeg", 20, 30)
    assert name.record.type == "image/jpeg"
    assert len(name.record.version) == 16
    assert default_storage.save("a.txt", ContentFile(b"no picture")).record.image is None  # type: ignore[attr-defined]


def test_a_focal_point_makes_another_version() -> None:
    client = InMemoryTintype().client
    first = client.put("a", b"x", record={"meta": {"credit": "A"}})
    second = client.patch("a", {"focal_point": {"x": 0.25, "y": 0.5}})
    assert second.focal_point == (0.25, 0.5) and second.version != first.version
    assert client.copy("a", "b").focal_point == (0.25, 0.5)
    third = client.patch("a", {"focal_point": None, "meta": {"desk": "B"}})
    assert third.version == first.version
    assert third.meta == {"credit": "A", "desk": "B"}
    assert client.put("a", b"x", on_conflict="overwrite").focal_point is None


def failing() -> Iterator[bytes]:
    yield b"half"
    raise OSError("the disk is gone")


def crop(**parts: float) -> dict[str, float]:
    return {"x": 0, "y": 0.25, "width": 0.5, "height": 0.75, **parts}


def statuses(client: Client, op: str, key: str = "a.txt") -> list[tuple[str, int, str | None]]:
    answers = client.batch(op, [key, "none", "../a", "a/", "a\n"])
    return [(a["key"], a["status"], a.get("problem", {}).get("code")) for a in answers]


#: Present are a.txt, a folder x, and blocked.txt, which may not be shown.
ASKED: list[Callable[[Client], object]] = [
    lambda client: client.put("a.txt", b"x").key,
    lambda client: client.put("a.txt/b", b"x").key,
    lambda client: client.put("x", b"x", on_conflict="overwrite").key,
    lambda client: client.put("a.txt", b"x", on_conflict="rename", max_length=12).key,
    lambda client: len(client.put("a" * 255, b"x", on_conflict="rename").key),
    lambda client: client.put("long.txt", b"x", max_length=5).key,
    lambda client: client.put("long.txt", b"x", on_conflict="overwrite", max_length=5).key,
    lambda client: client.put("new.txt", b"x", if_match="*").key,
    lambda client: client.put("a.txt", b"x", create_only=True).key,
    lambda client: client.put("3.04\u202fPM \u3000.png", b"x").key,
    lambda client: client.put("a\u202e.txt", b"x").key,
    lambda client: client.put("a/", b"x").key,
    lambda client: client.put("a" * 256, b"x").key,
    lambda client: client.put(".tintype/a", b"x").key,
    lambda client: client.put("new.txt", failing()).key,
    lambda client: client.put("new.txt", iter([b"x"]), length=4).key,
    lambda client: client.put("new.txt", io.BytesIO(b"x"), length=4).size,
    lambda client: client.get("a.txt", start=99).read(),
    lambda client: client.get("a.txt", start=1, end=99).read(),
    lambda client: client.head("blocked.txt").size,
    lambda client: client.get("blocked.txt").size,
    lambda client: client.record("blocked.txt").state["name"],
    lambda client: client.exists("blocked.txt"),
    lambda client: client.patch("a.txt", {"focal": None}).version,
    lambda client: client.patch("a.txt", {"focal_point": {"x": 2, "y": 0}}).focal_point,
    lambda client: client.patch("a.txt", {"crops": {"a": crop(x=0.5)}}).crops["a"]["x"],
    lambda client: client.patch("a.txt", {"crops": {"a": crop(x=0.6)}}).crops["a"]["x"],
    lambda client: client.patch("a.txt", {"crops": {"a": crop(width=0)}}).crops["a"]["x"],
    lambda client: client.patch("a.txt", {"crops": {"a": {"x": 0}}}).crops["a"]["x"],
    lambda client: client.patch("a.txt", {"focal_point": {"x": 0.5}}).focal_point,
    lambda client: client.put("x", b"x", create_only=True).key,
    lambda client: client.copy("none", "none").key,
    lambda client: client.copy("a.txt", "x/b").key,
    lambda client: client.copy("a.txt", "a.txt").key,
    lambda client: client.move("a.txt", "a.txt", "overwrite").key,
    lambda client: client.delete("a.txt", if_match="other"),
    lambda client: statuses(client, "purge"),
    lambda client: statuses(client, "stat"),
    lambda client: statuses(client, "delete", "x/b"),
    lambda client: client.limits().renderable,
]


@pytest.mark.parametrize("ask", ASKED)
def test_the_double_answers_as_the_service_does(
    fresh_service: Service, ask: Callable[[Client], object]
) -> None:
    real = Client(Settings(url=fresh_service.url, token="dev"))
    answers = []
    for client in (real, InMemoryTintype().client):
        for key in ("a.txt", "x/b", "blocked.txt", "a" * 255):
            client.put(key, key.encode())
        client.patch("blocked.txt", {"state": {"name": "blocked", "reason": "asked for"}})
        try:
            answers.append(ask(client))
        except Exception as error:
            answers.append((type(error), getattr(error, "code", None)))
        assert client.exists("a.txt")
    assert answers[0] == answers[1]


def test_whatever_commands_need_is_there() -> None:
    client = InMemoryTintype().client
    for key in ("a", "b/c", "b/d"):
        client.put(key, key.encode())
    assert [record.key for record in client.walk("b/")] == ["b/c", "b/d"]
    page = client.list("", delimiter=None, limit=2)
    assert len(page.files) == 2
    assert len(client.list("", delimiter=None, cursor=page.cursor).files) == 1
    assert [answer["status"] for answer in client.batch("stat", ["a", "no"])] == [200, 404]
    assert client.purge(prefix="b/") == 2
    assert client.move("b/c", "c").key == "c" and not client.exists("b/c")
    client.batch("delete", ["a", "b/d", "c"])
    assert [*client.walk()] == []
    assert client.ready()
    with pytest.raises(TintypeError, match="in memory"):
        client.public(url("a"))


def test_urls_that_the_service_answers_are_right() -> None:
    assert_url(url("a.jpg", "w_640"), "a.jpg", "w_640")
    assert_url(url("a.jpg", "w_640", version="0" * 16), "a.jpg", Spec(w=640))
    assert_original_url(original_url("ü.jpg"), "ü.jpg")
    with override_settings(TINTYPE={**NO_SERVICE, "SIGNING_KEY": KEY, "PRESETS": {"card": "w_1"}}):
        assert_url(url("a.jpg", "w_640", expires=60), "a.jpg", "w_640")
        assert_url(url("a.jpg", "card"), "a.jpg", "card")
        assert_original_url(original_url("a.jpg"), "a.jpg")


#: URL, key, spec, the message
WRONG = [
    ("https://other/t/a.jpg/w_1", "a.jpg", None, "does not begin with"),
    ("https://media.example.org/t/b.jpg/w_1", "a.jpg", None, "shows 'b.jpg' instead of 'a.jpg'"),
    ("https://media.example.org/t/a.jpg/w_1", "a.jpg", "w_2", "is w_1 instead of w_2"),
    ("https://media.example.org/t/a.jpg/h_1~w_1", "a.jpg", None, "would be redirected"),
    ("https://media.example.org/t/a.jpg/crad", "a.jpg", None, "an unknown preset, crad"),
    ("https://media.example.org/t/a.jpg/w_1~exp_1700000000", "a.jpg", "w_1", "has expired"),
    ("https://media.example.org/t/a.jpg/w_1~sig_" + "A" * 22, "a.jpg", None, "wrong signature"),
]


@pytest.mark.parametrize(("wrong", "key", "spec", "said"), WRONG)
def test_urls_that_are_wrong_are_told(wrong: str, key: str, spec: str | None, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        assert_url(wrong, key, spec)


def test_a_signature_that_is_missing_is_told() -> None:
    unsigned = url("a.jpg", "w_640"), original_url("a.jpg")
    with override_settings(TINTYPE={**NO_SERVICE, "SIGNING_KEY": KEY}):
        with pytest.raises(AssertionError, match="needs a signature"):
            assert_url(unsigned[0], "a.jpg")
        with pytest.raises(AssertionError, match="needs a signature"):
            assert_original_url(unsigned[1], "a.jpg")
    with pytest.raises(AssertionError, match="is a variant"):
        assert_original_url(unsigned[0], "a.jpg")
    with pytest.raises(AssertionError, match="instead of"):
        assert_original_url(unsigned[1], "b.jpg")


@pytest.mark.django_db
def test_the_example_of_the_readme_runs() -> None:
    blocks = re.findall("```python\n(.*?)```", README.read_text("utf-8"), re.S)
    (example,) = (block for block in blocks if "class PhotoTests" in block)
    names: dict[str, Any] = {"__name__": "example"}
    exec(example, names)
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(names["PhotoTests"]).run(result)
    assert result.testsRun == 1 and result.wasSuccessful(), result.errors + result.failures
