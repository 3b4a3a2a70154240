from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import (
    FileSystemStorage,
    InvalidStorageError,
    Storage,
    storages,
)
from django.core.management.base import CommandError, CommandParser

from django_tintype.api.client import client
from django_tintype.api.records import Record
from django_tintype.keys import InvalidKey, encode_key
from django_tintype.storages.tintype import TintypeStorage
from django_tintype.upkeep import fields
from django_tintype.upkeep.checkpoint import Checkpoint
from django_tintype.upkeep.command import UpkeepCommand, one_line
from django_tintype.upkeep.copying import Copy, copy
from django_tintype.upkeep.parallel import parallel
from django_tintype.upkeep.renaming import Place, Renaming
from django_tintype.upkeep.report import Report
from django_tintype.upkeep.stat import with_records


class Command(UpkeepCommand):
    help = (
        "Copies files from MEDIA_ROOT or another storage into tintype, under the same names, so "
        "that no row changes (but see --rename). Every copy is hashed as it is sent and compared "
        "with what was stored. Nothing is overwritten or deleted; a second run does what is left. "
        "Exit code 1 unless everything has arrived."
    )
    examples = """examples:
  manage.py tintype_migrate --dry-run
  manage.py tintype_migrate --checkpoint migrate.jsonl
  manage.py tintype_migrate blog.Post.picture shop --from old
  manage.py tintype_migrate --everything --from old --to default
  manage.py tintype_migrate --from old --rename --dry-run

Run it once while the site still uses the old storage, with --to the alias of tintype. Then make
tintype the default of STORAGES, with the old storage as an alias of its own ("old"), and run it
again with --from old for what came meanwhile.
Where the service is to keep its files in the same folder or bucket, nothing has to be copied:
point it there.
"""
    problems = ("differs", "missing", "failed")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        fields.add_labels(parser)
        self.add_parallel(parser)
        parser.add_argument(
            "--from",
            dest="source",
            metavar="ALIAS",
            help="where the files are: an alias in STORAGES (default: the folder MEDIA_ROOT)",
        )
        parser.add_argument(
            "--to",
            dest="target",
            metavar="ALIAS",
            help="where they go: an alias in STORAGES that is tintype (default: the field's own)",
        )
        parser.add_argument(
            "--everything",
            action="store_true",
            help="every file of the storage instead of those that rows name",
        )
        parser.add_argument(
            "--checkpoint",
            type=Path,
            metavar="FILE",
            help="a file that records what has arrived, so that the next run skips it",
        )
        parser.add_argument(
            "--rename",
            action="store_true",
            help="give files whose names the service refuses (control characters, parts longer "
            "than 255 bytes) another one, in their rows as well; each is reported",
        )
        parser.add_argument("--dry-run", action="store_true", help="only report what would be done")

    def handle(
        self,
        *,
        labels: list[str],
        source: str | None,
        target: str | None,
        everything: bool,
        checkpoint: str | Path | None,
        rename: bool,
        dry_run: bool,
        **options: Any,
    ) -> None:
        source_storage = _source(source)
        target_storage = None if target is None else _target(target)
        if everything and labels:
            raise CommandError("--everything takes no names of fields", returncode=2)
        if everything and rename:
            raise CommandError(
                "--rename is for files that rows name, and --everything looks at no row",
                returncode=2,
            )
        report = self.report(options)
        renaming: Renaming | None = None
        if everything:
            target_storage = target_storage or _target("default")
            copies = _all(source_storage, target_storage, report)
        else:
            chosen = fields.file_fields(labels)
            if not labels and target_storage is None:
                chosen = [field for field in chosen if fields.in_tintype(field)]
            places = [
                Place(field, using, target_storage or fields.storage_of(field))
                for field, using in fields.everywhere(chosen)
            ]
            renaming = Renaming(places) if rename else None
            report.total = sum(fields.rows(field, using).count() for field, using, _ in places)
            copies = _of_fields(source_storage, places)
        work = {
            "from": source or "MEDIA_ROOT",
            "to": f"{client().settings.url} {target or ''}".strip(),
        }
        opened = Checkpoint(Path(checkpoint), work) if checkpoint and not dry_run else None
        with closing(opened) if opened else nullcontext() as kept:
            done = kept.done if kept else set()

            def todo() -> Iterator[Copy]:
                for item in copies:
                    try:
                        item = renaming.renamed(item) if renaming else item
                        key = item.key
                        encode_key(key)  # a folder may hold names that are no text
                    except SuspiciousFileOperation as error:
                        report.add(item.name, "failed", _told(error, rename))
                        continue
                    if key in done:
                        done.remove(key)  # for files that are read meanwhile
                        report.add(item.name, "done before")
                    else:
                        yield item

            def work_on(pair: tuple[Copy, Record | None]) -> tuple[str, int]:
                return copy(*pair, dry_run=dry_run)

            pairs_known = with_records(client(), todo(), lambda item: item.key)
            for (item, _), result in parallel(work_on, pairs_known, options["parallel"]):
                if isinstance(result, Exception):
                    report.add(item.name, "failed", _told(result, rename))
                    continue
                outcome, size = result
                if item.new_name and outcome in _RENAMED:
                    if renaming and not dry_run:
                        renaming.update_rows(item)
                    report.add(item.name, _RENAMED[outcome], item.new_name, size=size, tell=True)
                else:
                    report.add(item.name, outcome, _DETAILS.get(outcome, ""), size=size)
                if kept and outcome in ("copied", "there already"):
                    kept.add(item.key)
        self.end(report)


