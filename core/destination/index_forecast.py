"""How long the vector index would take to build, on this server, and what would make it quicker."""

from __future__ import annotations

from math import ceil, log
from typing import NamedTuple

from vestige_tui.core.destination.build_resources import build_memory, build_workers, graph_size, own_processors
from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.indexes import HNSW, missing_indexes, takes_dimension
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.facts import IndexEstimate

_ROWS = 8_000
_SECONDS_A_ROW = 0.000_18
_SECONDS_AN_ELEMENT = 0.000_000_85
_GROWTH = 0.35
"""One process needs so much for each of ``_ROWS`` vectors; of more rows, each needs more: the power of their number.

Measured with pgvector 0.8.5, m = 16 and ef_construction = 64: 8,000 vectors of 256, 768 and 1,024 elements, and 5,000
to 20,000 of 256.
"""

PROGRESS_POWER = 1 + _GROWTH
"""Of the fraction of rows that are in the index: to this power, it is about the fraction of the time."""

_OUTGROWN = 3.2
"""A row takes so many times as long once the graph has outgrown its memory. Measured: 20,000 × 256, 40 % in memory."""

_EACH_WORKER = 0.85
"""What a parallel worker adds to the one process, where it has a processor of its own."""

_TRIAL_SECONDS = 0.021
"""What the trial took where the constants were measured."""

_TRIAL = """SELECT total, extract(epoch FROM clock_timestamp() - statement_timestamp())::float8
FROM (SELECT sum(i * i::float8) AS total FROM generate_series(1, 100000) i OFFSET 0) trial"""

_TRIALS = 3
_SPREAD = (0.6, 1.7)
"""Vectors differ, and so does what else a server has to do."""

_SCAN_PAGES = 1_024
"""The server's default ``min_parallel_table_scan_size``: each threefold of it allows one worker more."""

_ROW_BYTES = 500
_LONGEST_IN_ROW = 2_000
"""Bytes of a memory beside its vector, and of a vector that is not stored elsewhere (TOAST)."""

_MOST_WORKERS = 7
"""Of the server's defaults, ``max_parallel_workers`` allows no more."""

_WORTH_ADVICE = 60.0
"""Seconds of an index for which an operator may want to change settings."""


class _Build(NamedTuple):
    """A build of so many rows of a dimension, with MB of memory and parallel workers."""

    rows: int
    dimension: int
    memory: int
    workers: int

    @property
    def seconds(self) -> float:
        """How long it takes where the constants were measured."""
        growth: float = (self.rows / _ROWS) ** _GROWTH
        each = (_SECONDS_A_ROW + self.dimension * _SECONDS_AN_ELEMENT) * growth
        outgrown = max(0.0, 1 - self.memory / max(1, graph_size(self.rows, self.dimension)))
        processes = 1 + _EACH_WORKER * min(self.workers, _most_workers(self.rows, self.dimension))
        return self.rows * each * (1 + outgrown * (_OUTGROWN - 1)) / processes


def forecast(connection: Connection, destination: Destination, rows: int) -> IndexEstimate | None:
    """How long the index would take to build after a copy that leaves ``rows`` vectors at the destination.

    ``destination`` has the dimension that it will have. None where no index is to be built. It measures how quick the
    server is just now, which takes it a tenth of a second. Raises ``psycopg.Error``.
    """
    dimension = destination.dimension
    if not rows or dimension is None or not _is_missing(connection, destination, dimension):
        return None
    needed = graph_size(rows, dimension)
    build = _Build(rows, dimension, build_memory(connection, needed), build_workers(connection, destination))
    seconds = build.seconds * _slowness(connection)
    least, most = (seconds * part for part in _SPREAD)
    estimate = IndexEstimate(least, most, build.memory, needed, build.workers)
    if most < _WORTH_ADVICE:
        return estimate
    quicker = build.seconds / build._replace(memory=max(build.memory, needed)).seconds
    more = _more_workers(connection, destination, build)
    gain = build.seconds / build._replace(workers=more).seconds if more else 1.0
    return IndexEstimate(least, most, build.memory, needed, build.workers, more, gain, quicker)


def _is_missing(connection: Connection, destination: Destination, dimension: int) -> bool:
    """Whether a copy builds the index: also one of an empty table is built anew."""
    if HNSW.table not in destination.populated:
        return takes_dimension(dimension, destination.pgvector_version)
    return HNSW in missing_indexes(connection, destination)


def _more_workers(connection: Connection, destination: Destination, build: _Build) -> int:
    """Twice as many processes, where the table is large enough for them; 0 where all processors work already."""
    processors = own_processors(connection, destination)
    most = min(_MOST_WORKERS, _most_workers(build.rows, build.dimension), 2 * build.workers + 1)
    if processors is not None:
        most = min(most, processors - 1)
    return most if most > build.workers else 0


def _most_workers(rows: int, dimension: int) -> int:
    """How many workers the server plans for a table of this size."""
    vector = 4 * dimension if 4 * dimension <= _LONGEST_IN_ROW else 0
    pages = ceil(rows * (_ROW_BYTES + vector) / 8_192)
    return 0 if pages < _SCAN_PAGES else 1 + int(log(pages / _SCAN_PAGES, 3))


def _slowness(connection: Connection) -> float:
    """How many times as long as where the constants were measured this server takes for the same arithmetic."""
    took = []
    for _ in range(_TRIALS):
        row = connection.execute(_TRIAL).fetchone()
        took.append(float(row[1]) if row else _TRIAL_SECONDS)
    return min(took) / _TRIAL_SECONDS
