"""Whatever goes wrong between Django and the service, nothing is lost, nothing is done twice, and
the error says what to do.
"""

from __future__ import annotations

import io
import pickle
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.forms import FileField, Form
from django.test import override_settings
from django.utils.datastructures import MultiValueDict

from django_tintype import (
    PreconditionFailed,
    TintypeAuthError,
    TintypeError,
    TintypeRejected,
    TintypeStorage,
    TintypeUnavailable,
)
from django_tintype.api.client import client
from django_tintype.api.errors import TintypeBlocked
from django_tintype.api.upload import Upload, WrongLength
from tests.conftest import StartService
from tests.service import Service, free_ports
from tests.shelf.models import Document
from tests.storages import stream
from tests.wire import Wire, wire


@pytest.fixture
def between(fresh_service: Service) -> Iterator[Wire]:
    with (
        wire(fresh_service.port) as wire_,
        override_settings(TINTYPE={"URL": wire_.url, "TOKEN": "dev"}),
    ):
        yield wire_


def files(service: Service) -> list[str]:
    found = service.root.rglob("*")
    names = [str(path.relative_to(service.root)) for path in found if path.is_file()]
    return sorted(name for name in names if not name.startswith(".tintype"))


# Responses that never arrive


def test_a_save_whose_answer_is_lost_makes_one_file(between: Wire, fresh_service: Service) -> None:
    storage = TintypeStorage()
    for lost in (1, 2, 3):
        between.swallow_answers = lost
        name = storage.save(f"{lost}.txt", ContentFile(b"content"))
        assert name == f"{lost}.txt"
    assert files(fresh_service) == ["1.txt", "2.txt", "3.txt"]
    # Also if the name was taken: the second attempt finds the file of the first.
    between.swallow_answers = 1
    name = storage.save("1.txt", ContentFile(b"other"))
    assert files(fresh_service) == sorted(["1.txt", "2.txt", "3.txt", name])


def test_a_copy_whose_answer_is_lost_is_made_once(between: Wire, fresh_service: Service) -> None:
    client().put("a", b"content")
    between.swallow_answers = 1
    client().copy("a", "b", on_conflict="rename")
    between.swallow_answers = 1
    client().move("b", "c", on_conflict="rename")
    assert files(fresh_service) == ["a", "c"]


def test_an_overwrite_whose_answer_is_lost_is_made_once(
    between: Wire, fresh_service: Service
) -> None:
    storage = TintypeStorage(allow_overwrite=True)
    storage.save("a", ContentFile(b"one"))
    between.swallow_answers = 1
    storage.save("a", ContentFile(b"two"))
    assert (fresh_service.root / "a").read_bytes() == b"two"


def test_a_written_file_whose_answer_is_lost_is_no_conflict(
    between: Wire, fresh_service: Service
) -> None:
    # The second attempt finds the result of the first, under a condition that no longer holds.
    storage = TintypeStorage()
    for content in (b"made", b"replaced"):
        with storage.open("a", "wb") as file:
            file.write(content)
            between.swallow_answers = 1
        assert (fresh_service.root / "a").read_bytes() == content


def test_a_delete_is_not_sent_again_after_a_lost_answer(
    between: Wire, fresh_service: Service
) -> None:
    # Somebody else may have put a new file there meanwhile.
    storage = TintypeStorage()
    storage.save("a", ContentFile(b"content"))
    between.swallow_answers = 1
    storage.delete("a")
    deletes = [r for r in fresh_service.requests() if r["method"] == "DELETE"]
    assert len(deletes) == 1 and files(fresh_service) == []


def test_a_file_of_a_field_is_sent_again(
    between: Wire, fresh_service: Service, tmp_path: Path
) -> None:
    # Like the file of a loaded row: it is not open yet.
    theirs = Document(file="theirs").file
    theirs.storage = FileSystemStorage(location=tmp_path)
    theirs.storage.save("theirs", ContentFile(b"content"))
    between.swallow_answers = 1
    with theirs:
        assert TintypeStorage().save("a", theirs) == "a"
    assert (fresh_service.root / "a").read_bytes() == b"content"


