from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.management.base import CommandError, CommandParser

from django_tintype.api.client import client
from django_tintype.conf import settings
from django_tintype.delivery.spec import Spec, SpecError
from django_tintype.delivery.url import url
from django_tintype.upkeep import fields
from django_tintype.upkeep.command import UpkeepCommand, between, one_line
from django_tintype.upkeep.parallel import parallel
from django_tintype.upkeep.report import Report

#: The Accept header of each class of browsers. The service makes one variant per class.
ACCEPT = {"avif": "image/avif,image/webp,*/*", "webp": "image/webp,*/*", "legacy": "*/*"}

#: Attempts with a service that is overloaded.
MAX_WAITS = 8
MAX_WAIT_SECONDS = 10.0


class Original(NamedTuple):
    key: str
    version: str | None


class Command(UpkeepCommand):
    help = (
        "Makes thumbnails ahead of the first visitor. Existing ones cost a request and no work. "
        "Exit code 1 if some could not be made."
    )
    examples = """examples:
  manage.py tintype_warm blog.Post.picture                       all presets
  manage.py tintype_warm blog.Post.picture --spec card --spec w_640
  manage.py tintype_warm --prefix photos/2016/ --spec 'w_640~h_480~fit_cover' --limit 1000
"""
    problems = ("failed",)
    threads = 4

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        fields.add_labels(parser, "either these or --prefix are required")
        self.add_parallel(parser)
        parser.add_argument("--prefix", help="every original below it, instead of those of fields")
        parser.add_argument(
            "--spec",
            action="append",
            dest="specs",
            metavar="SPEC",
            help="a preset or a spec such as w_640; may be repeated (default: every preset)",
        )
        parser.add_argument(
            "--accept",
            action="append",
            dest="classes",
            choices=list(ACCEPT),
            help="for which browsers, where the spec names no format (default: avif and webp)",
        )
        parser.add_argument(
            "--limit", type=between(1, 10**9), help="stop after so many originals", metavar="N"
        )
        parser.add_argument(
            "--public",
            action="store_true",
            help="request from PUBLIC_URL instead of the service, so that the CDN caches them too",
        )

    def handle(
        self,
        *,
        labels: list[str],
        prefix: str | None,
        specs: list[str] | None,
        classes: list[str] | None,
        limit: int | None,
        public: bool,
        **options: Any,
    ) -> None:
        if (prefix is None) == (not labels):
            raise CommandError("name fields or a --prefix, one of both", returncode=2)
        requests = self._requests(specs, classes or ["avif", "webp"])
        report = self.report(options)
        originals = _below(prefix) if prefix is not None else _of_fields(labels, report)
        now = settings()
        where = now if public else dataclasses.replace(now, public_url=now.url)

        def make(wanted: tuple[Original, tuple[Spec, str]]) -> tuple[str, int]:
            original, (spec, accept) = wanted
            return _make(url(original, spec, settings=where), accept)

        few = itertools.islice(originals, limit)
        work = ((original, request) for original in few for request in requests)
        for (original, (spec, _)), result in parallel(make, work, options["parallel"]):
            name = f"{original.key} {spec}"
            if isinstance(result, Exception):
                report.add(name, "failed", one_line(result))
            else:
                outcome, size = result
                report.add(name, "made" if outcome == "made" else "failed", outcome, size=size)
        self.end(report)

    def _requests(self, specs: list[str] | None, classes: list[str]) -> list[tuple[Spec, str]]:
        texts = specs or list(settings().presets)
        if not texts:
            raise CommandError("there are no presets; name a --spec", returncode=2)
        requests = []
        for text in texts:
            try:
                spec = Spec.parse(text)
                # Including the time for signing.
                url("key", spec)
            except (SpecError, ImproperlyConfigured) as error:
                raise CommandError(f"--spec {text}: {error}", returncode=2) from None
            full = spec.with_preset(settings().presets)
            chosen = classes if full.f in (None, "auto") else classes[:1]
            requests += [(spec, ACCEPT[name]) for name in chosen]
        return requests


def _below(prefix: str) -> Iterator[Original]:
    for record in client().walk(prefix):
        if record.image and record.image.renderable:
            yield Original(record.key, record.version)


def _of_fields(labels: list[str], report: Report) -> Iterator[Original]:
    for field in fields.file_fields(labels):
        storage = fields.storage_of(field)
        version = getattr(field, "version_field", None)
        columns = [field.attname, version] if version else [field.attname]
        for page in fields.pages(fields.rows(field), *columns):
            for _, name, *versions in page:
                try:
                    if fields.is_waiting(field, name):
                        report.add(name, "waiting")
                        continue
                    yield Original(storage.key(name), (versions or [None])[0] or None)
                except SuspiciousFileOperation:
                    # Reported by `tintype_orphans`.
                    continue


def _make(address: str, accept: str) -> tuple[str, int]:
    for _ in range(MAX_WAITS):
        answer = client().public(address, accept=accept)
        if answer.status not in (429, 503):
            break
        wait = answer.headers.get("retry-after", "1")
        time.sleep(min(float(wait) if wait.isdecimal() else 1.0, MAX_WAIT_SECONDS))
    if answer.status == 200:
        return "made", len(answer.data)
    return f"the service responds with status {answer.status}", 0
