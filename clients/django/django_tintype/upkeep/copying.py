"""Copies one file from another storage into tintype, or finds out that it is there already."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from django.core.files.storage import Storage

from django_tintype.api.records import Record
from django_tintype.keys import check_key
from django_tintype.storages.deferred import DeferredTintypeStorage
from django_tintype.storages.tintype import TintypeStorage

Outcome = Literal["copied", "there already", "to be copied", "differs", "waiting", "missing"]


@dataclass(frozen=True)
class Copy:
    name: str
    source: Storage
    target: TintypeStorage
    #: Replaces a name that the service refuses.
    new_name: str | None = None

    @property
    def key(self) -> str:
        return self.target.key(self.new_name or self.name)


def copy(item: Copy, known: Record | None, *, dry_run: bool) -> tuple[Outcome, int]:
    """The outcome, and how many bytes were sent. Nothing is ever overwritten."""
    try:
        size = item.source.size(item.name)
    except FileNotFoundError:
        # Missing at its source. If it has arrived, all is well.
        return "there already" if known else _elsewhere(item), 0
    if known is not None:
        return _compare(item, known), 0
    # So that a dry run reports names that will be refused.
    check_key(item.key)
    if dry_run:
        return "to be copied", size
    client = item.target.client
    with item.source.open(item.name, "rb") as file:
        try:
            # The client compares the digest of the bytes that it sent with that of the stored ones.
            return "copied", client.put(item.key, file, length=size).size
        except FileExistsError as taken:
            try:
                known = client.record(item.key)
            except FileNotFoundError:
                # The name is a folder, or part of it is a file.
                raise taken from None
    # Another process was faster.
    return _compare(item, known), 0


def _elsewhere(item: Copy) -> Outcome:
    if isinstance(item.target, DeferredTintypeStorage) and item.target.pending(item.name):
        return "waiting"
    # It may have been uploaded or moved since.
    return "there already" if item.target.client.exists(item.key) else "missing"


def _compare(item: Copy, known: Record) -> Outcome:
    # Not by size: a storage may report that of compressed files.
    with item.source.open(item.name, "rb") as file:
        here = _sha256(file.chunks())
    client = item.target.client
    # An original that was never requested has not been hashed.
    there = known.sha256 or client.record(item.key).sha256
    if there is None:
        with client.get(item.key) as download:
            there = _sha256(download)
    return "there already" if here == there else "differs"


def _sha256(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