def test_a_stream_is_not_sent_twice(between: Wire, fresh_service: Service) -> None:
    storage = TintypeStorage()
    between.swallow_answers = 1
    with pytest.raises(TintypeUnavailable):
        storage.save("a", stream(b"content"))
    assert len(fresh_service.requests()) == 1


def test_a_broken_answer_is_read_on_where_it_broke(between: Wire, fresh_service: Service) -> None:
    data = bytes(range(256)) * 4000
    storage = TintypeStorage()
    storage.save("a", ContentFile(data))
    for pieces in ([1000, 50_000], [200], [60_000, 400, 30_000]):
        between.break_after = list(pieces)
        with storage.open("a") as file:
            assert file.read() == data
    between.break_after = [1000] * 20
    with pytest.raises(TintypeUnavailable), storage.open("a") as file:
        file.read()
    between.break_after = []


def test_an_idle_connection_that_was_closed_is_no_error(fresh_service: Service) -> None:
    storage = TintypeStorage()
    storage.save("a", ContentFile(b"1"))
    fresh_service.restart()
    storage.delete("a")
    fresh_service.kill()
    fresh_service.start()
    storage.save("b", stream(b"2"))
    assert files(fresh_service) == ["b"]


# Bytes that change in transit


@pytest.mark.parametrize("content", [ContentFile(b"precious"), stream(b"precious")])
def test_damaged_bytes_are_not_kept(between: Wire, fresh_service: Service, content: Any) -> None:
    between.damage = lambda data: data.replace(b"precious", b"precioux")
    with pytest.raises(TintypeError, match="other bytes than were sent") as caught:
        TintypeStorage().save("a", content)
    assert caught.value.code == "digest-mismatch" and caught.value.retryable
    assert files(fresh_service) == []


def test_damage_that_somebody_has_mended_is_left_alone(
    between: Wire, fresh_service: Service
) -> None:
    mended = threading.Event()

    def damage(data: bytes) -> bytes:
        if data.startswith(b"DELETE") and not mended.is_set():
            mended.set()
            (fresh_service.root / "a").write_bytes(b"mended")
        return data.replace(b"precious", b"precioux")

    between.damage = damage
    with pytest.raises(TintypeError, match="other bytes"):
        TintypeStorage().save("a", ContentFile(b"precious"))
    assert (fresh_service.root / "a").read_bytes() == b"mended"


def test_a_source_that_fails_is_its_own_error(fresh_service: Service) -> None:
    class Failing(ContentFile):  # type: ignore[type-arg]
        def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
            yield b"half"
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        TintypeStorage().save("a", Failing(b"x"))
    assert files(fresh_service) == []


# Refusals


def test_a_wrong_token_is_a_permission(fresh_service: Service, settings: Any) -> None:
    storage = TintypeStorage()
    for token in ("wrong", None):
        settings.TINTYPE = {"URL": fresh_service.url, **({"TOKEN": token} if token else {})}
        for act in (
            lambda: storage.save("a", ContentFile(b"x" * 5_000_000)),
            lambda: storage.exists("a"),
            lambda: storage.listdir(""),
            lambda: storage.delete("a"),
        ):
            with pytest.raises(TintypeAuthError) as caught:
                act()
            assert isinstance(caught.value, PermissionDenied)


def test_a_file_that_is_not_accepted_is_the_error_of_a_form(start_service: StartService) -> None:
    start_service({"TINTYPE_MAX_UPLOAD_BYTES": "1MB", "TINTYPE_ALLOW_TYPES": "text/*"})

    class Upload(Form):
        file = FileField()

        def clean_file(self) -> str:
            return TintypeStorage().save("a", self.cleaned_data["file"])

    for content, reason in (
        (b"x" * 1_100_000, "larger than the limit"),
        (b"\x89PNG\r\n\x1a\n", ""),
    ):
        posted: MultiValueDict[str, UploadedFile[Any]] = MultiValueDict(
            {"file": [SimpleUploadedFile("a.txt", content)]}
        )
        form = Upload(files=posted)
        assert not form.is_valid()
        assert reason in form.errors["file"][0]
    with pytest.raises(TintypeRejected) as caught:
        TintypeStorage().save("a", ContentFile(b"x" * 1_100_000))
    assert isinstance(caught.value, ValidationError)
    assert caught.value.code == "too-large" and caught.value.status == 413
    assert caught.value.request_id


