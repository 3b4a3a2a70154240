from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.management.base import CommandError, CommandParser

from django_tintype.api.client import client
from django_tintype.upkeep import fields
from django_tintype.upkeep.command import UpkeepCommand, one_line
from django_tintype.upkeep.report import Report
from django_tintype.upkeep.stat import AT_ONCE, batches


class Command(UpkeepCommand):
    help = (
        "Removes the thumbnails of originals from the service and from downstream caches. The "
        "originals stay, and the next request makes the thumbnail again."
    )
    examples = """examples:
  manage.py tintype_purge photos/lion.jpg photos/tiger.jpg
  manage.py tintype_purge --prefix photos/2016/
  manage.py tintype_purge --field blog.Post.picture
"""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("keys", nargs="*", metavar="KEY")
        parser.add_argument("--prefix", help="everything below it; '' is everything")
        parser.add_argument(
            "--field",
            action="append",
            dest="labels",
            metavar="app[.Model[.field]]",
            help="what the rows of a field name; may be repeated",
        )

    def handle(
        self, *, keys: list[str], prefix: str | None, labels: list[str] | None, **options: Any
    ) -> None:
        if (bool(keys), prefix is not None, bool(labels)).count(True) != 1:
            raise CommandError("name keys, a --prefix or a --field, one of them", returncode=2)
        report = self.report(options)
        if prefix is not None:
            report.counts["purged"] = client().purge(prefix=prefix)
        else:
            _purge(iter(keys) if keys else _of_fields(labels or [], report), report)
        self.end(report)


def _purge(keys: Iterator[str], report: Report) -> None:
    for batch in batches(keys, AT_ONCE):
        for answer in client().batch("purge", batch):
            problem = answer.get("problem")
            if problem:
                detail = str(problem.get("detail", problem.get("title", "")))
                report.add(answer["key"], "failed", detail)
            else:
                report.add(answer["key"], "purged")


def _of_fields(labels: list[str], report: Report) -> Iterator[str]:
    for field in fields.file_fields(labels):
        storage = fields.storage_of(field)
        for _, name in fields.names(field):
            try:
                yield storage.key(name)
            except SuspiciousFileOperation as error:
                report.add(name, "failed", one_line(error))
