"""One row of a source, found by its label for an operator to look at; no more of a value is read than is shown."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vestige_tui.core.rows.problems import NIL_UUID
from vestige_tui.core.rows.records import ARROW
from vestige_tui.core.source.layouts import ResolvedSource, resolve
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.source.query import label as label_of
from vestige_tui.core.source.shape import quoted, read_shape

EXCERPT = 4_000
"""Bytes that are read of each value: several screens full."""


@dataclass(frozen=True, slots=True)
class FoundValue:
    """A value as the source has it.

    ``type`` is SQLite's: null, integer, real, text or blob. ``size`` is in bytes; ``start`` is the beginning of the
    value as text, or of a BLOB in hexadecimal.
    """

    column: str
    type: str
    size: int
    start: str


def find_row(path: Path, table: str, label: str) -> tuple[FoundValue, ...] | None:
    """The source row that ``RowError.row`` names; None where there is none.

    ``table`` is the destination's. The nil UUID finds the first row without an id. Raises ``SourceError``.
    """
    with open_source(path) as connection:
        shape = read_shape(connection)
        source = resolve(shape).get(table)
        if source is None:
            return None
        columns = shape.columns(source.source.table)
        fields = ", ".join(
            f"typeof(n.{name}), length(CAST(n.{name} AS BLOB)), substr(CAST(n.{name} AS BLOB), 1, {EXCERPT})"
            for name in map(quoted, columns)
        )
        row = _fetch(connection, source, fields, label)
        (encoding,) = connection.execute("PRAGMA encoding").fetchone()
    if row is None:
        return None
    triples = zip(columns, row[::3], row[1::3], row[2::3], strict=True)
    return tuple(
        FoundValue(name, kind, size or 0, _readable(kind, start, encoding)) for name, kind, size, start in triples
    )


def _fetch(connection: sqlite3.Connection, source: ResolvedSource, fields: str, label: str) -> tuple[Any, ...] | None:
    """The first row with a label: by the key columns, which an index may serve, or else by comparing all labels."""
    keys = [source.expressions[source.table.position(name)] or "NULL" for name in source.table.key]
    query = f"SELECT {fields} FROM {quoted(source.source.table)} n WHERE"
    parts = label.split(ARROW)
    if len(parts) == len(keys):
        exact = " AND ".join(f"{key} = ?" for key in keys)
        row: tuple[Any, ...] | None = connection.execute(f"{query} {exact} LIMIT 1", parts).fetchone()
        if row is not None:
            return row
    nameless = ARROW.join("" for _ in keys)
    wanted = nameless if label == NIL_UUID else label
    found: tuple[Any, ...] | None = connection.execute(f"{query} {label_of(source)} = ? LIMIT 1", (wanted,)).fetchone()
    return found


def _readable(kind: str, start: bytes | None, encoding: str) -> str:
    if start is None:
        return ""
    return start.hex() if kind == "blob" else start.decode(encoding, errors="replace")
