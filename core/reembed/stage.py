"""Embeds memories into the side table: reading, embedding and writing overlap, and each batch is one commit.

The table of memories is not touched. What is committed belongs to a content by its hash, and is never embedded again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import LiteralString

from psycopg import sql

from vestige_tui.core.destination.connection import Connection, unlimited
from vestige_tui.core.destination.sessions import Session
from vestige_tui.core.facts import Refusal
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.reembed.embedders.protocol import TextEmbedder, Vector
from vestige_tui.core.reembed.job import Job
from vestige_tui.core.reembed.reading import NOT_STAGED, Batch, Reader
from vestige_tui.core.reembed.report import RefusedMemory
from vestige_tui.core.rows import copy_format

Answer = Vector | Refusal
"""What an embedder says to one text."""

Write = Callable[[Batch, Sequence[Answer]], None]

_STATE: LiteralString = """CREATE TABLE {state} (
    id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1), name text NOT NULL, dimension integer NOT NULL,
    hash text NOT NULL, old_name text, old_dimension integer, old_hash text, swapped boolean NOT NULL DEFAULT false,
    probe bytea NOT NULL, started_at timestamptz NOT NULL DEFAULT now())"""
_VECTORS: LiteralString = """CREATE TABLE {vectors} (
    id uuid PRIMARY KEY, content_hash bytea NOT NULL, embedding {vector}({dimension}))"""
_ROW: LiteralString = """INSERT INTO {state} (name, dimension, hash, old_name, old_dimension, old_hash, probe)
    VALUES (%s, %s, %s, %s, %s, %s, %s)"""
_COMMENT = "vestige-tui: new vectors of a re-embedding; migrate reembed --finish or --abandon removes it"


def begin(job: Job, target: ModelSignature, previous: ModelSignature | None, probe: Vector) -> None:
    """Create the side tables, which say what the run is about, in one transaction."""
    store = job.store
    old = (previous.name, previous.dimension, previous.hash) if previous else (None, None, None)
    with job.transaction() as connection:
        connection.execute(store.sql(_STATE))
        connection.execute(store.sql(_ROW), (target.name, target.dimension, target.hash, *old, probe))
        connection.execute(store.sql(_VECTORS, dimension=sql.Literal(target.dimension)))
        for table in ("{state}", "{vectors}"):
            connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(store.sql(table), sql.Literal(_COMMENT)))


def forget_refusals(job: Job) -> None:
    """Let this run ask the embedder again for what it refused in an earlier one."""
    with job.transaction() as connection:
        connection.execute(job.store.sql("DELETE FROM {vectors} WHERE embedding IS NULL"))


def embed(job: Job, embedder: TextEmbedder, batch_size: int, wanted: LiteralString = NOT_STAGED) -> int:
    """Embed every memory that has no vector in the side table for its content. Returns how many were embedded.

    Raises ``EmbedderError``, ``Cancelled`` and ``psycopg.Error``; what was committed stays.
    """
    dimension = embedder.model_signature().dimension

    def write(batch: Batch, vectors: Sequence[Answer]) -> None:
        with job.control.watchdog.step(), unlimited(job.connection):
            job.connection.execute(job.store.sql("DELETE FROM {vectors} WHERE id = ANY (%s::uuid[])"), (batch.ids,))
            copy_vectors(job.connection, job.store.sql("{vectors}"), batch, vectors, dimension)

    return overlapped(job, embedder, reader_of(job, embedder, wanted, batch_size), write)


def reader_of(job: Job, embedder: TextEmbedder, wanted: LiteralString, batch_size: int) -> Reader:
    """Reads over another session where there is one, so that reading and writing overlap."""
    session: Session = job.others[0] if job.others else job.control
    reader = Reader(session, job.store, wanted, batch_size)
    if embedder.profile.max_bytes is not None:
        reader.longest = min(reader.longest, embedder.profile.max_bytes)  # no character is shorter than a byte
    return reader


def overlapped(job: Job, embedder: TextEmbedder, reader: Reader, write: Write) -> int:
    """Embed a batch while the next one is read and the last one written. Returns how many vectors were made."""
    made = 0
    cancel = job.recorder.cancel
    size = 4 * embedder.model_signature().dimension
    with ThreadPoolExecutor(2 if job.others else 1, thread_name_prefix="reembed") as pool:
        coming: Future[Batch | None] = pool.submit(reader.next)
        written: Future[None] | None = None
        while (batch := coming.result()) is not None:
            job.recorder.stop_if_cancelled()
            coming = pool.submit(reader.next)
            vectors = embedder.embed(batch.texts, cancel)
            _check(vectors, size)
            if written is not None:
                written.result()
            written = pool.submit(_write_and_tell, job, write, batch, vectors)
            made += len(vectors)
        if written is not None:
            written.result()
    return made


def _check(vectors: Sequence[Answer], size: int) -> None:
    """An embedder's own vectors are sound; one of another length would be stored as a part of its neighbour."""
    if any(isinstance(vector, bytes) and len(vector) != size for vector in vectors):
        raise ValueError(f"the embedder returned a vector that has not {size} bytes")


def _write_and_tell(job: Job, write: Write, batch: Batch, vectors: Sequence[Answer]) -> None:
    write(batch, vectors)
    answers = zip(batch.ids, vectors, strict=True)
    refused = [RefusedMemory(row, answer) for row, answer in answers if isinstance(answer, Refusal)]
    job.recorder.embedded(len(vectors) - len(refused), refused)


def copy_vectors(
    connection: Connection,
    table: sql.Composable,
    batch: Batch,
    vectors: Sequence[Answer],
    dimension: int,
) -> None:
    """Copy a batch into a table with the columns id, content_hash and embedding."""
    fields = iter(copy_format.vectors([vector for vector in vectors if isinstance(vector, bytes)], dimension))
    records = (
        (
            copy_format.uuid(key),
            copy_format.text(hashed),
            next(fields) if isinstance(vector, bytes) else copy_format.NULL,
        )
        for key, hashed, vector in zip(batch.keys, batch.hashes, vectors, strict=True)
    )
    statement = sql.SQL("COPY {} (id, content_hash, embedding) FROM STDIN (FORMAT binary)").format(table)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(copy_format.stream(copy_format.rows(records, 3)))
