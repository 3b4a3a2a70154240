from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from itertools import islice
from typing import TypeVar

from django_tintype.api.client import Client
from django_tintype.api.records import Record

_T = TypeVar("_T")

#: Keys per request. The service allows 1,000; fewer keep threads busier.
AT_ONCE = 250


def batches(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch


def with_records(
    client: Client, items: Iterable[_T], key: Callable[[_T], str]
) -> Iterator[tuple[_T, Record | None]]:
    """Each item with the record of its key; None if there is no such original."""
    for batch in batches(items, AT_ONCE):
        answers = client.batch("stat", [key(item) for item in batch])
        for item, answer in zip(batch, answers, strict=True):
            if record := answer.get("record"):
                yield item, Record.of(record)
            elif answer["status"] in (HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST):
                yield item, None
            else:
                # The store is unavailable, or the token lacks the scope: request it alone, which
                # may raise.
                yield item, _alone(client, key(item))


def _alone(client: Client, key: str) -> Record | None:
    try:
        return client.record(key)
    except FileNotFoundError:
        return None
