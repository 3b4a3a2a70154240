"""The maintenance commands: fill columns, find orphans, make thumbnails in advance, purge them.
None opens an original, none deletes anything without being told to, and each reports what it could
not do and then exits with 1.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.core.management.base import OutputWrapper
from django.db import connection, connections
from django.db.models import Model
from django.test.utils import CaptureQueriesContext, override_settings
from PIL import Image
from pytest_django import DjangoDbBlocker, Settings

from django_tintype.api.client import client
from django_tintype.upkeep.fields import pages, rows
from django_tintype.upkeep.report import Report
from tests.conftest import StartService
from tests.service import Service
from tests.shelf.models import Document, Figure, Photo
from tests.test_check_command import token

pytestmark = pytest.mark.django_db


def jpeg(width: int = 40, height: int = 30, colour: str = "teal") -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "JPEG")
    return buffer.getvalue()


def run(command: str, *arguments: str, **options: Any) -> tuple[dict[str, int], dict[str, str]]:
    """The summary, and the reports by name."""
    out = StringIO()
    try:
        call_command(command, *arguments, "--json", stdout=out, stderr=StringIO(), **options)
    except CommandError as error:
        assert error.returncode == 1, error
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    return lines[-1]["summary"], {line["name"]: line["outcome"] for line in lines[:-1]}


def routes(service: Service, since: int = 0) -> list[tuple[str, str]]:
    return [(line["method"], line["route"]) for line in service.requests()[since:]]


def age(service: Service, key: str, hours: float) -> None:
    then = time.time() - hours * 3600
    os.utime(service.root / key, (then, then))


# tintype_fill_dimensions


def bare_photos(number: int) -> None:
    for index in range(number):
        client().put(f"photos/{index}.jpg", jpeg(10 + index, 20 + index))
        Photo(image=f"photos/{index}.jpg", width=1, height=1).save()
    Photo.objects.update(width=None, height=None)


def test_width_and_height_come_in_one_request_for_all(fresh_service: Service) -> None:
    bare_photos(5)
    since = len(fresh_service.requests())
    assert run("tintype_fill_dimensions")[0] == {"filled": 5, "bytes": 0}
    sizes = Photo.objects.order_by("pk").values_list("width", "height")
    assert list(sizes) == [(10 + index, 20 + index) for index in range(5)]
    assert routes(fresh_service, since) == [("POST", "batch")]
    assert run("tintype_fill_dimensions")[0] == {"bytes": 0}
    assert run("tintype_fill_dimensions", all=True)[0] == {"filled": 5, "bytes": 0}


def test_all_columns_of_a_tintype_field_are_filled(fresh_service: Service) -> None:
    figure = Figure(image=ContentFile(jpeg(64, 48), "a.jpg"), focal="0.25x0.75")
    figure.save()
    columns = ("width", "height", "version", "placeholder", "focal")
    before = Figure.objects.values_list(*columns).get()
    assert before[:2] == (64, 48)
    Figure.objects.update(width=None, height=None, version="", placeholder="")
    assert run("tintype_fill_dimensions", "shelf.Figure")[0] == {"filled": 1, "bytes": 0}
    assert Figure.objects.values_list(*columns).get() == before


def test_what_an_editor_said_while_the_service_was_away_is_sent_again(
    fresh_service: Service,
) -> None:
    figure = Figure(image=ContentFile(jpeg(64, 48), "a.jpg"))
    figure.save()
    # As after a change whose request failed: the row has the change, and no version.
    Figure.objects.update(focal="0.1x0.2", version="")
    run("tintype_fill_dimensions")
    record = client().record(str(figure.image))
    assert record.focal_point == (0.1, 0.2)
    assert Figure.objects.get().version == record.version


def test_a_row_that_got_another_file_meanwhile_keeps_its_own(fresh_service: Service) -> None:
    from django_tintype.management.commands.tintype_fill_dimensions import _fill_row

    bare_photos(1)
    photo = Photo.objects.values("pk").get()
    record = client().record("photos/0.jpg")
    Photo.objects.update(image="photos/other.jpg", width=7, height=7)
    _fill_row(Photo._meta.get_field("image"), "default", photo["pk"], "photos/0.jpg", record)  # type: ignore[arg-type]
    assert Photo.objects.values_list("width", "height").get() == (7, 7)


def test_missing_originals_and_what_is_no_picture_are_told(fresh_service: Service) -> None:
    bare_photos(1)
    client().put("photos/text.jpg", b"no picture")
    for name in ("photos/text.jpg", "photos/gone.jpg", "/absolute.jpg"):
        Photo(image=name, width=1, height=1).save()
    Photo.objects.update(width=0)
    summary, told = run("tintype_fill_dimensions")
    assert summary == {"filled": 1, "no picture": 1, "missing": 1, "failed": 1, "bytes": 0}
    assert told == {"photos/gone.jpg": "missing", "/absolute.jpg": "failed"}


def test_a_dry_run_fills_nothing(fresh_service: Service) -> None:
    bare_photos(1)
    assert run("tintype_fill_dimensions", dry_run=True)[0] == {"to be filled": 1, "bytes": 0}
    assert Photo.objects.values_list("width").get() == (None,)


def test_a_field_without_columns_is_named(service: Service) -> None:
    with pytest.raises(CommandError, match="no ImageField is called"):
        call_command("tintype_fill_dimensions", "shelf.Document")


def test_what_the_service_does_not_tell_is_not_missing(
    start_service: StartService, settings: Settings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    ours, theirs = token("read+list+write", "--prefix", "magazine/")
    start_service({"TINTYPE_TOKENS": theirs}, TOKEN=ours)
    Photo(image="photos/a.jpg", width=1, height=1).save()
    Photo.objects.update(width=None)
    for command in ("tintype_fill_dimensions", "tintype_migrate"):
        out = StringIO()
        with pytest.raises(CommandError, match="scope-missing"):
            call_command(command, "shelf.Photo", stdout=out, stderr=StringIO())
        assert out.getvalue() == ""


# tintype_orphans


@pytest.fixture
def shelves(fresh_service: Service) -> Service:
    """Two originals with rows, two without (one of them new), and a row without an original."""
    for key in ("documents/a.txt", "documents/b.txt", "documents/lost.txt", "else/where.txt"):
        client().put(key, key.encode())
        age(fresh_service, key, 48)
    client().put("documents/new.txt", b"its row is about to be saved")
    for name in ("documents/a.txt", "documents/b.txt", "documents/gone.txt"):
        Document(file=name).save()
    return fresh_service


def test_nothing_is_deleted_unless_told(shelves: Service) -> None:
    summary, told = run("tintype_orphans")
    assert told == {
        "documents/gone.txt": "missing",
        "documents/lost.txt": "orphan",
        "else/where.txt": "orphan",
    }
    assert summary["too young to tell"] == 1
    assert summary["originals_in_all"] == 5
    assert len(list(client().walk(""))) == 5


def test_deleting_wants_a_prefix_and_keeps_to_it(shelves: Service) -> None:
    with pytest.raises(CommandError, match="--delete needs a prefix"):
        call_command("tintype_orphans", delete=True)
    _, told = run("tintype_orphans", "--prefix", "documents/", "--delete")
    assert told == {"documents/gone.txt": "missing", "documents/lost.txt": "deleted"}
    assert sorted(record.key for record in client().walk("")) == [
        "documents/a.txt",
        "documents/b.txt",
        "documents/new.txt",
        "else/where.txt",
    ]


def test_uploads_under_way_are_left_alone(shelves: Service) -> None:
    age(shelves, "documents/lost.txt", 2)
    assert "documents/lost.txt" not in run("tintype_orphans")[1]
    assert run("tintype_orphans", "--min-age", "1h")[1]["documents/lost.txt"] == "orphan"


def test_a_row_saved_at_the_last_moment_saves_its_original(
    shelves: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django_tintype.management.commands.tintype_orphans import Command

    real = Command._delete

    def late(self: Command, *arguments: Any) -> None:
        Document(file="documents/lost.txt").save()
        real(self, *arguments)

    monkeypatch.setattr(Command, "_delete", late)
    assert run("tintype_orphans", "--prefix", "documents/", "--delete")[0]["named meanwhile"] == 1
    assert client().exists("documents/lost.txt")


def test_an_original_uploaded_after_the_list_was_made_is_not_missing(
    shelves: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django_tintype.management.commands.tintype_orphans import Command

    real = Command._find_missing

    def late(self: Command, *arguments: Any) -> None:
        client().put("documents/gone.txt", b"here")
        real(self, *arguments)

    monkeypatch.setattr(Command, "_find_missing", late)
    assert "missing" not in run("tintype_orphans")[0]


def test_a_replaced_orphan_is_not_deleted(
    shelves: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django_tintype.management.commands import tintype_orphans

    real = tintype_orphans._named

    def late(*arguments: Any) -> set[str]:
        client().put("documents/lost.txt", b"another", on_conflict="overwrite")
        return real(*arguments)

    monkeypatch.setattr(tintype_orphans, "_named", late)
    summary, _ = run("tintype_orphans", "--prefix", "documents/", "--delete")
    assert summary["replaced meanwhile"] == 1
    assert client().exists("documents/lost.txt")


def test_every_model_counts(shelves: Service) -> None:
    Photo(image="documents/lost.txt", width=1, height=1).save()
    assert "documents/lost.txt" not in run("tintype_orphans")[1]


@pytest.mark.parametrize("default", ["documents/lost.txt", lambda: "documents/lost.txt"])
def test_the_default_of_a_field_is_no_orphan(
    shelves: Service, monkeypatch: pytest.MonkeyPatch, default: Any
) -> None:
    monkeypatch.setattr(Document._meta.get_field("file"), "default", default)
    _, told = run("tintype_orphans", "--prefix", "documents/", "--delete")
    assert "documents/lost.txt" not in told
    assert client().exists("documents/lost.txt")


def test_a_field_that_is_kept_elsewhere_counts_too(shelves: Service, settings: Settings) -> None:
    # Its files have been copied, and the switch is still pending.
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "new": {"BACKEND": "django_tintype.TintypeStorage"},
        "folder": {
            "BACKEND": "django_tintype.TintypeStorage",
            "OPTIONS": {"location": "documents"},
        },
        "gone": {"BACKEND": "nowhere.Storage"},
    }
    Document(file="b.txt").save()
    Document(file="/absolute.txt").save()
    Document.objects.filter(file="documents/b.txt").delete()
    _, told = run("tintype_orphans", "--prefix", "documents/", "--delete")
    assert told == {"documents/lost.txt": "deleted"}


@pytest.fixture
def another_database(tmp_path: Path, db: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """A database for other purposes, without our tables."""
    connections.settings["another"] = {
        **connections.settings["default"],
        "NAME": str(tmp_path / "another.sqlite3"),
    }
    with django_db_blocker.unblock():
        yield "another"
    connections["another"].close()
    del connections["another"], connections.settings["another"]


def test_a_database_without_the_table_is_not_asked(shelves: Service, another_database: str) -> None:
    assert run("tintype_orphans")[1]["documents/lost.txt"] == "orphan"


class ReadsElsewhere:
    """A router for a database that Django does not migrate."""

    def db_for_read(self, model: type[Model], **_: Any) -> str:
        return "another"

    def allow_migrate(self, db: str, app_label: str, **_: Any) -> bool:
        return db == "default"


def test_rows_of_every_database_count(
    shelves: Service, another_database: str, settings: Settings, tmp_path: Path
) -> None:
    name = "documents/lost.txt"
    with connections[another_database].schema_editor() as editor:
        editor.create_model(Document)
    with override_settings(DATABASE_ROUTERS=[ReadsElsewhere()]):
        Document.objects.using(another_database).create(file=name)
        assert name not in run("tintype_orphans")[1]
    _, told = run("tintype_orphans", "--prefix", "documents/", "--delete")
    assert name not in told
    # They are migrated as well.
    settings.MEDIA_ROOT = str(tmp_path)
    assert run("tintype_migrate", "shelf.Document")[0]["there already"] == 3


def test_a_table_that_is_nowhere_is_named(shelves: Service) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE shelf_document RENAME TO elsewhere")
    with pytest.raises(CommandError, match="no database has the table shelf_document"):
        call_command("tintype_orphans")


# tintype_warm and tintype_purge

PRESETS = {"card": "w_20~h_20~fit_cover", "small": "w_16~f_webp"}
PRESETS_OF_SERVICE = """
[presets]
card = "w_20~h_20~fit_cover"
small = "w_16~f_webp"
"""


@pytest.fixture
def gallery(start_service: StartService) -> Service:
    service = start_service({"TINTYPE_CONFIG_INLINE": PRESETS_OF_SERVICE}, PRESETS=PRESETS)
    for index in range(3):
        photo = Photo(image=ContentFile(jpeg(colour=f"#0{index}0"), f"{index}.jpg"))
        photo.save()
    client().put("photos/readme.txt", b"no picture")
    return service


def variants(service: Service) -> int:
    return sum(1 for path in (service.root / ".tintype").rglob("variants/*/*") if path.is_file())


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        # A preset without a format once per class of browsers, one with a format once.
        (["shelf.Photo"], 3 * (2 + 1)),
        (["shelf.Photo", "--accept", "legacy"], 3 * (1 + 1)),
        (["shelf.Photo", "--spec", "w_10~f_jpeg"], 3),
        (["--prefix", "photos/", "--spec", "small"], 3),
        (["--prefix", "photos/", "--spec", "small", "--limit", "2"], 2),
        (["--prefix", "nothing/"], 0),
    ],
)
def test_thumbnails_are_made_ahead(gallery: Service, arguments: list[str], made: int) -> None:
    assert run("tintype_warm", *arguments)[0].get("made", 0) == made
    got = [route for route in routes(gallery) if route == ("GET", "variant")]
    assert len(got) == made


def test_a_browser_finds_what_was_made(gallery: Service) -> None:
    run("tintype_warm", "shelf.Photo", "--spec", "card", "--accept", "webp")
    image = Photo.objects.order_by("pk")[0].image

    def is_rendered_for(accept: str) -> bool:
        answer = client().public(f"{gallery.url}/t/{image.name}/card", accept=accept)
        assert answer.headers["content-type"] == accept
        return "server-timing" in answer.headers

    assert not is_rendered_for("image/webp")
    assert is_rendered_for("image/avif")


def test_what_cannot_be_made_is_told(gallery: Service) -> None:
    Photo(image="photos/gone.jpg", width=1, height=1).save()
    Photo(image="photos/readme.txt", width=1, height=1).save()
    summary, told = run("tintype_warm", "shelf.Photo", "--spec", "small")
    assert summary["made"] == 3
    assert set(told) == {"photos/gone.jpg small", "photos/readme.txt small"}


def test_a_deferred_upload_is_not_warmed_before_it_has_arrived(
    gallery: Service, settings: Settings, tmp_path: Path
) -> None:
    settings.TINTYPE = {
        **settings.TINTYPE,
        "DEFERRED_ROOT": tmp_path,
        "DEFERRED_ROOT_IS_SHARED_AND_DURABLE": True,
    }
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django_tintype.DeferredTintypeStorage"},
    }
    Photo(image=ContentFile(jpeg(), "late.jpg")).save()
    summary, told = run("tintype_warm", "shelf.Photo", "--spec", "small")
    assert (summary, told) == ({"made": 3, "waiting": 1, "bytes": summary["bytes"]}, {})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name fields or a --prefix"),
        (["shelf.Photo", "--prefix", "a"], "name fields or a --prefix"),
        (["shelf.Photo", "--spec", "w_0"], "--spec w_0: .*w"),
        (["shelf.Photo", "--spec", "crad"], "--spec crad: .*card"),
    ],
)
def test_mistakes_are_named_before_anything_is_asked(
    gallery: Service, arguments: list[str], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("tintype_warm", *arguments)
    assert ("GET", "variant") not in routes(gallery)


def test_thumbnails_are_signed_where_they_have_to_be(
    start_service: StartService, settings: Settings
) -> None:
    key = "0123456789abcdef0123456789abcdef"
    start_service({"TINTYPE_SIGNING_KEYS": key, "TINTYPE_UNSIGNED": "none"}, SIGNING_KEY=key)
    client().put("a.jpg", jpeg())
    assert run("tintype_warm", "--prefix", "", "--spec", "w_10~f_png")[0]["made"] == 1


@pytest.mark.parametrize(
    ("arguments", "purged"),
    [
        (["--prefix", "photos/"], 4),
        (["--prefix", ""], 4),
        (["--field", "shelf.Photo.image"], 3),
        (["--field", "shelf"], 3),
        (["photos/readme.txt"], 1),
    ],
)
def test_thumbnails_are_forgotten(gallery: Service, arguments: list[str], purged: int) -> None:
    run("tintype_warm", "shelf.Photo", "--spec", "small")
    assert run("tintype_purge", *arguments)[0] == {"purged": purged, "bytes": 0}
    assert len(list(client().walk(""))) == 4


@pytest.mark.parametrize("arguments", [[], ["a", "--prefix", "b"], ["a", "--field", "shelf"]])
def test_purge_wants_one_thing_to_be_named(service: Service, arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="one of them"):
        call_command("tintype_purge", *arguments)


# All of them


def test_rows_are_read_in_pages_and_may_change_meanwhile() -> None:
    Document.objects.bulk_create(Document(file=f"{index}.txt") for index in range(7))
    seen: list[str] = []
    with CaptureQueriesContext(connection) as queries:
        for page in pages(rows(Document._meta.get_field("file")), "file", size=3):  # type: ignore[arg-type]
            Document.objects.filter(pk__in=[pk for pk, _ in page]).update(file="done")
            seen += [name for _, name in page]
    assert seen == [f"{index}.txt" for index in range(7)]
    assert len([query for query in queries if query["sql"].startswith("SELECT")]) == 3


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_tintype.upkeep.report.BAR_EVERY", 0)
    out, err = StringIO(), Terminal()
    report = Report(OutputWrapper(out), OutputWrapper(err), problems=["failed"], total=4)
    report.add("a", "copied")
    report.add("b", "failed", "why")
    report.finish()
    assert out.getvalue() == "failed: b: why\n1 copied, 1 failed\n"
    shown = [line.removeprefix("\x1b[K") for line in err.getvalue().split("\r")]
    assert shown == [
        "",
        f"[{'#' * 6}{' ' * 18}] 1 of 4",
        "",
        f"[{'#' * 12}{' ' * 12}] 2 of 4, 1 failed",
        "",
    ]


def test_a_name_does_not_break_its_line() -> None:
    out = StringIO()
    report = Report(OutputWrapper(out), OutputWrapper(StringIO()), problems=["failed"])
    report.add("a\nb\x1b[2K\u202e \u00f6.jpg", "failed", "why")
    assert out.getvalue() == "failed: a\\nb\\x1b[2K\\u202e \u00f6.jpg: why\n"


@pytest.mark.parametrize(
    "command",
    [
        ["tintype_fill_dimensions"],
        ["tintype_migrate"],
        ["tintype_move"],
        ["tintype_orphans"],
        ["tintype_purge", "a"],
        ["tintype_warm", "--prefix", "", "--spec", "w_10"],
    ],
)
def test_wrong_settings_are_said_in_one_line(
    command: list[str], settings: Settings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    Photo(image="a.jpg", width=1, height=1).save()
    Photo.objects.update(width=None)
    settings.TINTYPE = {"TOKEN_FILE": str(tmp_path / "token")}
    with pytest.raises(CommandError, match="TOKEN_FILE") as raised:
        call_command(*command, stdout=StringIO())
    assert raised.value.returncode == 2


def test_a_list_may_be_cut_off(fresh_service: Service) -> None:
    for number in range(3):
        client().put(f"lost/{number}.txt", b"x")
    command = [sys.executable, "-m", "django", "tintype_orphans", "--prefix=lost/", "--min-age=0m"]
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings_deferred",
        "TINTYPE_TEST_URL": fresh_service.url,
        "TINTYPE_TEST_DEFERRED_ROOT": "/nowhere",
    }
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, env=env, stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


COMMANDS = [
    "tintype_fill_dimensions",
    "tintype_migrate",
    "tintype_move",
    "tintype_orphans",
    "tintype_purge",
    "tintype_warm",
]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples_that_parse(name: str) -> None:
    command = load_command_class(get_commands()[name], name)
    parser = command.create_parser("manage.py", name)
    help_text = parser.format_help()
    examples = [
        line.strip().removeprefix(f"manage.py {name}").split("   ")[0].replace("'", "").split()
        for line in help_text.splitlines()
        if line.strip().startswith(f"manage.py {name} ") or line.strip() == f"manage.py {name}"
    ]
    assert examples
    for arguments in examples:
        parser.parse_args(arguments)
