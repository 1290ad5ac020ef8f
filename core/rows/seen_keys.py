"""Keys that a run has seen, kept on disk: finding repeats takes no memory, however large the source is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import repeat

from vestige_tui.core.rows.batches import RowBatch
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.rows.records import Record, keys_of, row_label
from vestige_tui.core.rows.tables import Table

_MISSING = """WITH RECURSIVE place (at) AS (VALUES (0) UNION ALL SELECT at + 1 FROM place WHERE at + 1 < :count)
SELECT at FROM place
WHERE NOT EXISTS (SELECT 1 FROM seen WHERE name = :name AND key = substr(:keys, 1 + at * :width, :width))"""


class SeenKeys:
    """Sets of keys by name, in a temporary SQLite database that is gone when the connection closes."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute("CREATE TABLE seen (name TEXT, key BLOB, PRIMARY KEY (name, key)) WITHOUT ROWID")
        self._connection.execute("BEGIN")

    def add(self, name: str, key: bytes) -> bool:
        """Add a key; True if it is new."""
        return self._connection.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (name, key)).rowcount == 1

    def has(self, name: str, key: bytes) -> bool:
        """Whether a key was added before."""
        found = self._connection.execute("SELECT 1 FROM seen WHERE name = ? AND key = ?", (name, key)).fetchone()
        return found is not None

    def add_all(self, name: str, keys: Iterable[bytes]) -> None:
        """Add many keys."""
        self._connection.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", zip(repeat(name), keys, strict=False))

    def missing(self, name: str, keys: Sequence[bytes]) -> list[int]:
        """The positions of the keys that were not added before; quick for keys of the same length."""
        widths = {*map(len, keys)}
        if len(widths) != 1:
            return [place for place, key in enumerate(keys) if not self.has(name, key)]
        asked = {"name": name, "keys": b"".join(keys), "count": len(keys), "width": widths.pop()}
        return [place for (place,) in self._connection.execute(_MISSING, asked)]

    def close(self) -> None:
        """Forget everything."""
        self._connection.close()


def drop_repeats(
    batches: Iterable[RowBatch], seen_keys: SeenKeys, table: Table, key: Sequence[str]
) -> Iterable[RowBatch]:
    """Keep the first row of each canonical key; every later one becomes an error."""
    positions = [table.position(column) for column in key]
    for batch in batches:
        kept: list[Record] = []
        repeats: list[RowError] = []
        for record, seen in zip(batch.records, keys_of(batch.records, positions), strict=True):
            if seen_keys.add(table.name, seen):
                kept.append(record)
            else:
                repeats.append(_repeat(table, record))
        yield replace(batch, records=kept, rejected=[*batch.rejected, *repeats])


def _repeat(table: Table, record: Record) -> RowError:
    names = " and ".join(table.key)
    message = f"{names}: an earlier row of the source has the same key in its canonical form"
    return RowError(table.name, row_label(record.key), table.key[0], Kind.DUPLICATE_ID, message, copied=False)
