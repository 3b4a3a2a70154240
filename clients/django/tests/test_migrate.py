"""tintype_migrate: everything that rows name, or that a storage contains, arrives under its own
name with its own bytes. Nothing is overwritten, nothing is assumed without verification, and an
interrupted run continues where it stopped. The exit code is 1 unless everything has arrived.
"""

from __future__ import annotations

import json
import os
import resource
import zlib
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from django_tintype.api.client import client
from django_tintype.upkeep.checkpoint import Checkpoint
from django_tintype.upkeep.renaming import Renaming
from tests.service import Service
from tests.shelf.models import Document, Photo

pytestmark = pytest.mark.django_db

FILES = {
    "documents/a.txt": b"first",
    "documents/deep/b.txt": b"second" * 50_000,
    "photos/l\u00f6we 1.jpg": b"third",
    "empty.txt": b"",
}


@pytest.fixture
def media(tmp_path: Path, settings: Settings, fresh_service: Service) -> Path:
    """An old MEDIA_ROOT, and rows that name what is in it."""
    root = tmp_path / "old"
    settings.MEDIA_ROOT = str(root)
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
        is_photo = name.startswith("photos")
        (Photo(image=name, width=1, height=1) if is_photo else Document(file=name)).save()
    # Two rows with one file, and one without.
    Document(file="documents/a.txt").save()
    Document().save()
    return root


def migrate(*labels: str, **options: Any) -> tuple[dict[str, int], list[dict[str, str]]]:
    """The summary, and the lines before it; a problem ends the command with an error."""
    out = StringIO()
    try:
        call_command("tintype_migrate", *labels, "--json", stdout=out, stderr=StringIO(), **options)
    except CommandError as error:
        assert error.returncode == 1
        assert str(error)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    return lines[-1]["summary"], lines[:-1]


def stored(service: Service) -> dict[str, bytes]:
    return {
        path.relative_to(service.root).as_posix(): path.read_bytes()
        for path in service.root.rglob("*")
        if path.is_file() and ".tintype" not in path.parts
    }


def test_everything_arrives_under_its_own_name(media: Path, fresh_service: Service) -> None:
    size = sum(map(len, FILES.values()))
    assert migrate() == ({"copied": 4, "bytes": size}, [])
    assert stored(fresh_service) == FILES
    assert migrate() == ({"there already": 4, "bytes": 0}, [])
    puts = [request for request in fresh_service.requests() if request["method"] == "PUT"]
    assert len(puts) == 4


def test_a_dry_run_changes_nothing(media: Path, fresh_service: Service, tmp_path: Path) -> None:
    summary, _ = migrate(dry_run=True, checkpoint=str(tmp_path / "checkpoint"))
    assert summary == {"to be copied": 4, "bytes": sum(map(len, FILES.values()))}
    assert stored(fresh_service) == {}
    assert not (tmp_path / "checkpoint").exists()


@pytest.mark.parametrize("name", ["new\nline.txt", "d/" * 450 + "a.txt", "\u202e.txt"])
def test_a_dry_run_tells_which_names_will_be_refused(media: Path, name: str) -> None:
    (media / name).parent.mkdir(parents=True, exist_ok=True)
    (media / name).write_bytes(b"x")
    Document.objects.bulk_create([Document(file=name)])
    dry, (told,) = migrate(dry_run=True)
    wet, _ = migrate()
    assert (dry["to be copied"], dry["failed"]) == (wet["copied"], wet["failed"]) == (4, 1)
    assert told["name"] == name and "choose another name" in told["detail"]


REFUSED = {
    "documents/new\nline.txt": b"1",
    "documents/\u202egpj.exe": b"2",
    f"documents/{'d/' * 450}a.txt": b"3",
    "documents/a\x85.txt": b"4",
    ".TinType/b.txt": b"5",
}


def test_names_that_the_service_refuses_are_renamed_where_asked(
    media: Path, fresh_service: Service
) -> None:
    for name, content in REFUSED.items():
        (media / name).parent.mkdir(parents=True, exist_ok=True)
        (media / name).write_bytes(content)
    # One of them has two rows, in two models.
    Document.objects.bulk_create(Document(file=name) for name in REFUSED)
    Photo.objects.bulk_create([Photo(image="documents/new\nline.txt", width=1, height=1)])

    summary, told = migrate()
    assert (summary["copied"], summary["failed"]) == (4, len(REFUSED))
    assert all("--rename" in line["detail"] for line in told)
    dry, promised = migrate(rename=True, dry_run=True)
    assert (dry["there already"], dry["to be renamed"]) == (4, len(REFUSED))
    assert set(Document.objects.values_list("file", flat=True)) >= set(REFUSED)

    summary, told = migrate(rename=True)
    assert (summary["there already"], summary["renamed"]) == (4, len(REFUSED))
    new = {line["name"]: line["detail"] for line in told}
    assert new == {line["name"]: line["detail"] for line in promised}
    assert new.keys() == REFUSED.keys()
    assert {name: stored(fresh_service)[new[name]] for name in REFUSED} == REFUSED
    assert all(len(name) <= 100 for name in new.values())
    named = set(Document.objects.values_list("file", flat=True))
    assert named >= set(new.values()) and not named & set(REFUSED)
    assert Photo.objects.filter(image=new["documents/new\nline.txt"]).exists()
    for row in Document.objects.filter(file__in=new.values()):
        assert row.file.read() == REFUSED[next(old for old in new if new[old] == row.file.name)]

    assert migrate(rename=True)[0] == {"there already": 4 + len(REFUSED), "bytes": 0}