def test_what_was_taken_down_is_there_and_cannot_be_read(fresh_service: Service) -> None:
    storage = TintypeStorage()
    storage.save("a", ContentFile(b"x"))
    client().patch("a", {"state": {"name": "blocked", "reason": "asked for"}})
    assert storage.exists("a")
    with pytest.raises(TintypeBlocked) as caught:
        storage.open("a")
    assert isinstance(caught.value, PermissionError)
    assert storage.save("a", ContentFile(b"y")) != "a"


def test_a_service_that_is_away_is_never_a_missing_file(settings: Any) -> None:
    settings.TINTYPE = {"URL": f"http://127.0.0.1:{free_ports(1)[0]}", "TOKEN": "tt_secret"}
    storage = TintypeStorage()
    for act in (lambda: storage.exists("a"), lambda: storage.size("a"), lambda: storage.open("a")):
        with pytest.raises(TintypeUnavailable, match="check TINTYPE") as caught:
            act()
        assert isinstance(caught.value, OSError)
        assert not isinstance(caught.value, FileNotFoundError)
        assert "secret" not in str(caught.value)


def test_what_is_wrong_with_tls_is_said(fresh_service: Service, settings: Any) -> None:
    settings.TINTYPE = {"URL": fresh_service.url.replace("http", "https"), "TOKEN": "dev"}
    with pytest.raises(TintypeUnavailable, match=r"\[SSL"):
        TintypeStorage().exists("a")


@pytest.mark.parametrize(("act", "waits"), [("exists", 2), ("save", 5)])
def test_a_refused_connection_is_tried_again(
    settings: Any, caplog: pytest.LogCaptureFixture, act: str, waits: int
) -> None:
    # A page waits for half a second, an upload long enough for a restart.
    caplog.set_level("INFO", "django_tintype")
    settings.TINTYPE = {"URL": f"http://127.0.0.1:{free_ports(1)[0]}", "TOKEN": "dev"}
    storage = TintypeStorage()
    with pytest.raises(TintypeUnavailable):
        storage.save("a", stream(b"x")) if act == "save" else storage.exists("a")
    assert len(caplog.messages) == waits


class Stranger(BaseHTTPRequestHandler):
    """A server that is not tintype, which a wrong port may lead to."""

    def answer(self) -> None:
        self.send_response(int(self.path.rsplit("/", 1)[-1].split("?")[0] or 200))
        self.send_header("Content-Type", "text/html")
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "6")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"<html>")

    do_GET = do_HEAD = do_PUT = do_DELETE = answer

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def stranger(settings: Any) -> Iterator[None]:
    server = HTTPServer(("127.0.0.1", 0), Stranger)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.TINTYPE = {"URL": f"http://127.0.0.1:{server.server_port}", "TOKEN": "dev"}
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("status", [200, 301, 404, 400])
def test_a_stranger_is_not_believed(stranger: None, status: int) -> None:
    storage = TintypeStorage()
    with pytest.raises(TintypeError, match="not a response of tintype"):
        storage.save(str(status), ContentFile(b"x"))
    with pytest.raises(TintypeError, match="not a response of tintype"):
        storage.exists(str(status))


