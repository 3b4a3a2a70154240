"""With many concurrent processes and a service that stops in between, nothing is lost or
duplicated, on a disk and in a bucket.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile

from django_tintype import TintypeStorage
from django_tintype.api.client import client
from tests.bucket import started_bucket
from tests.conftest import StartService
from tests.service import Service, poll

PROCESSES = 64
SAVES_EACH = 3

Saved = list[tuple[str, bytes]]


def save_the_same_name(barrier: Any, answers: Any) -> None:
    saved: Saved = []
    try:
        storage = TintypeStorage()
        barrier.wait(120)
        for number in range(SAVES_EACH):
            content = f"process {os.getpid()}, save {number}".encode() * 1000
            saved.append((storage.save("race/lion.tar.gz", ContentFile(content), 40), content))
        answers.put(saved)
    except BaseException as error:
        answers.put(error)


def race() -> Saved:
    context = multiprocessing.get_context("fork")
    barrier, answers = context.Barrier(PROCESSES), context.Queue()
    processes = [
        context.Process(target=save_the_same_name, args=(barrier, answers))
        for _ in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    saved: Saved = []
    for _ in processes:
        answer = answers.get(timeout=240)
        if isinstance(answer, BaseException):
            raise answer
        saved += answer
    for process in processes:
        process.join()
    return saved


def check_race(saved: Saved) -> None:
    names = [name for name, _ in saved]
    assert len(set(names)) == len(names) == PROCESSES * SAVES_EACH
    assert "race/lion.tar.gz" in names and max(map(len, names)) <= 40
    storage = TintypeStorage()
    assert sorted(storage.listdir("race")[1]) == sorted(name.split("/")[1] for name in names)
    stored = {record.key: record.sha256 for record in client().walk("race/")}
    assert stored == {name: hashlib.sha256(content).hexdigest() for name, content in saved}


def test_64_processes_save_one_name_on_a_disk(fresh_service: Service) -> None:
    saved = race()
    check_race(saved)
    for name, content in saved:
        assert (fresh_service.root / name).read_bytes() == content
    puts = [r for r in fresh_service.requests() if r["method"] == "PUT"]
    assert len(puts) == len(saved)


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[dict[str, str]]:
    with started_bucket(tmp_path) as environment:
        yield environment


def test_64_processes_save_one_name_in_a_bucket(
    start_service: StartService, bucket: dict[str, str]
) -> None:
    start_service(bucket)
    check_race(race())


WORKERS = 4
SAVES = 100
ENDS = 10
#: Files that each worker saves between two stops.
STEP = 5


@pytest.mark.parametrize("end", [Service.stop, Service.kill], ids=["SIGTERM", "SIGKILL"])
def test_saves_outlast_a_restart(
    fresh_service: Service, end: Callable[[Service], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "django_tintype")
    storage = TintypeStorage()
    done: list[tuple[str, bytes]] = []
    counts = [0] * WORKERS
    lock = threading.Lock()

    def work(worker: int) -> None:
        for number in range(SAVES):
            # Half of them under taken names; some larger than a socket buffer.
            name = "same.bin" if number % 2 else f"{worker}/{number}.bin"
            content = uuid.uuid4().bytes * (65_536 if number % 5 == 0 else 16)
            saved = storage.save(name, ContentFile(content))
            with lock:
                done.append((saved, content))
                counts[worker] += 1

    def each_has_saved_since(before: list[int]) -> None:
        # A save outlasts one restart, but not any number of them in a row.
        def is_so() -> bool:
            return all(
                counts[at] >= before[at] + STEP or workers[at].done() for at in range(WORKERS)
            )

        poll(is_so, "every worker has saved some files")

    with ThreadPoolExecutor(WORKERS) as pool:
        workers = [pool.submit(work, worker) for worker in range(WORKERS)]
        for _ in range(ENDS):
            each_has_saved_since(list(counts))
            end(fresh_service)
            fresh_service.start()
        for outcome in workers:
            outcome.result()

    # Otherwise the service stopped while nobody used it.
    assert len([line for line in caplog.messages if "is sent again" in line]) >= ENDS
    assert len(done) == WORKERS * SAVES
    names = Counter(name for name, _ in done)
    assert names.most_common(1)[0][1] == 1
    found = fresh_service.root.rglob("*.bin")
    stored = [path for path in found if ".tintype" not in path.parts]
    on_disk = {str(path.relative_to(fresh_service.root)): path.read_bytes() for path in stored}
    assert on_disk == dict(done)
    for name, content in done:
        assert storage.record(name).sha256 == hashlib.sha256(content).hexdigest()
