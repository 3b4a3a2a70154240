"""DeferredTintypeStorage: an acknowledged upload is never lost or duplicated, and can be read at
any time, whether or not the service is available, and whichever process is killed at whatever
point.

A file that is not in the folder has arrived; one that is gets moved by the next process.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import django
import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client as Browser
from pytest_django import Settings

from django_tintype.api.client import Client, Page, client
from django_tintype.conf import settings as settings_in_force
from django_tintype.storages import deferred
from django_tintype.storages import folder as deferred_folder
from django_tintype.storages.deferred import DeferredTintypeStorage, has_workers
from django_tintype.storages.folder import DeferredFolder, folder
from tests.service import Service, free_ports, poll

STATED = "DEFERRED_ROOT_IS_SHARED_AND_DURABLE"


@pytest.fixture
def root(tmp_path: Path, settings: Settings) -> Path:
    """The shared folder; the service of the settings is not running."""
    root = tmp_path / "shared"
    root.mkdir()
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    settings.TINTYPE = {
        "URL": url,
        "TOKEN": "dev",
        "TIMEOUT": 1,
        "DEFERRED_ROOT": root,
        STATED: True,
    }
    return root


@pytest.fixture
def running(root: Path, fresh_service: Service, settings: Settings) -> Service:
    settings.TINTYPE = {
        "URL": fresh_service.url,
        "TOKEN": "dev",
        "DEFERRED_ROOT": root,
        STATED: True,
    }
    return fresh_service


def waiting(root: Path) -> list[str]:
    return sorted(
        path.relative_to(root / "files").as_posix()
        for path in (root / "files").rglob("*")
        if path.is_file()
    )


def save(name: str, content: bytes = b"content", **options: Any) -> str:
    return str(DeferredTintypeStorage().save(name, ContentFile(content), **options))


def read(name: str, mode: str = "rb") -> Any:
    with DeferredTintypeStorage().open(name, mode) as file:
        return file.read()


def move(**options: Any) -> dict[str, int]:
    """One pass of the command; its summary."""
    out = StringIO()
    call_command("tintype_move", "--json", stdout=out, **options)
    summary: dict[str, int] = json.loads(out.getvalue().splitlines()[-1])["summary"]
    return summary


# While the service is unavailable


def test_a_save_needs_no_service_and_the_file_is_there_at_once(root: Path) -> None:
    storage = DeferredTintypeStorage()
    name = save("photos/lion.jpg", b"roar")
    assert waiting(root) == [name]
    assert storage.pending(name)
    assert storage.exists(name)
    assert storage.size(name) == 4
    assert read(name) == b"roar"
    assert read(name, "r") == "roar"
    assert storage.get_modified_time(name).tzinfo
    assert storage.url(name).startswith("/pending/")


@pytest.mark.parametrize("path", ["..", "../..", "photos/../../../..", "/../.."])
def test_nobody_lists_what_is_beside_the_folder(running: Service, root: Path, path: str) -> None:
    (root / "files").mkdir()
    with pytest.raises(SuspiciousFileOperation):
        DeferredTintypeStorage().listdir(path)


def test_what_cannot_wait_is_asked_of_the_service(running: Service) -> None:
    storage = DeferredTintypeStorage()
    name = save("a.txt")
    # A name longer than on a disk, as in a bucket, and one below a name that is a file here.
    for odd in ("x" * 300, f"{name}/b"):
        assert not storage.exists(odd)
        assert storage.url(odd).startswith(running.url)
        with pytest.raises(FileNotFoundError):
            storage.size(odd)
        with pytest.raises(FileNotFoundError):
            storage.open(odd)
        storage.delete(odd)
    for none in ("", "a/"):
        assert not storage.exists(none)
    with pytest.raises(SuspiciousFileOperation):
        storage.exists("a\0")


def test_a_save_ends_after_the_bytes_and_the_name_are_on_the_disk(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def watched(name: str) -> None:
        original = getattr(os, name)

        def call(*args: Any, **options: Any) -> Any:
            done = original(*args, **options)
            at = args[-1]
            path = os.readlink(f"/proc/self/fd/{at}") if isinstance(at, int) else str(at)
            seen.append(f"{name} {Path(path).relative_to(root).parts[0:1]}")
            return done

        monkeypatch.setattr(os, name, call)

    save("first.txt")
    watched("fsync")
    watched("link")
    save("second.txt")
    assert seen == ["fsync ('drafts',)", "link ('files',)", "fsync ('files',)"]


def test_a_volume_that_is_not_mounted_is_not_replaced_by_a_folder(root: Path) -> None:
    root.rmdir()
    with pytest.raises(FileNotFoundError, match="mount it"):
        save("photos/a.txt")
    with pytest.raises(CommandError, match="mount it"):
        move()
    assert not root.exists()


def test_what_could_not_be_moved_is_told_and_waits_on(root: Path) -> None:
    name = save("a.txt")
    out = StringIO()
    with pytest.raises(CommandError, match="1 failed"):
        call_command("tintype_move", stdout=out)
    assert out.getvalue().startswith(f"failed: {name}: TintypeUnavailable")
    assert waiting(root) == [name]


def test_a_folder_that_cannot_be_read_is_told(
    running: Service, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save("a/1.txt")
    name = save("b/2.txt")
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if path == str(root / "files" / "b"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    out = StringIO()
    with pytest.raises(CommandError, match="1 failed"):
        call_command("tintype_move", stdout=out)
    assert "Permission denied" in out.getvalue() and "1 moved" in out.getvalue()
    assert waiting(root) == [name]


def test_a_file_that_waits_is_deleted_without_the_service(root: Path) -> None:
    storage = DeferredTintypeStorage()
    name = save("a.txt")
    storage.delete(name)
    assert waiting(root) == []
    assert not storage.exists(name)
    with pytest.raises(FileNotFoundError):
        storage.open(name)


def test_a_file_that_waits_is_not_written_to(root: Path) -> None:
    name = save("a.txt")
    with pytest.raises(OSError, match="read-only until then"):
        DeferredTintypeStorage().open(name, "w")


# Names are final before the service has seen them


def test_names_get_a_random_part_and_keep_folder_and_extensions(root: Path) -> None:
    first, second = save("docs/report.tar.gz"), save("docs/report.tar.gz")
    assert first != second
    for name in (first, second):
        start, _, rest = name.partition("_")
        assert (start, len(rest), rest[12:]) == ("docs/report", 12 + 7, ".tar.gz")


@pytest.mark.parametrize("max_length", [100, 30, 20])
def test_names_keep_to_the_column(root: Path, max_length: int) -> None:
    name = save("a/" + "long" * 30 + ".jpg", max_length=max_length)
    assert len(name) == max_length
    assert name.startswith("a/l")
    assert name.endswith(".jpg")


@pytest.mark.parametrize("max_length", [100, None])
def test_names_keep_to_the_bytes_of_a_file_name(root: Path, max_length: int | None) -> None:
    name = save("a/" + "写" * 100 + ".jpg", max_length=max_length)
    assert name.startswith("a/写写") and name.endswith(".jpg")
    assert 250 < len(name.removeprefix("a/").encode()) <= 255


def test_a_column_too_short_for_any_name_is_refused(root: Path) -> None:
    with pytest.raises(SuspiciousFileOperation, match="max_length"):
        save("photo.jpg", max_length=17)


@pytest.mark.parametrize(
    "name",
    [
        "a." + "x" * 255,
        "a\u202eb.jpg",
        "a\nb.jpg",
        ".tintype/a.jpg",
        ".TinType/a.jpg",
        "/".join(["part" * 20] * 12),
    ],
)
def test_names_that_the_service_would_refuse_later_are_refused_at_once(
    root: Path, name: str
) -> None:
    with pytest.raises(SuspiciousFileOperation):
        save(name)
    assert waiting(root) == []


def test_a_name_that_a_subclass_made_is_left_alone(running: Service) -> None:
    class Dated(DeferredTintypeStorage):
        def get_available_name(self, name: str, max_length: int | None = None) -> str:
            return f"2016/{name}"

        def exists(self, name: str) -> bool:
            return False

    assert DeferredTintypeStorage().exists("2016/a.txt") is False
    assert Dated().get_available_name("a.txt") == "2016/a.txt"


def test_a_subclass_that_changes_the_wish_needs_no_service_either(root: Path) -> None:
    class Small(DeferredTintypeStorage):
        def get_available_name(self, name: str, max_length: int | None = None) -> str:
            return super().get_available_name(name.lower(), max_length)

    names = {Small().save("A.TXT", ContentFile(b"x")) for _ in range(2)}
    assert len(names) == 2
    assert all(re.fullmatch(r"a_\w{12}\.txt", name) for name in names)


class Deleting(DeferredTintypeStorage):
    """A common idiom of sites, for files that have to keep their names."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        if self.exists(name):
            self.delete(name)
        return name