@pytest.mark.parametrize("status", [408, 429, 503])
def test_a_balancer_that_asks_for_patience_gets_it(
    stranger: None, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level("INFO", "django_tintype")
    with pytest.raises(TintypeUnavailable, match=f"responded with status {status}"):
        TintypeStorage().exists(str(status))
    assert len(caplog.messages) == 2


class Forwarding(BaseHTTPRequestHandler):
    """A proxy that ignores ranges and forwards data as it arrives."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Tintype-Request-Id", "r")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"3\r\nabc\r\n0\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        pass


def test_an_answer_that_does_not_say_how_long_it_is_is_no_empty_file(settings: Any) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Forwarding)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.TINTYPE = {"URL": f"http://127.0.0.1:{server.server_port}", "TOKEN": "dev"}
    with pytest.raises(TintypeError, match="does not say which bytes"):
        TintypeStorage().open("a")
    with client().get("a") as download:
        assert download.read() == b"abc"
    server.shutdown()
    server.server_close()


def test_a_silent_service_is_given_up(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    # A page does not wait twice for it; an upload gets a second chance.
    caplog.set_level("INFO", "django_tintype")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.TINTYPE = {
            "URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "TOKEN": "dev",
            "TIMEOUT": 0.2,
        }
        with pytest.raises(TintypeUnavailable):
            TintypeStorage().exists("a")
        assert len(caplog.messages) == 0
        with pytest.raises(TintypeUnavailable):
            TintypeStorage().save("a", ContentFile(b"x"))
        assert len(caplog.messages) == 1


def test_a_service_that_takes_bytes_slowly_has_all_the_time(
    between: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only connecting has a short timeout.
    monkeypatch.setattr("django_tintype.api.transport.CONNECT_TIMEOUT", 0.2)
    slow = threading.Event()

    def hold_up(data: bytes) -> bytes:
        if not slow.is_set():
            slow.wait(1)
            slow.set()
        return data

    between.damage = hold_up
    # More than fits into the socket buffers.
    assert client().put("a", bytes(20_000_000)).size == 20_000_000
    assert between.connections == 1


def test_a_length_that_is_wrong_is_no_truncated_file(fresh_service: Service) -> None:
    for length in (2, 3, 5):
        with pytest.raises(TintypeError, match=f"not {length} bytes"):
            client().put("a", (part for part in (b"abc", b"d")), length=length)
        assert files(fresh_service) == []
        client().put("a", [b"abc", b"d"], length=length)
        assert (fresh_service.root / "a").read_bytes() == b"abcd"
        client().delete("a")


def test_a_body_is_not_whole_before_its_source_has_ended() -> None:
    # Once it has all announced bytes, the service stores them, and no later error can stop that.
    sent: list[bytes] = []
    upload = Upload(iter([b"abc", b"d"]), 3)
    with pytest.raises(WrongLength):
        sent += upload
    assert len(b"".join(sent)) < 3
    assert Upload(iter([b"abc"]), 0).length is None


@pytest.mark.parametrize("length", [0, 2, 9])
def test_a_file_whose_length_is_wrong_is_sent_from_where_it_stood(
    fresh_service: Service, length: int
) -> None:
    # A storage may report the size of its stored form: compressed, encrypted, or outdated.
    file = io.BytesIO(b"not this: abcd")
    file.seek(10)
    assert client().put("a", file, length=length).size == 4
    assert (fresh_service.root / "a").read_bytes() == b"abcd"


def test_names_cannot_step_out_of_the_files(fresh_service: Service) -> None:
    for name in ("../records/a", "a/../../records/a", ".", "..", "%2e%2e/records/a"):
        try:
            client().delete(name)
        except Exception as error:
            assert "key" in str(error), name
    assert {r["route"] for r in fresh_service.requests()} <= {"files"}


ERRORS = [
    TintypeError("a", code="b", status=400, retryable=True, request_id="r"),
    TintypeUnavailable("a", code="b", status=503),
    TintypeAuthError("a", code="b", status=401),
    TintypeRejected("a", code="too-large", status=413, request_id="r"),
    PreconditionFailed("a", code="precondition-failed"),
]


@pytest.mark.parametrize("error", ERRORS)
def test_errors_travel_between_processes(error: TintypeError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    for fact in ("code", "detail", "status", "retryable", "request_id"):
        assert getattr(again, fact) == getattr(error, fact)
