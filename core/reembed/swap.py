"""The swap: one short transaction in which column, dimension, index and registry change together. A rollback is the
same exchange again.

Readers wait for it and see either all of the old or all of the new. What was tried and why it is like this:

- The registry's row is not updated but removed by TRUNCATE, and a new one inserted: a REPEATABLE READ transaction that
  began before would else see the old row beside new vectors. Now it sees none.
- Both tables are locked, since a transaction that has read one of them would fail at the other. Which one comes first
  changes with every attempt.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString

from psycopg import sql

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.indexes import HNSW_NAME
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.reembed.job import Job
from vestige_tui.core.reembed.store import HNSW_SHADOW, MEMORIES, REGISTRY

_TABLES = (REGISTRY, MEMORIES)
_BETWEEN = "embedding_between"

_MISSING: LiteralString = """
    SELECT EXISTS (
        SELECT FROM {memories} k WHERE k.{shadow} IS NULL AND {has_text} AND NOT EXISTS (
            SELECT FROM {vectors} s WHERE s.id = k.id AND s.content_hash = {hash} AND s.embedding IS NULL))"""
"""Whether a memory has no new vector that should have one; those that the embedder refused have a row without it."""

_REGISTER: LiteralString = "INSERT INTO {registry} (id, name, dimension, hash) VALUES (1, %s, %s, %s)"


def swap(job: Job, target: ModelSignature) -> bool:
    """Bring the new vectors into place. Returns False where a memory turned out to have none: nothing changed then.

    Raises ``RefusedError`` where another session has changed the registry, ``DestinationError`` where others hold
    locks for too long.
    """
    return job.patiently(lambda attempt: _exchange(job, attempt, target, back=False), exclusively=_TABLES)


def swap_back(job: Job, target: ModelSignature | None) -> None:
    """Bring the old vectors back into place: ``target`` is their model. Raises as ``swap``."""
    job.patiently(lambda attempt: _exchange(job, attempt, target, back=True), exclusively=_TABLES)


def _exchange(job: Job, attempt: int, target: ModelSignature | None, *, back: bool) -> bool:
    store = job.store
    with job.transaction() as connection:
        connection.execute(sql.SQL(";\n").join(_locks(job, attempt)))
        job.check_registered(connection)
        if not back and _is_missing(connection, job):
            return False
        connection.execute(sql.SQL(";\n").join(_renames(job, connection)))
        if not back:
            connection.execute(store.sql("DROP INDEX IF EXISTS {unfilled}"))  # of the old vectors it says nothing
        connection.execute(store.sql("UPDATE {state} SET swapped = %s"), (not back,))
        connection.execute(store.sql("TRUNCATE {registry}"))
        if target is not None:
            connection.execute(store.sql(_REGISTER), (target.name, target.dimension, target.hash))
    return True


def _locks(job: Job, attempt: int) -> Iterator[sql.Composed]:
    for table in _TABLES if attempt % 2 == 0 else reversed(_TABLES):
        yield sql.SQL("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(job.store.schema, table))


def _is_missing(connection: Connection, job: Job) -> bool:
    row = connection.execute(job.store.sql(_MISSING)).fetchone()
    return row is None or bool(row[0])


def _renames(job: Job, connection: Connection) -> Iterator[sql.Composed]:
    """Exchange the names of the two columns, and of their indexes."""
    store = job.store
    between = sql.Identifier(_BETWEEN)
    rename: LiteralString = "ALTER TABLE {memories} RENAME COLUMN "
    yield store.sql(rename + "{embedding} TO {between}", between=between)
    yield store.sql(rename + "{shadow} TO {embedding}")
    yield store.sql(rename + "{between} TO {shadow}", between=between)
    yield from _index_renames(job, connection)


_HOLDERS: LiteralString = """
    SELECT c.relname::text, x.indrelid = %(table)s::regclass FROM pg_class c
    LEFT JOIN pg_index x ON x.indexrelid = c.oid
    WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = %(table)s::regclass)
      AND c.relname = ANY (%(names)s)"""


def _index_renames(job: Job, connection: Connection) -> Iterator[sql.Composed]:
    """The index of the vectors in place has the usual name, that of the others the shadow's.

    An index that its owner has named otherwise keeps its name, and so do both where something else holds one of them.
    """
    names = [HNSW_NAME, HNSW_SHADOW]
    holders: dict[str, bool | None] = dict(
        connection.execute(_HOLDERS, {"table": job.store.name(MEMORIES), "names": names}).fetchall()
    )
    if not all(holders.values()):
        return
    steps = {
        (True, True): ((HNSW_NAME, _BETWEEN), (HNSW_SHADOW, HNSW_NAME), (_BETWEEN, HNSW_SHADOW)),
        (True, False): ((HNSW_NAME, HNSW_SHADOW),),
        (False, True): ((HNSW_SHADOW, HNSW_NAME),),
        (False, False): (),
    }
    for old, new in steps[HNSW_NAME in holders, HNSW_SHADOW in holders]:
        yield sql.SQL("ALTER INDEX {} RENAME TO {}").format(sql.Identifier(job.store.schema, old), sql.Identifier(new))
