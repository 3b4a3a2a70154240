from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, TypeAlias

from django.apps import apps
from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, connections, router
from django.db.models import FileField, Model, Q, QuerySet

from django_tintype.storages.tintype import TintypeStorage

#: Rows read at a time.
ROWS = 2000

Field: TypeAlias = "FileField"


def add_labels(parser: CommandParser, without: str = "all fields of all models without") -> None:
    parser.add_argument(
        "labels",
        nargs="*",
        metavar="app[.Model[.field]]",
        help=f"which files; {without}",
    )


def label(field: Field) -> str:
    return f"{field.model._meta.label}.{field.name}"


def file_fields(labels: Sequence[str], kind: type[Field] = FileField) -> list[Field]:
    """The fields that labels name; without labels, every one of this kind."""
    found = {
        label(field): field
        for model in apps.get_models()
        if model._meta.managed or not model._meta.proxy
        for field in model._meta.local_fields
        if isinstance(field, kind)
    }
    if not labels:
        return list(found.values())
    chosen: dict[str, Field] = {}
    for wanted in labels:
        matching = {
            name: field
            for name, field in found.items()
            if f"{name.lower()}.".startswith(f"{wanted.lower()}.")
        }
        if not matching:
            names = {part for name in found for part in (name, name.rpartition(".")[0])}
            near = get_close_matches(wanted, names, n=1, cutoff=0.4)
            fix = f"did you mean {near[0]}?" if near else "write it as app.Model.field"
            raise CommandError(f"no {kind.__name__} is called {wanted!r}; {fix}", returncode=2)
        chosen.update(matching)
    return list(chosen.values())


def in_tintype(field: Field) -> bool:
    return isinstance(field.storage, TintypeStorage)


def storage_of(field: Field) -> TintypeStorage:
    if not isinstance(field.storage, TintypeStorage):
        raise CommandError(
            f"{label(field)} is not kept in tintype: its storage is "
            f"{type(field.storage).__name__}; change STORAGES or the field's storage first",
            returncode=2,
        )
    return field.storage


def is_waiting(field: Field, name: str) -> bool:
    """Whether a deferred upload has not been moved to the service yet."""
    return in_tintype(field) and storage_of(field).pending(name)


def rows(field: Field, using: str | None = None) -> QuerySet[Model]:
    """The rows that have a file. Not through a manager, which may hide some."""
    model = field.model
    everything: QuerySet[Model] = QuerySet(model, using=using or router.db_for_read(model))
    with_file: QuerySet[Model] = everything.exclude(Q(**{field.name: ""}) | Q(**{field.name: None}))
    return with_file


def everywhere(chosen: Sequence[Field]) -> Iterator[tuple[Field, str]]:
    """Each field with each database that has its table."""
    for field in chosen:
        found = [using for using in connections if _has_table(field, using)]
        if not found:
            table = field.model._meta.db_table
            raise CommandError(
                f"{label(field)}: no database has the table {table}; run `migrate` first",
                returncode=2,
            )
        for using in found:
            yield field, using


def _has_table(field: Field, using: str) -> bool:
    model = field.model
    if using != router.db_for_read(model) and not router.allow_migrate_model(using, model):
        return False
    try:
        QuerySet(model, using=using).exists()
    except DatabaseError:
        # The database may serve other purposes; without a router Django does not know.
        connection = connections[using]
        table = connection.introspection.identifier_converter(model._meta.db_table)
        with connection.cursor() as cursor:
            if table in connection.introspection.table_names(cursor, include_views=True):
                raise
        return False
    return True


def names(field: Field, using: str | None = None) -> Iterator[tuple[Any, str]]:
    """Primary key and file name of each row."""
    for page in pages(rows(field, using), field.attname):
        yield from page


def pages(queryset: QuerySet[Model], *columns: str, size: int = ROWS) -> Iterator[list[Any]]:
    """Primary key and columns of the rows, in pages: no transaction and no cursor is open in
    between, and rows may be changed meanwhile."""
    queryset = queryset.order_by("pk")
    last: Any = None
    while True:
        rest = queryset if last is None else queryset.filter(pk__gt=last)
        page = list(rest.values_list("pk", *columns)[:size])
        if page:
            yield page
            last = page[-1][0]
        if len(page) < size:
            return
