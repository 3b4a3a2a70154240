from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.storage import Storage, storages
from django.core.management.base import CommandError, CommandParser

from django_tintype.api.client import client
from django_tintype.api.errors import PreconditionFailed
from django_tintype.storages.tintype import TintypeStorage
from django_tintype.upkeep import fields
from django_tintype.upkeep.ages import age
from django_tintype.upkeep.command import UpkeepCommand, one_line
from django_tintype.upkeep.inventory import Inventory, Orphan
from django_tintype.upkeep.parallel import parallel
from django_tintype.upkeep.report import Report
from django_tintype.upkeep.stat import batches, with_records

#: Orphans that are compared with the rows again at a time, just before they are deleted.
AT_ONCE = 100


class Command(UpkeepCommand):
    help = (
        "Finds originals that no row names, and rows whose original is missing. Deletes nothing "
        "unless told to. Exit code 1 if originals are missing."
    )
    examples = """examples:
  manage.py tintype_orphans
  manage.py tintype_orphans --prefix photos/
  manage.py tintype_orphans --prefix photos/ --min-age 7d --delete

Every file field of every model in every database counts, and so do their defaults. What is named
elsewhere does not: in texts, in JSON, in history tables, by another project on the same service. So
look at the list before anything is deleted, and keep to a prefix that belongs to fields alone.
"""
    problems = ("missing", "failed")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        self.add_parallel(parser)
        parser.add_argument(
            "--prefix",
            action="append",
            dest="prefixes",
            metavar="PREFIX",
            help="only keys with this prefix; may be repeated (default: the folders of all fields)",
        )
        parser.add_argument(
            "--min-age",
            type=age,
            default=timedelta(hours=24),
            metavar="AGE",
            help="skip younger originals, whose rows may not be saved yet: 30m, 24h, 7d "
            "(default 24h)",
        )
        parser.add_argument(
            "--delete", action="store_true", help="delete orphans; requires --prefix"
        )

    def handle(
        self,
        *,
        prefixes: list[str] | None,
        min_age: timedelta,
        delete: bool,
        **options: Any,
    ) -> None:
        if delete and prefixes is None:
            raise CommandError(
                "--delete needs a prefix: --prefix photos/, or --prefix '' for everything "
                "that the token may list",
                returncode=2,
            )
        places = _places()
        if prefixes is None:
            locations = {place.keepers[0].location for place in places if place.is_ours}
            prefixes = [f"{location}/" if location else "" for location in sorted(locations)]
        report = self.report(options)
        with Inventory() as inventory:
            # In this order, so that an original whose row is saved meanwhile is not an orphan.
            for prefix in prefixes:
                inventory.add(client().walk(prefix, records=False))
            total = len(inventory)
            for key in _defaults(places):
                inventory.name(key)
            self._find_missing(places, prefixes, inventory, report)
            old = self._old(inventory, datetime.now(timezone.utc) - min_age, report)
            if delete:
                self._delete(places, old, report, options["parallel"])
            else:
                for orphan in old:
                    report.add(orphan.key, "orphan", _describe(orphan), size=orphan.size, tell=True)
        self.end(report, originals_in_all=total)

    def _find_missing(
        self,
        places: list[Place],
        prefixes: list[str],
        inventory: Inventory,
        report: Report,
    ) -> None:
        def unknown() -> Iterator[tuple[str, str]]:
            for field, using, keepers, is_ours in places:
                for pk, name in fields.names(field, using):
                    try:
                        keys = [keeper.key(name) for keeper in keepers]
                    except SuspiciousFileOperation as error:
                        if is_ours:
                            report.add(name, "failed", one_line(error))
                        continue
                    for keeper in keepers:
                        # An adopted original may have the name as written; then it belongs to the
                        # row.
                        inventory.name(f"{keeper.location}/{name}".lstrip("/"))
                    for key in keys:
                        is_known = not key.startswith(tuple(prefixes)) or inventory.name(key)
                        if is_ours and not is_known and not fields.is_waiting(field, name):
                            yield key, f"{fields.label(field)} {pk}"

        # It may have been uploaded since the list was made.
        for (key, row), record in with_records(client(), unknown(), lambda item: item[0]):
            if record is None:
                report.add(key, "missing", row)

    def _old(self, inventory: Inventory, before: datetime, report: Report) -> Iterator[Orphan]:
        for orphan in inventory.orphans():
            if orphan.modified < before:
                yield orphan
            else:
                report.add(orphan.key, "too young to tell")

    def _delete(
        self, places: list[Place], orphans: Iterator[Orphan], report: Report, threads: int
    ) -> None:
        def still_orphans() -> Iterator[Orphan]:
            # By now a row may name it.
            for batch in batches(orphans, AT_ONCE):
                named = _named(places, [orphan.key for orphan in batch])
                for orphan in batch:
                    if orphan.key in named:
                        report.add(orphan.key, "named meanwhile")
                    else:
                        yield orphan

        def delete(orphan: Orphan) -> None:
            # Only the version that was found: it may have been replaced.
            client().delete(orphan.key, if_match=orphan.etag)

        for orphan, error in parallel(delete, still_orphans(), threads):
            if error is None:
                detail = _describe(orphan)
                report.add(orphan.key, "deleted", detail, size=orphan.size, tell=True)
            elif isinstance(error, PreconditionFailed):
                report.add(orphan.key, "replaced meanwhile")
            else:
                report.add(orphan.key, "failed", one_line(error))


class Place(NamedTuple):
    """A field in one database, and where the files of its rows may be."""

    field: fields.Field
    using: str
    keepers: list[TintypeStorage]
    is_ours: bool


def _places() -> list[Place]:
    """All fields. One with another storage may be about to move in or out, so its names protect the
    originals of these names in each of our storages."""
    everywhere = list(fields.everywhere(fields.file_fields([])))
    used: list[Storage] = [field.storage for field, _ in everywhere]
    for alias in django_settings.STORAGES:
        with suppress(ImproperlyConfigured):
            used.append(storages[alias])
    ours = {keeper.location: keeper for keeper in used if isinstance(keeper, TintypeStorage)}
    return [
        Place(field, using, [fields.storage_of(field)], is_ours=True)
        if fields.in_tintype(field)
        else Place(field, using, list(ours.values()), is_ours=False)
        for field, using in everywhere
    ]


def _defaults(places: list[Place]) -> Iterator[str]:
    """The names that rows get without a file of their own."""
    for field, _, keepers, _ in places:
        for default in (field.default, field.db_default):
            name = default() if callable(default) else default
            if isinstance(name, str) and name:
                yield from (keeper.key(name) for keeper in keepers)


def _named(places: list[Place], keys: list[str]) -> set[str]:
    """The keys that a row names now."""
    found: set[str] = set()
    for field, using, keepers, _ in places:
        for keeper in keepers:
            inside = f"{keeper.location}/" if keeper.location else ""
            names = [keeper.name(key) for key in keys if key.startswith(inside)]
            rows = fields.rows(field, using).filter(**{f"{field.attname}__in": names})
            found |= {keeper.key(name) for name in rows.values_list(field.attname, flat=True)}
    return found


def _describe(orphan: Orphan) -> str:
    return f"{orphan.size} bytes, {orphan.modified:%Y-%m-%d %H:%M}"
