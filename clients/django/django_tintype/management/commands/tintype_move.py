from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError, CommandParser

from django_tintype.api.client import client
from django_tintype.storages.folder import DeferredFolder, folder
from django_tintype.upkeep.command import UpkeepCommand, between, one_line
from django_tintype.upkeep.parallel import parallel
from django_tintype.upkeep.report import Report


class Command(UpkeepCommand):
    help = (
        "Moves uploads of DeferredTintypeStorage to the service. May run wherever the folder is "
        "mounted, several times at once, and may be killed at any point. "
        "Exit code 1 unless everything has arrived; what could not be moved stays."
    )
    examples = """examples:
  manage.py tintype_move               one pass, for cron or a timer
  manage.py tintype_move --watch 5     a pass every 5 seconds, until SIGTERM
"""
    threads = 4

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        self.add_parallel(parser)
        parser.add_argument(
            "--watch",
            type=between(1, 3600),
            metavar="SECONDS",
            help="repeat after so many seconds, until SIGTERM or SIGINT",
        )

    def handle(self, *, watch: int | None, parallel: int, **options: Any) -> None:
        try:
            place = folder()
        except ImproperlyConfigured as error:
            raise CommandError(str(error), returncode=2) from None
        if watch is None:
            self.end(self.one_pass(place, parallel, options, threading.Event()))
            return
        with _until_stopped() as stopped:
            while not stopped.is_set():
                report = self.one_pass(place, parallel, options, stopped)
                if report.counts:
                    report.finish()
                stopped.wait(watch)

    def one_pass(
        self,
        place: DeferredFolder,
        threads: int,
        options: dict[str, Any],
        stopped: threading.Event,
    ) -> Report:
        try:
            place.check_root()
        except FileNotFoundError as error:
            raise CommandError(str(error), returncode=2) from None
        report = self.report(options)
        service = client()

        def tell(error: OSError) -> None:
            report.add(str(error.filename), "failed", one_line(error))

        keys = takewhile(lambda _: not stopped.is_set(), place.keys(tell))
        for key, outcome in parallel(lambda key: place.move(key, service), keys, threads):
            if isinstance(outcome, Exception):
                report.add(key, "failed", one_line(outcome))
            else:
                report.add(key, outcome)
        place.sweep()
        return report


@contextmanager
def _until_stopped() -> Iterator[threading.Event]:
    """An event set by SIGTERM and SIGINT: files that are being moved arrive first."""
    stopped = threading.Event()
    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: stopped.set()) for number in signals]
    try:
        yield stopped
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
