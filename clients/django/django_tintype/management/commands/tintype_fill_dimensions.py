from __future__ import annotations

from typing import Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.management.base import CommandError, CommandParser
from django.db import router
from django.db.models import ImageField, Model, Q, QuerySet

from django_tintype.api.client import client
from django_tintype.api.records import Record
from django_tintype.fields import TintypeImageField
from django_tintype.fields.columns import FACTS, columns_of
from django_tintype.fields.sync import bring_up_to_date
from django_tintype.upkeep import fields
from django_tintype.upkeep.command import UpkeepCommand, one_line
from django_tintype.upkeep.report import Report
from django_tintype.upkeep.stat import AT_ONCE, with_records


class Command(UpkeepCommand):
    help = (
        "Fills width, height and the other columns of image fields from what the service knows, "
        "without opening a file: one request for every 250 rows. Focal points and crops that have "
        "not reached the service are sent again. Exit code 1 if an original is missing."
    )
    examples = """examples:
  manage.py tintype_fill_dimensions
  manage.py tintype_fill_dimensions blog.Post.picture --all
"""
    problems = ("missing", "failed")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        fields.add_labels(parser)
        parser.add_argument(
            "--all", action="store_true", help="every row, not only those with an empty column"
        )
        parser.add_argument("--dry-run", action="store_true", help="only count")

    def handle(self, *, labels: list[str], dry_run: bool, **options: Any) -> None:
        chosen = fields.file_fields(labels, ImageField)
        if not labels:
            chosen = [field for field in chosen if fields.in_tintype(field) and _columns(field)]
        report = self.report(options, sum(self._rows(f, options["all"]).count() for f in chosen))
        for field in chosen:
            if not _columns(field):
                raise CommandError(
                    f"{fields.label(field)} names no columns; give it width_field and height_field",
                    returncode=2,
                )
            self._fill(field, self._rows(field, options["all"]), report, dry_run=dry_run)
        self.end(report)

    def _rows(self, field: fields.Field, everything: bool) -> QuerySet[Model]:
        rows = fields.rows(field)
        if everything:
            return rows
        empty = Q()
        for column in _filled(field):
            empty |= Q(**{column: None}) | Q(**{column: _empty(field, column)})
        some: QuerySet[Model] = rows.filter(empty)
        return some

    def _fill(
        self, field: fields.Field, rows: QuerySet[Model], report: Report, *, dry_run: bool
    ) -> None:
        storage = fields.storage_of(field)
        using = router.db_for_write(field.model)
        for page in fields.pages(rows, field.attname, size=AT_ONCE):
            wanted = []
            for pk, name in page:
                try:
                    wanted.append((pk, name, storage.key(name)))
                except SuspiciousFileOperation as error:
                    report.add(name, "failed", one_line(error))
            for (pk, name, _), record in with_records(client(), wanted, lambda row: row[2]):
                if record is None:
                    outcome = "waiting" if fields.is_waiting(field, name) else "missing"
                    report.add(name, outcome, f"{fields.label(field)} {pk}")
                elif dry_run:
                    report.add(name, "to be filled")
                else:
                    try:
                        report.add(name, _fill_row(field, using, pk, name, record))
                    except Exception as error:
                        report.add(name, "failed", one_line(error))


def _fill_row(field: fields.Field, using: str, pk: Any, name: str, record: Record) -> str:
    if isinstance(field, TintypeImageField):
        bring_up_to_date(field, field.model(pk=pk), using, record)
    elif record.image:
        size = {"width_field": record.image.width, "height_field": record.image.height}
        columns = {getattr(field, option): value for option, value in size.items()}
        # Unless it has been given another file.
        row = fields.rows(field, using).filter(pk=pk, **{field.attname: name})
        row.update(**{column: value for column, value in columns.items() if column})
    if record.image is None:
        return "no picture"
    has_placeholder = isinstance(field, TintypeImageField) and field.placeholder_field
    # Under load the service measures first and decodes later.
    return "pending" if has_placeholder and record.image.pending else "filled"


def _columns(field: fields.Field) -> list[str]:
    options = FACTS if isinstance(field, TintypeImageField) else FACTS[:2]
    return columns_of(field, options)


def _filled(field: fields.Field) -> list[str]:
    """The columns that are full once they are known. Many images say nothing of their rights."""
    rights = getattr(field, "rights_field", None)
    return [column for column in _columns(field) if column != rights]


def _empty(field: fields.Field, column: str) -> Any:
    return 0 if column in (field.width_field, field.height_field) else ""  # type: ignore[attr-defined]