def test_a_run_that_was_killed_between_file_and_row_is_gone_on_with(
    media: Path, fresh_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "documents/new\nline.txt"
    (media / name).write_bytes(b"1")
    row = Document(file=name)
    Document.objects.bulk_create([row])
    with monkeypatch.context() as patch:
        patch.setattr(Renaming, "update_rows", lambda *_: 0)
        migrate(rename=True)
    files = stored(fresh_service)
    _, (line,) = migrate(rename=True)
    assert stored(fresh_service) == files
    assert Document.objects.get(pk=row.pk).file.name == line["detail"]


def test_a_decomposed_name_needs_no_other_row(media: Path, fresh_service: Service) -> None:
    name = "documents/Zu\u0308rich.txt"
    (media / name).write_bytes(b"1")
    Document.objects.bulk_create([Document(file=name)])
    assert migrate()[0]["copied"] == 5
    assert stored(fresh_service)["documents/Z\u00fcrich.txt"] == b"1"
    assert Document.objects.get(file=name).file.read() == b"1"
    assert migrate()[0] == {"there already": 5, "bytes": 0}


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["shelf"], list(FILES)),
        (["shelf.Photo"], ["photos/l\u00f6we 1.jpg"]),
        (["shelf.photo.IMAGE"], ["photos/l\u00f6we 1.jpg"]),
        (["shelf.Photo", "shelf.Document.file"], list(FILES)),
    ],
)
def test_a_part_of_the_site(
    media: Path, fresh_service: Service, labels: list[str], names: list[str]
) -> None:
    migrate(*labels)
    assert sorted(stored(fresh_service)) == sorted(names)


def test_a_whole_storage(media: Path, fresh_service: Service) -> None:
    (media / "nobody/knows").mkdir(parents=True)
    (media / "nobody/knows/me.txt").write_bytes(b"x")
    (media / ".tintype/records").mkdir(parents=True)
    (media / ".tintype/records/r.json").write_bytes(b"{}")
    assert migrate(everything=True)[0]["copied"] == 5
    assert stored(fresh_service) == {**FILES, "nobody/knows/me.txt": b"x"}


def test_a_link_to_a_folder_above_it_is_not_followed(media: Path, fresh_service: Service) -> None:
    (media / "documents/media").symlink_to(media)
    (media / "self").symlink_to(".")
    (media / "beside").symlink_to(media / "photos")
    (media / "one").mkdir()
    (media / "two").mkdir()
    (media / "one/two").symlink_to(media / "two")
    (media / "two/one").symlink_to(media / "one")
    summary, told = migrate(everything=True)
    assert stored(fresh_service) == {**FILES, "beside/l\u00f6we 1.jpg": b"third"}
    left_out = {"documents/media/", "one/two/one/", "self/", "two/one/two/"}
    assert {line["name"] for line in told} == left_out
    assert summary["left out"] == len(left_out)


def test_a_folder_that_cannot_be_read_does_not_hold_the_others_up(
    media: Path, fresh_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    listdir = FileSystemStorage.listdir

    def refuse(self: FileSystemStorage, path: str) -> Any:
        if path == "documents/deep":
            raise PermissionError(13, "Permission denied", path)
        return listdir(self, path)

    monkeypatch.setattr(FileSystemStorage, "listdir", refuse)
    summary, (line,) = migrate(everything=True)
    assert (summary["copied"], summary["failed"]) == (3, 1)
    assert line["name"] == "documents/deep/" and "Permission denied" in line["detail"]


def test_from_another_storage_into_a_folder_of_tintype(
    media: Path, fresh_service: Service, settings: Settings
) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "old": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(media)},
        },
        "new": {"BACKEND": "django_tintype.TintypeStorage", "OPTIONS": {"location": "site/a"}},
    }
    settings.MEDIA_ROOT = ""
    migrate(source="old", target="new")
    assert stored(fresh_service) == {f"site/a/{name}": body for name, body in FILES.items()}