_DETAILS = {
    "differs": "other bytes have this name in tintype; they were left alone",
    "missing": "the file is in neither storage",
}


_RENAMED = {"copied": "renamed", "there already": "renamed", "to be copied": "to be renamed"}


def _told(error: Exception, rename: bool) -> str:
    way_out = ", or have one chosen with --rename"
    return one_line(error) + (way_out if isinstance(error, InvalidKey) and not rename else "")


def _source(alias: str | None) -> Storage:
    if alias is not None:
        return _alias(alias)
    if not django_settings.MEDIA_ROOT:
        raise CommandError(
            "MEDIA_ROOT is not set; name the storage that has the files with --from", returncode=2
        )
    return FileSystemStorage()


def _target(alias: str) -> TintypeStorage:
    storage = _alias(alias)
    if not isinstance(storage, TintypeStorage):
        raise CommandError(
            f"STORAGES[{alias!r}] is {type(storage).__name__}, not tintype; name another with --to",
            returncode=2,
        )
    return storage


def _alias(alias: str) -> Storage:
    try:
        return storages[alias]
    except InvalidStorageError as error:
        raise CommandError(str(error), returncode=2) from None


def _of_fields(source: Storage, places: list[Place]) -> Iterator[Copy]:
    # Rows may share a file.
    seen: set[str] = set()
    for field, using, target in places:
        for _, name in fields.names(field, using):
            place = f"{target.location}/{name}"
            if place not in seen:
                seen.add(place)
                yield _copy(name, source, target)


def _all(source: Storage, target: TintypeStorage, report: Report) -> Iterator[Copy]:
    folders = [""]
    while folders:
        folder = folders.pop()
        if folder and _leads_back(source, folder):
            report.add(f"{folder}/", "left out", "it is a link to a folder above it", tell=True)
            continue
        try:
            inner, files = source.listdir(folder)
        except OSError as error:
            # The files in other folders are copied anyway.
            report.add(f"{folder}/", "failed", one_line(error))
            continue
        prefix = f"{folder}/" if folder else ""
        # The service's own folder, where both are the same.
        folders += [f"{prefix}{name}" for name in inner if prefix or name != ".tintype"]
        for name in files:
            yield _copy(f"{prefix}{name}", source, target)


def _leads_back(source: Storage, folder: str) -> bool:
    """Whether this is a link to a folder above it: everything would be found again below it,
    endlessly."""
    try:
        path = Path(source.path(folder))
    except NotImplementedError:
        return False
    if not path.is_symlink():
        return False
    real, root = path.resolve(), Path(source.path(""))
    return any(
        above.resolve().is_relative_to(real) for above in path.parents if above.is_relative_to(root)
    )


def _copy(name: str, source: Storage, target: TintypeStorage) -> Copy:
    if isinstance(source, TintypeStorage) and source.location == target.location:
        raise CommandError(
            "the files are in tintype already: --from and --to are the same storage", returncode=2
        )
    return Copy(name, source, target)
