"""Compares old and new neighbours before a swap: a wrong model, template or cut changes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import LiteralString

from psycopg import sql

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.indexes import HNSW_MAX_VECTOR, takes_dimension
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
"""Where vectors have no index, each query looks at every memory: the comparison takes no more than a tenth of the run's
time so far, or these seconds; half of that for the old vectors. The report has the size of the sample.
"""

_HAS_BOTH: LiteralString = "k.{embedding} IS NOT NULL AND k.{shadow} IS NOT NULL"
_WILL_HAVE_BOTH: LiteralString = """
    k.{embedding} IS NOT NULL AND (SELECT s.embedding IS NOT NULL FROM {vectors} s WHERE s.id = k.id)"""

_CHOSEN: LiteralString = "SELECT k.id::text FROM {memories} k WHERE {both} ORDER BY md5(k.id::text) LIMIT %s"
_NEIGHBOURS: LiteralString = """
    SELECT q.id::text, {nearest} FROM {memories} q WHERE q.id = ANY (%(ids)s::uuid[])
    ORDER BY array_position(%(ids)s::uuid[], q.id)"""
_NEAREST: LiteralString = """
    ARRAY(SELECT k.id::text FROM {memories} k WHERE k.id <> q.id AND {both}
          ORDER BY {mine} OPERATOR({pgvector}.<=>) {its} LIMIT {nearest})"""
_CONTENTS: LiteralString = "SELECT k.id::text, k.content FROM {memories} k WHERE k.id = ANY (%s::uuid[])"


Neighbours = dict[str, tuple[str, ...]]
"""The nearest memories of each memory of a sample, by their ids."""


def of_old_vectors(job: Job, old: int | None, *, filled: bool = True) -> Neighbours:
    """The neighbours of a sample by the vectors in place; none where their dimension is unknown.

    Unless ``filled``, new vectors are staged and not yet stored: the time to ask where the old index goes first.
    Raises ``Cancelled`` and ``psycopg.Error``.
    """
    if old is None:
        return {}
    both = job.store.sql(_HAS_BOTH if filled else _WILL_HAVE_BOTH)
    with job.control.watchdog.step():
        chosen = job.connection.execute(job.store.sql(_CHOSEN, both=both), (SAMPLE,)).fetchall()
    return _neighbours(job, [row for (row,) in chosen], COLUMN, old, both)


def compare(job: Job, before: Neighbours, new: int) -> NeighbourComparison | None:
    """Compare these neighbours with those by the new vectors; None where there is no memory to compare.

    Raises ``Cancelled`` and ``psycopg.Error``.
    """
    after = _neighbours(job, [*before], SHADOW, new, job.store.sql(_HAS_BOTH))
    found = [NeighbourExample(memory, before[memory], after[memory]) for memory in before if memory in after]
    if not found:
        return None
    return NeighbourComparison(
        len(found),
        NEAREST,
        sum(len(one.old) for one in found),
        sum(len({*one.old} & {*one.new}) for one in found),
        tuple(found[:EXAMPLES]),
    )


def _neighbours(job: Job, ids: list[str], column: str, dimension: int, both: sql.Composed) -> Neighbours:
    """The neighbours of as many of these memories as the time allows."""
    waits, watchdog = job.sessions.waits, job.control.watchdog
    query = job.store.sql(_NEIGHBOURS, nearest=_nearest(job, column, dimension, both))
    stop = watchdog.now + min(waits.comparing, max(_LEAST, watchdog.now * _SHARE)) / 2
    found: Neighbours = {}
    for first in range(0, len(ids), _AT_ONCE):
        job.recorder.stop_if_cancelled()
        if watchdog.now > stop:
            break
        with watchdog.step(long=True):
            rows = job.connection.execute(query, {"ids": ids[first : first + _AT_ONCE]}).fetchall()
        found |= {memory: tuple(nearest) for memory, nearest in rows}
    return found


def contents(connection: Connection, schema: str, ids: Iterable[str]) -> dict[str, str]:
    """The contents of memories by id, to show an example in words. They belong on a screen and nowhere else."""
    return dict(connection.execute(Store(schema, "").sql(_CONTENTS), ([*ids],)).fetchall())


def _nearest(job: Job, column: str, dimension: int, both: sql.Composed) -> sql.Composed:
    """The nearest memories in one space, written so that its index serves."""
    return job.store.sql(
        _NEAREST,
        both=both,
        mine=_value(job, "k", column, dimension),
        its=_value(job, "q", column, dimension),
        pgvector=sql.Identifier(job.store.vector_schema),
        nearest=sql.Literal(NEAREST),
    )


def _value(job: Job, table: str, column: str, dimension: int) -> sql.Composed:
    value = sql.Identifier(table, column)
    if dimension > HNSW_MAX_VECTOR and takes_dimension(dimension, job.destination.pgvector_version):
        half = sql.Identifier(job.store.vector_schema, "halfvec")
        return sql.SQL("{}::{}({})").format(value, half, sql.Literal(dimension))
    return sql.Composed([value])
