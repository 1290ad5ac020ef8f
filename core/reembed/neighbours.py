"""Compares old and new neighbours before a swap: a wrong model, template or cut changes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import LiteralString

from psycopg import sql

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.indexes import HNSW_MAX_HALFVEC, HNSW_MAX_VECTOR
from vestige_tui.core.reembed.job import Job
from vestige_tui.core.reembed.report import NeighbourComparison, NeighbourExample
from vestige_tui.core.reembed.store import COLUMN, SHADOW, Store

SAMPLE = 200
NEAREST = 10
EXAMPLES = 5

_AT_ONCE = 10
"""Memories in one query, between which a run can be cancelled."""

_LEAST = 5.0
_SHARE = 0.1
"""Without an index, at ``--drop-hnsw-first``, each neighbour costs a look at every memory: the comparison takes no more
than a tenth of the run's time so far, or these seconds. The report has the size of the sample.
"""

_CHOSEN: LiteralString = """
    SELECT k.id::text FROM {memories} k WHERE k.{embedding} IS NOT NULL AND k.{shadow} IS NOT NULL
    ORDER BY md5(k.id::text) LIMIT %s"""
_NEIGHBOURS: LiteralString = """
    SELECT q.id::text, {old}, {new} FROM {memories} q WHERE q.id = ANY (%(ids)s::uuid[])
    ORDER BY array_position(%(ids)s::uuid[], q.id)"""
_NEAREST: LiteralString = """
    ARRAY(SELECT k.id::text FROM {memories} k
          WHERE k.id <> q.id AND k.{embedding} IS NOT NULL AND k.{shadow} IS NOT NULL
          ORDER BY {mine} OPERATOR({pgvector}.<=>) {its} LIMIT {nearest})"""
_CONTENTS: LiteralString = "SELECT k.id::text, k.content FROM {memories} k WHERE k.id = ANY (%s::uuid[])"


def compare(job: Job, old: int | None, new: int) -> NeighbourComparison | None:
    """Compare the two spaces on a sample; None where no memory has both vectors, or the old dimension is unknown.

    Raises ``Cancelled`` and ``psycopg.Error``.
    """
    if old is None:
        return None
    waits, watchdog, connection = job.sessions.waits, job.control.watchdog, job.connection
    with watchdog.step():
        ids = [row for (row,) in connection.execute(job.store.sql(_CHOSEN), (SAMPLE,)).fetchall()]
    query = job.store.sql(_NEIGHBOURS, old=_nearest(job.store, COLUMN, old), new=_nearest(job.store, SHADOW, new))
    stop = watchdog.now + min(waits.comparing, max(_LEAST, watchdog.now * _SHARE))
    found: list[NeighbourExample] = []
    for first in range(0, len(ids), _AT_ONCE):
        job.recorder.stop_if_cancelled()
        if watchdog.now > stop:
            break
        with watchdog.step(long=True):
            rows = connection.execute(query, {"ids": ids[first : first + _AT_ONCE]}).fetchall()
        found += [NeighbourExample(memory, tuple(before), tuple(after)) for memory, before, after in rows]
    if not found:
        return None
    return NeighbourComparison(
        len(found),
        NEAREST,
        sum(len(one.old) for one in found),
        sum(len({*one.old} & {*one.new}) for one in found),
        tuple(found[:EXAMPLES]),
    )


def contents(connection: Connection, schema: str, ids: Iterable[str]) -> dict[str, str]:
    """The contents of memories by id, to show an example in words. They belong on a screen and nowhere else."""
    return dict(connection.execute(Store(schema, "").sql(_CONTENTS), ([*ids],)).fetchall())


def _nearest(store: Store, column: str, dimension: int) -> sql.Composed:
    """The nearest memories in one space, written so that its index serves."""
    return store.sql(
        _NEAREST,
        mine=_value(store, "k", column, dimension),
        its=_value(store, "q", column, dimension),
        pgvector=sql.Identifier(store.vector_schema),
        nearest=sql.Literal(NEAREST),
    )


def _value(store: Store, table: str, column: str, dimension: int) -> sql.Composed:
    value = sql.Identifier(table, column)
    if HNSW_MAX_VECTOR < dimension <= HNSW_MAX_HALFVEC:
        half = sql.Identifier(store.vector_schema, "halfvec")
        return sql.SQL("{}::{}({})").format(value, half, sql.Literal(dimension))
    return sql.Composed([value])
