"""The shadow column: new vectors beside the old ones, in the rows that clients read and write meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import LiteralString

from psycopg import sql

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.sessions import Session
from vestige_tui.core.reembed import guard
from vestige_tui.core.reembed.events import Filling
from vestige_tui.core.reembed.job import Job
from vestige_tui.core.reembed.reading import FIRST
from vestige_tui.core.reembed.store import COLUMN, MEMORIES, Store

BATCH_ROWS = 500
"""Rows of one transaction: their locks last as long."""

STRIPES = 8
"""How many times the table is gone through, each time for every so-many-th row of a page. An update needs no new entry
in any index where its page has room for the new version; room comes from the versions that the last time has left.
"""

_LEAST_BATCHES = 4
"""Batches of one stripe in a table of more than one batch. Two sessions must not come to the same page one right after
the other: the room that one has left is of use to the other only when its transaction has ended.
"""


def add_column(job: Job, dimension: int) -> None:
    """Add the shadow column, with what its owner has given the old one, and the trigger that keeps it true."""

    def attempt(_: int) -> None:
        with job.transaction() as connection:
            connection.execute(
                job.store.sql(
                    "ALTER TABLE {memories} ADD COLUMN {shadow} {vector}({dimension})", dimension=sql.Literal(dimension)
                )
            )
            for statement in (*_properties(connection, job.store), *guard.statements(job.store, shadow=True)):
                connection.execute(statement)

    job.patiently(attempt, exclusively=(MEMORIES,))


_COLUMN: LiteralString = """
    SELECT col_description(a.attrelid, a.attnum), a.attstorage::text, t.typstorage::text,
           (to_jsonb(a) ->> 'attstattarget')::integer, a.attoptions
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = %s::regclass AND a.attname = %s"""
_GRANTS: LiteralString = """
    SELECT g.privilege_type, g.is_grantable, CASE WHEN g.grantee = 0 THEN NULL ELSE pg_get_userbyid(g.grantee)::text END
    FROM pg_attribute a, aclexplode(a.attacl) g WHERE a.attrelid = %s::regclass AND a.attname = %s"""
_STORAGES = {"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}


def _properties(connection: Connection, store: Store) -> Iterator[sql.Composed]:
    """The statements that give the shadow column the comment, storage, statistics target and grants of the other."""
    key = (store.name(MEMORIES), COLUMN)
    ((comment, storage, usual, target, options),) = connection.execute(_COLUMN, key).fetchall()
    if comment is not None:
        yield store.sql("COMMENT ON COLUMN {memories}.{shadow} IS {text}", text=sql.Literal(comment))
    alter: LiteralString = "ALTER TABLE {memories} ALTER COLUMN {shadow} "
    if storage != usual:
        yield store.sql(alter + "SET STORAGE {storage}", storage=sql.SQL(_STORAGES[storage]))
    if target is not None and target >= 0:
        yield store.sql(alter + "SET STATISTICS {target}", target=sql.Literal(target))
    if options:
        pairs = (option.partition("=") for option in options)
        listed = sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(n), sql.SQL(v)) for n, _, v in pairs)
        yield store.sql(alter + "SET ({options})", options=listed)
    for privilege, grantable, grantee in connection.execute(_GRANTS, key).fetchall():
        to = sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee)
        tail = sql.SQL(" WITH GRANT OPTION" if grantable else "")
        yield store.sql("GRANT {what} ({shadow}) ON {memories} TO ", what=sql.SQL(privilege)) + to + tail


_STALE: LiteralString = """
    UPDATE {memories} k SET {shadow} = NULL WHERE k.{shadow} IS NOT NULL AND NOT EXISTS (
        SELECT FROM {vectors} s WHERE s.id = k.id AND s.content_hash = {hash} AND s.embedding IS NOT NULL)"""


def empty_stale(job: Job) -> None:
    """Empty the new vectors that are of another content: after a rollback, of memories that were edited before it."""

    def attempt(_: int) -> None:
        with job.unseen() as connection:
            connection.execute(job.store.sql(_STALE))

    job.patiently(attempt)


_FILL: LiteralString = """
    UPDATE {memories} k SET {shadow} = s.embedding FROM {vectors} s
    WHERE s.id = k.id AND k.{shadow} IS NULL AND s.content_hash = {hash} AND s.embedding IS NOT NULL"""
_BLOCKS: LiteralString = """
    AND k.ctid >= {first}::tid AND k.ctid < {last}::tid
    AND mod((k.ctid::text::point)[1]::integer, {stripes}) = {stripe}"""
_SIZE: LiteralString = """
    SELECT count(*), pg_relation_size(%(table)s::regclass) / current_setting('block_size')::integer
    FROM {memories}"""


def fill(job: Job) -> None:
    """Store the new vectors beside the old ones, a batch at a time, page by page in stripes.

    Two sessions share the work: most of it is the server's, for the entries in the old vector index. Rows that other
    sessions move to another page meanwhile may be passed over: ``fill_rest`` finds them.
    """
    with job.control.watchdog.step():
        ((rows, blocks),) = job.connection.execute(job.store.sql(_SIZE), {"table": job.store.name(MEMORIES)}).fetchall()
    batches = _Batches(job, rows, blocks)
    sessions = (job.control, *job.others)
    with ThreadPoolExecutor(len(sessions), thread_name_prefix="reembed") as pool:
        for done in [pool.submit(batches.take, session) for session in sessions]:
            done.result()


class _Batches:
    """The batches of a table, handed out to whichever session is free."""

    def __init__(self, job: Job, rows: int, blocks: int) -> None:
        self._job, self._rows, self._blocks = job, rows, blocks
        most = blocks // _LEAST_BATCHES if rows > BATCH_ROWS else blocks
        self._size = max(1, min(most, BATCH_ROWS * STRIPES * blocks // max(1, rows)))
        self._left = [(stripe, first) for stripe in range(STRIPES) for first in range(0, blocks, self._size)][::-1]
        self._total, self._done = len(self._left), 0
        self._lock = threading.Lock()

    def take(self, session: Session) -> None:
        """Fill batches until none is left. Raises ``Cancelled`` and ``psycopg.Error``; the other session then ends."""
        try:
            while (batch := self._next()) is not None:
                self._job.recorder.stop_if_cancelled()
                self._job.patiently(partial(_update, self._job, session, self._statement(*batch)))
                with self._lock:
                    self._done += 1
                    self._job.recorder.emit(Filling(self._rows * self._done // self._total, self._rows))
        except BaseException:
            with self._lock:
                self._left.clear()
            raise

    def _next(self) -> tuple[int, int] | None:
        with self._lock:
            return self._left.pop() if self._left else None

    def _statement(self, stripe: int, first: int) -> sql.Composed:
        return self._job.store.sql(
            _FILL + _BLOCKS,
            first=sql.Literal(f"({first},0)"),
            last=sql.Literal(f"({min(self._blocks, first + self._size)},0)"),
            stripes=sql.Literal(STRIPES),
            stripe=sql.Literal(stripe),
        )


def _update(job: Job, session: Session, statement: sql.Composed, _: int) -> None:
    with job.unseen(session) as connection:
        # few rows of a batch, each looked up in the side table by its key
        connection.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
        connection.execute(statement)


_NEXT: LiteralString = """
    SELECT k.id::text FROM {memories} k
    WHERE k.{shadow} IS NULL AND k.id > %s::uuid AND {has_text}
      AND (SELECT s.content_hash FROM {vectors} s WHERE s.id = k.id AND s.embedding IS NOT NULL) = {hash}
    ORDER BY k.id LIMIT %s"""


def fill_rest(job: Job) -> int:
    """Store the vectors of memories that have none yet, by key. Returns how many there were."""
    last, filled = FIRST, 0
    while True:
        job.recorder.stop_if_cancelled()
        with job.control.watchdog.step():
            found = job.connection.execute(job.store.sql(_NEXT), (last, BATCH_ROWS)).fetchall()
        if not found:
            return filled
        ids = [row for (row,) in found]
        statement = job.store.sql(_FILL + " AND k.id = ANY ({ids}::uuid[])", ids=sql.Literal(ids))
        job.patiently(partial(_update, job, job.control, statement))
        last, filled = ids[-1], filled + len(ids)