class Squeezed(FileSystemStorage):
    """Reports its stored size, which is not that of the file's content."""

    def size(self, name: str) -> int:
        return len(zlib.compress(Path(self.path(name)).read_bytes()))


def test_from_a_storage_that_is_mistaken_about_sizes(
    media: Path, fresh_service: Service, settings: Settings
) -> None:
    squeezed = {"BACKEND": f"{__name__}.Squeezed", "OPTIONS": {"location": str(media)}}
    settings.STORAGES = {**settings.STORAGES, "old": squeezed}
    assert migrate(source="old")[0]["copied"] == 4
    assert stored(fresh_service) == FILES
    assert migrate(source="old")[0] == {"there already": 4, "bytes": 0}


def test_a_name_that_is_a_folder_in_tintype_is_told(media: Path, fresh_service: Service) -> None:
    client().put("empty.txt/b", b"x")
    summary, (line,) = migrate()
    assert (summary["failed"], summary["copied"]) == (1, 3)
    assert line["name"] == "empty.txt" and "exists" in line["detail"]


def test_other_bytes_are_told_and_left_alone(media: Path, fresh_service: Service) -> None:
    client().put("documents/a.txt", b"other")  # of the same length
    client().put("empty.txt", b"not empty")
    summary, lines = migrate()
    assert (summary["differs"], summary["copied"]) == (2, 2)
    assert sorted((line["name"], line["outcome"]) for line in lines) == [
        ("documents/a.txt", "differs"),
        ("empty.txt", "differs"),
    ]
    assert stored(fresh_service)["documents/a.txt"] == b"other"


def test_what_is_nowhere_is_told(media: Path) -> None:
    (media / "documents/a.txt").unlink()
    summary, (line,) = migrate()
    assert summary["missing"] == 1
    assert line["name"] == "documents/a.txt"
    # If it has arrived before, that is enough.
    client().put("documents/a.txt", b"first")
    assert migrate()[0] == {"there already": 4, "bytes": 0}


def test_what_waits_to_be_moved_is_not_missing(
    media: Path, fresh_service: Service, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "shared").mkdir()
    settings.TINTYPE = {
        **settings.TINTYPE,
        "DEFERRED_ROOT": tmp_path / "shared",
        "DEFERRED_ROOT_IS_SHARED_AND_DURABLE": True,
    }
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django_tintype.DeferredTintypeStorage"},
    }
    # Uploaded after the switch.
    Document(file=ContentFile(b"new", "new.txt")).save()
    assert migrate()[0] == {"copied": 4, "waiting": 1, "bytes": sum(map(len, FILES.values()))}
    call_command("tintype_move", stdout=StringIO())
    assert migrate()[0] == {"there already": 5, "bytes": 0}


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("../outside.txt", "failed"),
        ("/etc/passwd", "failed"),
        ("a//b.txt", "missing"),
        ("documents", "failed"),
    ],
)
def test_rows_that_name_no_file_do_not_hold_the_others_up(
    media: Path, fresh_service: Service, name: str, outcome: str
) -> None:
    Document(file=name).save()
    summary, (line,) = migrate()
    assert (line["name"], line["outcome"]) == (name, outcome)
    assert (summary["copied"], summary[outcome]) == (4, 1)
    assert stored(fresh_service) == FILES


def test_names_that_are_no_text_are_told(media: Path, fresh_service: Service) -> None:
    Path(os.fsdecode(os.fsencode(media) + b"/\xff.txt")).write_bytes(b"x")
    summary, (line,) = migrate(everything=True)
    assert line["name"] == "\\udcff.txt"
    assert (summary["copied"], summary["failed"]) == (4, 1)


