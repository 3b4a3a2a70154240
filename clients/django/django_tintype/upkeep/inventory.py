"""Which keys exist, and which of them rows name: on disk, so that millions fit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import NamedTuple

from django_tintype.api.records import Record


class Orphan(NamedTuple):
    key: str
    etag: str
    size: int
    modified: datetime


class Inventory:
    def __init__(self) -> None:
        # Without a name SQLite uses a temporary file that ends with the connection.
        self._db = sqlite3.connect("")
        self._db.execute(
            "CREATE TABLE originals (key TEXT PRIMARY KEY, etag TEXT, size INTEGER, modified REAL, "
            "is_named INTEGER DEFAULT 0) WITHOUT ROWID"
        )

    def __enter__(self) -> Inventory:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM originals").fetchone()[0])

    def add(self, records: Iterable[Record]) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO originals (key, etag, size, modified) VALUES (?, ?, ?, ?)",
            ((r.key, r.etag, r.size, r.modified.timestamp()) for r in records),
        )

    def name(self, key: str) -> bool:
        """Marks the key as named by a row; returns whether the original exists."""
        cursor = self._db.execute("UPDATE originals SET is_named = 1 WHERE key = ?", (key,))
        return bool(cursor.rowcount)

    def orphans(self) -> Iterator[Orphan]:
        rows = self._db.execute(
            "SELECT key, etag, size, modified FROM originals WHERE NOT is_named ORDER BY key"
        )
        for key, etag, size, modified in rows:
            yield Orphan(key, etag, size, datetime.fromtimestamp(modified, tz=timezone.utc))
