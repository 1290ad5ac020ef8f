"""``--only-missing``: memories without a vector get theirs in place, of the registered model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

from psycopg import sql

from vestige_tui.core.destination.connection import unlimited
from vestige_tui.core.reembed import guard
from vestige_tui.core.reembed.embedders.protocol import TextEmbedder
from vestige_tui.core.reembed.job import Job
from vestige_tui.core.reembed.reading import WITHOUT_VECTOR, Batch
from vestige_tui.core.reembed.stage import Answer, copy_vectors, overlapped, reader_of
from vestige_tui.core.reembed.state import look

_TABLE = sql.Identifier("vestige_reembed_batch")
_CREATE: LiteralString = "CREATE TEMPORARY TABLE {table} (id uuid, content_hash bytea, embedding {vector})"
_STORE: LiteralString = """
    UPDATE {memories} k SET {embedding} = s.embedding FROM {table} s
    WHERE s.id = k.id AND k.{embedding} IS NULL AND s.content_hash = {hash} AND s.embedding IS NOT NULL"""


def embed_missing(job: Job, embedder: TextEmbedder, batch_size: int) -> None:
    """Embed the memories that have no vector. A memory that is edited meanwhile is left to the next pass.

    A trigger keeps ``updated_at``; it is removed at the end, unless a re-embedding that is not finished needs it.
    """
    with job.control.watchdog.step():
        state = look(job.connection)
        job.connection.execute(job.store.sql(_CREATE, table=_TABLE))
    if not state.shadow:
        guard.ensure(job, shadow=False)
    try:
        while _pass(job, embedder, batch_size):
            pass
    finally:
        if not state.shadow and not job.connection.broken:
            guard.remove(job)


def _pass(job: Job, embedder: TextEmbedder, batch_size: int) -> bool:
    """Go through all memories once. Returns whether something was stored while others were not: edited meanwhile."""
    dimension = embedder.model_signature().dimension
    stored = sent = 0

    def store(batch: Batch, vectors: Sequence[Answer]) -> int:
        with job.control.watchdog.step(), unlimited(job.connection):
            job.connection.execute(sql.SQL("TRUNCATE {}").format(_TABLE))
            copy_vectors(job.connection, _TABLE, batch, vectors, dimension)

        def attempt(_: int) -> int:
            with job.unseen() as connection:
                job.check_registered(connection)
                return connection.execute(job.store.sql(_STORE, table=_TABLE)).rowcount

        return job.patiently(attempt)

    def write(batch: Batch, vectors: Sequence[Answer]) -> None:
        nonlocal stored, sent
        sent += sum(isinstance(vector, bytes) for vector in vectors)
        stored += (done := store(batch, vectors))
        job.recorder.report.rows_updated += done

    overlapped(job, embedder, reader_of(job, embedder, WITHOUT_VECTOR, batch_size), write)
    return 0 < stored < sent