def test_a_checkpoint_saves_looking_twice(
    media: Path, fresh_service: Service, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint"
    (media / "documents/a.txt").rename(media / "documents/away.txt")
    assert migrate(checkpoint=str(checkpoint))[0]["copied"] == 3
    # Killed in the middle of a line.
    with checkpoint.open("ab") as file:
        file.write(b'{"done": "docum')
    (media / "documents/away.txt").rename(media / "documents/a.txt")
    before = len(fresh_service.requests())
    assert migrate(checkpoint=str(checkpoint))[0] == {"done before": 3, "copied": 1, "bytes": 5}
    asked = fresh_service.requests()[before:]
    assert [request["route"] for request in asked] == ["batch", "files"]
    assert migrate(checkpoint=str(checkpoint))[0] == {"done before": 4, "bytes": 0}
    assert all(json.loads(line) for line in checkpoint.read_text().splitlines())


def test_nothing_behind_a_broken_line_of_a_checkpoint_is_believed(
    media: Path, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint"
    migrate(checkpoint=str(checkpoint))
    lines = checkpoint.read_bytes().splitlines(keepends=True)
    for broken in (b"\0" * 20 + b"\n", b'{"done": 1}\n', b"[]\n", b"\xff\n"):
        checkpoint.write_bytes(b"".join([*lines[:3], broken, *lines[3:]]))
        summary = migrate(checkpoint=str(checkpoint))[0]
        assert summary == {"done before": 2, "there already": 2, "bytes": 0}
        assert sorted(checkpoint.read_bytes().splitlines(keepends=True)) == sorted(lines)


def test_a_disk_that_is_full_is_said_in_one_line(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "checkpoint", {"from": "here"})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (checkpoint.path.stat().st_size + 5, limits[1]))
        with pytest.raises(CommandError, match="checkpoint: File too large; free some space"):
            checkpoint.add("a.txt")
        checkpoint.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    for done in (set(), {"b.txt"}):
        with closing(Checkpoint(checkpoint.path, {"from": "here"})) as again:
            assert again.done == done
            again.add("b.txt")


class ControlC(FileSystemStorage):
    """Pressed when the second folder is listed."""

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        if path:
            raise KeyboardInterrupt
        return super().listdir(path)


def test_an_interrupted_run_says_so_in_one_line(
    media: Path, fresh_service: Service, settings: Settings
) -> None:
    old = {"BACKEND": f"{__name__}.ControlC", "OPTIONS": {"location": str(media)}}
    settings.STORAGES = {**settings.STORAGES, "old": old}
    with pytest.raises(CommandError, match=r"^interrupted; run it again for the rest$") as raised:
        call_command("tintype_migrate", everything=True, source="old", stdout=StringIO())
    assert raised.value.returncode == 130
    migrate(everything=True)
    assert stored(fresh_service) == FILES


def test_a_checkpoint_belongs_to_its_work(media: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    migrate(checkpoint=str(checkpoint))
    with pytest.raises(CommandError, match="of another run"):
        call_command("tintype_migrate", checkpoint=str(checkpoint), target="default")
    letter = tmp_path / "letter"
    for content in (b"dear reader", b"dear reader\n", b"\xff\xd8\xff\n"):
        letter.write_bytes(content)
        with pytest.raises(CommandError, match="of another run"):
            call_command("tintype_migrate", checkpoint=str(letter))
        assert letter.read_bytes() == content


def test_rows_are_read_once_whatever_their_number(media: Path) -> None:
    Document.objects.bulk_create(Document(file="documents/a.txt") for _ in range(5000))
    with CaptureQueriesContext(connection) as queries:
        migrate("shelf.Document")
    # One query for the table, one count, and one read per 2,000 rows.
    assert len(queries) == 1 + 1 + 3


def test_a_service_that_is_away_is_an_error_and_not_a_success(
    media: Path, fresh_service: Service, settings: Settings
) -> None:
    fresh_service.kill()
    settings.TINTYPE = {**settings.TINTYPE, "TIMEOUT": 1}
    # One line, and no traceback.
    for command in ("tintype_migrate", "tintype_orphans"):
        with pytest.raises(CommandError, match="no response from the service"):
            call_command(command, stdout=StringIO())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shelf.Fotos"], "did you mean shelf.Photo"),
        (["--from", "nowhere"], "nowhere"),
        (["--to", "staticfiles"], "not tintype"),
        (["--from", "default"], "the same storage"),
        (["--everything", "shelf"], "takes no names"),
        (["--everything", "--rename"], "looks at no row"),
        (["--parallel", "65"], "from 1 to 64"),
    ],
)
def test_mistakes_on_the_command_line_are_named(
    media: Path, arguments: list[str], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("tintype_migrate", *arguments, stdout=StringIO())


def test_fields_that_are_kept_elsewhere_have_to_be_switched_first(
    media: Path, settings: Settings
) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "new": {"BACKEND": "django_tintype.TintypeStorage"},
    }
    with pytest.raises(CommandError, match="not kept in tintype"):
        call_command("tintype_migrate", "shelf.Photo", stdout=StringIO())
    with pytest.raises(CommandError, match="make tintype its storage first"):
        call_command("tintype_migrate", "shelf.Photo", "--to", "new", "--rename", stdout=StringIO())
    # Before the switch, to an alias.
    assert migrate("shelf.Photo", target="new")[0]["copied"] == 1


def test_plain_lines_without_a_terminal(media: Path) -> None:
    out, err = StringIO(), StringIO()
    (media / "empty.txt").unlink()
    with pytest.raises(CommandError, match="1 missing"):
        call_command("tintype_migrate", stdout=out, stderr=err)
    assert out.getvalue().splitlines() == [
        "missing: empty.txt: the file is in neither storage",
        "3 copied, 1 missing",
    ]
    assert "\r" not in err.getvalue()
