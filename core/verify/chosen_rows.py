"""Both sides of a few rows that are chosen by their keys, without reading all others at the destination."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from vestige_tui.core.destination.compare_and_set import digest, listed, same_key
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import Table
from vestige_tui.core.verify.expectation import Expectation
from vestige_tui.core.verify.snapshot import Snapshot
from vestige_tui.core.verify.stored import FORMS, Key

AT_ONCE = 500
"""Rows in one answer of the server."""

_BLOCK = 2_000


class StoredRow(NamedTuple):
    """Values of a row in their compared form, and the digest of each; None for NULL."""

    values: Mapping[str, Any]
    digests: Mapping[str, str | None]


def expected_rows(
    expectation: Expectation, table: Table, names: Collection[str], key: Sequence[str], keys: Collection[Key]
) -> dict[Key, dict[str, Any]]:
    """What the destination should hold in some columns of the source's rows; keys without such a row are left out.

    ``key`` are the columns of the ``keys``. Raises ``sqlite3.Error``.
    """
    wanted = {*keys}
    if not wanted:
        return {}
    first, (*start, end) = min(wanted), max(wanted)
    found: dict[Key, dict[str, Any]] = {}
    for block in expectation.blocks(table.name, _BLOCK, first=first, last=(*start, f"{end}\x01"), key=(*key,)):
        for place, one in enumerate(block.keys):
            if one in wanted and (values := block.row(place, names).values) is not None:
                found[one] = values
    return found


def stored_rows(
    snapshot: Snapshot,
    destination: Destination,
    table: Table,
    names: Sequence[str],
    *,
    key: Sequence[str],
    keys: Sequence[Key],
) -> dict[Key, StoredRow]:
    """The rows that are stored under these keys; others are left out.

    Raises ``psycopg.Error``, and as ``Watchdog.step`` does.
    """
    columns = [(sql.Identifier("t", name), _type(table, name)) for name in names]
    query = sql.SQL("SELECT {} FROM {} JOIN {} t ON {}").format(
        sql.SQL(", ").join(
            [
                sql.SQL("s.ord - 1"),
                *(sql.SQL(FORMS.get(kind, "{0}")).format(column) for column, kind in columns),
                *(digest(kind, column) for column, kind in columns),
            ]
        ),
        listed(len(key)),
        sql.Identifier(destination.schema, table.name),
        same_key(table, key),
    )
    found: dict[Key, StoredRow] = {}
    for start in range(0, len(keys), AT_ONCE):
        some = keys[start : start + AT_ONCE]
        with snapshot.watchdog.step(), psycopg.RawCursor(snapshot.connection) as cursor:
            rows = cursor.execute(query, [[*column] for column in zip(*some, strict=True)], binary=True).fetchall()
        for place, *values in rows:
            found[some[place]] = StoredRow(
                dict(zip(names, values[: len(names)], strict=True)), dict(zip(names, values[len(names) :], strict=True))
            )
    return found


def _type(table: Table, name: str) -> PgType:
    return table.columns[table.position(name)].type