def test_a_subclass_that_makes_room_keeps_the_name(
    running: Service, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for content in (b"1", b"2", b"3"):
        assert Deleting().save("logo.png", ContentFile(content)) == "logo.png"
        assert read("logo.png") == content
        assert DeferredTintypeStorage().exists("logo.png")
    # Not before the deleted file is certain to be gone.
    with suppress(CommandError):
        move()
    assert read("logo.png") == b"3" and waiting(root) == ["logo.png"]
    monkeypatch.setattr(deferred_folder, "SETTLE_SECONDS", 0)
    move()
    move()
    assert waiting(root) == []
    assert read("logo.png") == (running.root / "logo.png").read_bytes() == b"3"
    assert Deleting().save("logo.png", ContentFile(b"4")) == "logo.png"
    move()
    assert read("logo.png") == (running.root / "logo.png").read_bytes() == b"4"


def test_many_that_make_room_at_once_are_all_right(running: Service, root: Path) -> None:
    contents = [b"%d" % number for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        saved = pool.map(lambda c: Deleting().save("logo.png", ContentFile(c)), contents)
        assert set(saved) == {"logo.png"}
    assert read("logo.png") in contents


def test_a_file_that_is_deleted_as_it_comes_does_not_keep_its_name(
    running: Service, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deferred, "MAX_NAMES", 3)
    deleting = Thread(target=lambda: DeferredTintypeStorage().delete("logo.png"))
    link = os.link

    def link_and_delete(draft: Path, target: Path) -> None:
        link(draft, target)
        if deleting.ident is None:
            deleting.start()
            # It may have to wait until the name is given.
            deleting.join(0.5)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", link_and_delete)
        assert Deleting().save("logo.png", ContentFile(b"old")) == "logo.png"
    deleting.join()
    assert Deleting().save("logo.png", ContentFile(b"new")) == "logo.png"
    assert read("logo.png") == b"new"


def test_a_name_whose_file_is_on_its_way_is_not_given_to_another(
    running: Service, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class WhileMoving(Client):
        def put(self, key: str, *args: Any, **options: Any) -> Any:
            with monkeypatch.context() as patch:
                patch.setattr(deferred, "MAX_NAMES", 3)
                with pytest.raises(FileExistsError):
                    Deleting().save("logo.png", ContentFile(b"new"))
            return super().put(key, *args, **options)

    Deleting().save("logo.png", ContentFile(b"old"))
    DeferredFolder(root).move("logo.png", WhileMoving(settings_in_force()))
    assert Deleting().save("logo.png", ContentFile(b"newer")) == "logo.png"
    assert read("logo.png") == b"newer"


# Moving


def test_a_pass_moves_everything_once(running: Service, root: Path) -> None:
    storage = DeferredTintypeStorage()
    names = [save(f"many/{number}.txt", str(number).encode()) for number in range(20)]
    assert move() == {"moved": 20, "bytes": 0}
    assert move() == {"bytes": 0}
    assert waiting(root) == []
    assert [read(name) for name in names] == [b"%d" % n for n in range(20)]
    assert storage.url(names[0]) == f"{running.url}/o/{names[0]}"
    puts = [request["key"] for request in running.requests() if request["method"] == "PUT"]
    assert sorted(puts) == sorted(names)


def test_a_reader_keeps_reading_while_the_file_is_moved(running: Service) -> None:
    name = save("a.txt", b"ab")
    with DeferredTintypeStorage().open(name) as file:
        assert file.read(1) == b"a"
        move()
        assert file.read(1) == b"b"


@pytest.mark.parametrize("arrived", [False, True])
def test_a_closed_file_is_opened_again_where_it_is_by_then(running: Service, arrived: bool) -> None:
    file = DeferredTintypeStorage().open(save("a.txt", "\xe4".encode()), "r")
    assert file.read() == "\xe4"
    assert file.open().read() == "\xe4"
    file.close()
    if arrived:
        move()
    with file.open() as again:
        assert again.read() == "\xe4"
    with file.open("rb") as again:
        assert again.read() == "\xe4".encode()


def test_what_arrived_before_its_mover_was_killed_is_recognised(
    running: Service, root: Path
) -> None:
    name = save("a.txt", b"same")
    client().put(name, b"same")
    assert move() == {"moved": 1, "bytes": 0}
    assert waiting(root) == []
    assert (running.root / name).read_bytes() == b"same"


def test_other_bytes_under_the_key_are_never_written_over(running: Service, root: Path) -> None:
    name = save("a.txt", b"ours")
    client().put(name, b"theirs")
    with pytest.raises(CommandError, match="1 failed"):
        move()
    assert waiting(root) == [name]
    assert (running.root / name).read_bytes() == b"theirs"
    assert read(name) == b"ours"


def test_two_movers_do_not_get_in_each_others_way(running: Service, root: Path) -> None:
    name = save("a.txt")
    with deferred_folder._locked(folder().path(name)) as held:
        assert not isinstance(held, str)
        assert move() == {"busy": 1, "bytes": 0}
    assert move() == {"moved": 1, "bytes": 0}


def test_a_file_deleted_while_it_is_on_its_way_does_not_come_back(
    running: Service, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deferred_folder, "SETTLE_SECONDS", 0)
    name = save("a.txt")
    with deferred_folder._locked(folder().path(name)) as held:
        assert not isinstance(held, str)
        DeferredTintypeStorage().delete(name)
        # The mover that has already begun succeeds.
        client().put(name, b"content")
        assert move() == {"busy": 1, "bytes": 0}
    assert not DeferredTintypeStorage().exists(name)
    assert DeferredTintypeStorage().listdir("") == ([], [])
    assert move() == {"deleted": 1, "bytes": 0}
    assert not client().exists(name)
    assert move() == {"bytes": 0}


def test_what_was_moved_is_swept_after_a_while(
    running: Service, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save("a.txt")
    move()
    assert len(list((root / "moved").iterdir())) == 1
    monkeypatch.setattr(deferred_folder, "KEEP_MOVED_SECONDS", -1)
    move()
    assert list((root / "moved").iterdir()) == []


def test_a_folder_lists_what_waits_and_what_has_arrived(running: Service) -> None:
    arrived = save("shelf/a.txt")
    move()
    new = save("shelf/b.txt")
    nested = save("shelf/deep/c.txt")
    folders, files = DeferredTintypeStorage().listdir("shelf")
    assert folders == ["deep"]
    assert files == sorted(name.removeprefix("shelf/") for name in (arrived, new))
    assert DeferredTintypeStorage().listdir("")[0] == ["shelf"]
    assert nested


def test_a_file_that_is_moved_while_a_folder_is_listed_is_listed(
    running: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = save("a.txt")
    listed = Client.list

    def list_(self: Client, *args: Any, **options: Any) -> Page:
        page = listed(self, *args, **options)
        move()
        return page

    monkeypatch.setattr(Client, "list", list_)
    assert DeferredTintypeStorage().listdir("")[1] == [name]


@pytest.mark.django_db(transaction=True)
def test_workers_get_a_task_after_the_commit(
    running: Service, root: Path, settings: Settings
) -> None:
    if django.VERSION < (6, 0):
        # There is no task framework: the command alone moves.
        assert not has_workers()
        return
    from django.tasks import default_task_backend

    assert not has_workers(), "Django's default runs tasks in the request, which must not wait"
    settings.TASKS = {"default": {"BACKEND": "django.tasks.backends.dummy.DummyBackend"}}
    queue = default_task_backend.results  # type: ignore[attr-defined]
    with transaction.atomic():
        name = save("a.txt")
        assert queue == []
    (result,) = queue
    assert result.args == [name]
    assert result.task.call(*result.args) == "moved"
    assert waiting(root) == []


# Where waiting files are shown


@pytest.mark.django_db
def test_the_address_of_a_waiting_file_goes_on_to_work(running: Service) -> None:
    name = save("photos/a b.jpg", b"picture")
    url = DeferredTintypeStorage().url(name)
    answer = Browser().get(url)
    assert b"".join(answer) == b"picture"
    answer.close()
    assert answer["Content-Type"] == "image/jpeg"
    move()
    answer = Browser().get(url)
    assert (answer.status_code, answer["Location"]) == (302, DeferredTintypeStorage().url(name))


def test_nobody_guesses_an_address(root: Path) -> None:
    name = save("a.jpg")
    own = DeferredTintypeStorage().url(name)
    for url in (
        f"/pending/x/{name}",
        own.replace(name, save("b.jpg")),
        own + "/../../drafts/x",
        "/pending/x/../../etc/passwd",
    ):
        assert Browser().get(url).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "disposition"),
    [("a.jpg", "inline"), ("a.html", "attachment"), ("a.svg", "attachment"), ("a", "attachment")],
)
def test_nothing_active_is_shown_in_the_sites_own_origin(
    root: Path, name: str, disposition: str
) -> None:
    answer = Browser().get(DeferredTintypeStorage().url(save(name, b"<script>")))
    answer.close()
    assert answer["Content-Disposition"].startswith(disposition)
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["X-Content-Type-Options"] == "nosniff"


# What the settings must state


def ids(settings: Settings, **changes: Any) -> list[str]:
    settings.TINTYPE = {**settings.TINTYPE, **changes}
    # Other apps of the tests may use such storages.
    shelf = [apps.get_app_config("shelf")]
    found = [message.id or "" for message in run_checks(shelf, tags=["files"])]
    return [name for name in found if name.startswith("tintype.")]


def test_the_folder_has_to_be_declared_shared_and_durable(root: Path, settings: Settings) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django_tintype.DeferredTintypeStorage"},
    }
    assert ids(settings) == []
    assert ids(settings, DEFERRED_ROOT=str(root / "not mounted")) == ["tintype.E011"]
    assert ids(settings, DEFERRED_ROOT="relative") == ["tintype.E001"]
    assert ids(settings, DEFERRED_ROOT=root, **{STATED: "yes"}) == ["tintype.E001"]
    with pytest.raises(ImproperlyConfigured, match=STATED):
        save("a.txt")
    settings.TINTYPE = {"TOKEN": "dev"}
    assert ids(settings) == ["tintype.E010"]
    with pytest.raises(ImproperlyConfigured, match="DEFERRED_ROOT"):
        save("a.txt")
    settings.ROOT_URLCONF = "django.contrib.auth.urls"
    assert "tintype.E012" in ids(settings)
    # The settings of a process that only moves files and serves no pages.
    del settings.ROOT_URLCONF
    assert ids(settings) == ["tintype.E010"]


def test_a_site_without_deferred_files_need_not_say_anything(settings: Settings) -> None:
    assert ids(settings) == []


# Killed at any point

SAVER = """
import os, sys, django
from django.conf import settings
django.setup()
from django.core.files.base import ContentFile
from django_tintype import DeferredTintypeStorage
storage, number = DeferredTintypeStorage(), 0
while True:
    number += 1
    text = f"{os.getpid()} {number} " * 2000
    name = storage.save(f"{number % 7}/a.txt", ContentFile(text))
    os.write(1, f"{name} {os.getpid()} {number}\\n".encode())
"""


MOVER = [sys.executable, "-m", "django", "tintype_move", "--watch", "1", "--json"]


def environment(service: Service, root: Path) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings_deferred",
        "TINTYPE_TEST_URL": service.url,
        "TINTYPE_TEST_DEFERRED_ROOT": str(root),
    }


def test_a_watching_mover_ends_when_it_is_asked_to(running: Service, root: Path) -> None:
    mover = subprocess.Popen(MOVER, env=environment(running, root), stdout=subprocess.PIPE)
    for number in range(2):
        save(f"{number}.txt")
        poll(lambda: not waiting(root), "the file is moved")
    mover.terminate()
    told, _ = mover.communicate(timeout=30)
    assert mover.returncode == 0
    assert [json.loads(line) for line in told.splitlines()] == [
        {"summary": {"moved": 1, "bytes": 0}},
        {"summary": {"moved": 1, "bytes": 0}},
    ]


def test_a_watching_mover_ends_in_the_middle_of_a_pass(running: Service, root: Path) -> None:
    (root / "files").mkdir()
    for number in range(1000):
        (root / "files" / f"{number}.txt").write_bytes(b"content")
    mover = subprocess.Popen(MOVER, env=environment(running, root), stdout=subprocess.PIPE)
    poll(lambda: count(root / "moved"), "a file is moved")
    mover.terminate()
    told, _ = mover.communicate(timeout=30)
    assert mover.returncode == 0
    left = len(waiting(root))
    assert left > 0
    assert json.loads(told)["summary"]["moved"] == 1000 - left
    assert move() == {"moved": left, "bytes": 0}


def grows(measure: Callable[[], int], beyond: int) -> bool:
    return measure() > beyond


def count(folder: Path) -> int:
    return len(list(folder.iterdir())) if folder.exists() else 0


def test_nothing_is_lost_or_doubled_when_savers_movers_and_the_service_are_killed(
    running: Service, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deferred_folder, "SETTLE_SECONDS", 0)
    env = environment(running, root)
    acknowledged = tmp_path / "acknowledged"
    rounds = 6
    for turn in range(rounds):
        with acknowledged.open("ab") as out:
            saver = subprocess.Popen([sys.executable, "-c", SAVER], env=env, stdout=out)
        movers = [
            subprocess.Popen(MOVER, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(2)
        ]
        saved, moved = len(acknowledged.read_bytes()), count(root / "moved")
        poll(partial(grows, lambda: len(acknowledged.read_bytes()), saved + 200), "files are saved")
        poll(partial(grows, lambda: count(root / "moved"), moved + 3), "files are moved")
        # At an arbitrary point.
        time.sleep(0.01 * turn)
        if turn % 2:
            running.kill()
        for process in (saver, *movers):
            process.send_signal(signal.SIGKILL)
            process.wait()
        if turn % 2:
            running.start()
    names = [line.split() for line in acknowledged.read_text().splitlines()]

    def all_are_right() -> None:
        for name, pid, number in names:
            assert read(name) == f"{pid} {number} ".encode() * 2000

    all_are_right()
    call_command("tintype_move", stdout=StringIO())
    assert waiting(root) == []
    all_are_right()
    # A killed saver may have stored one file without acknowledging it.
    stored = {record.key for record in client().walk("")}
    assert stored >= {name for name, _, _ in names}
    assert len(stored) <= len(names) + rounds
