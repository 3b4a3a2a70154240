"""Copies one file from another storage into tintype, or finds out whether it is there already."""

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
    #: The name that it gets instead of its own, which the service refuses.
    new_name: str | None = None

    @property
    def key(self) -> str:
        return self.target.key(self.new_name or self.name)


def copy(item: Copy, known: Record | None, *, dry_run: bool) -> tuple[Outcome, int]:
    """What came of it, and how many bytes were sent. Nothing is ever written over."""
    try:
        size = item.source.size(item.name)
    except FileNotFoundError:
        # It is missing where it should come from. If it has arrived, that is all that is wanted.
        return "there already" if known else _elsewhere(item), 0
    if known is not None:
        return _compare(item, known), 0
    # So that a dry run tells which names will be refused.
    check_key(item.key)
    if dry_run:
        return "to be copied", size
    client = item.target.client
    with item.source.open(item.name, "rb") as file:
        try:
            # The client compares the digest of what it sent with that of what was stored.
            return "copied", client.put(item.key, file, length=size).size
        except FileExistsError as taken:
            try:
                known = client.record(item.key)
            except FileNotFoundError:
                # By a folder, or a part of the name is a file.
                raise taken from None
    # Somebody was faster.
    return _compare(item, known), 0


def _elsewhere(item: Copy) -> Outcome:
    if isinstance(item.target, DeferredTintypeStorage) and item.target.pending(item.name):
        return "waiting"
    # Perhaps it was uploaded, or moved, since it was asked for.
    return "there already" if item.target.client.exists(item.key) else "missing"


def _compare(item: Copy, known: Record) -> Outcome:
    # Not by their sizes: a storage may tell that of what it keeps, which is compressed.
    with item.source.open(item.name, "rb") as file:
        here = _sha256(file.chunks())
    client = item.target.client
    # An original that nobody has asked for yet has not been hashed.
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
