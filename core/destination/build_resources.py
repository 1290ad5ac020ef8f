"""Memory and parallel workers at the server for building an index, and what to do where it lacks them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from enum import Enum, auto

import psycopg

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.facts import Shortage

MEMORY = "maintenance_work_mem"
WORKERS = "max_parallel_maintenance_workers"

BUILD_MEMORY_MB = (256, 2_048)
"""The least and the most ``maintenance_work_mem`` that a build asks for, in MB."""

_ACCEPTED_MB = 2_000
"""Less than this every server accepts."""

_GRAPH_BYTES = 1_000
"""Bytes of HNSW's graph for each vector, without the vector itself (m = 16), with a reserve."""

_SHARED_MEMORY = ("dsm_impl.c", "dsm.c")
"""Files of the server's source that its errors about shared memory name. Their words depend on its language."""

Note = Callable[[Shortage], None]


def graph_size(rows: int, dimension: int) -> int:
    """MB that the graph of so many vectors needs while it is built, with a reserve."""
    return rows * (4 * dimension + _GRAPH_BYTES) * 5 // 4 // 1_000_000


def build_memory(connection: Connection, graph: int = 0) -> int:
    """MB for one build, ``graph`` being what HNSW's graph needs: one that does not fit takes several times as long.

    A server does not tell how much memory it has. So a build never asks for less than its administrator allows, and
    beyond that for no more than half of ``effective_cache_size``, and half of what this machine has free where the
    server is on it: that setting is 4 GB wherever nobody has set it. On Windows, servers before PostgreSQL 18 refuse
    2 GB. With less than 32 MB for each process the server gives it fewer workers (``plan_create_index_workers``).
    """
    least, most = BUILD_MEMORY_MB
    if not graph:
        query = "SELECT pg_size_bytes(current_setting('maintenance_work_mem')) / 1000000"
        ((usual,),) = connection.execute(query).fetchall()
        if usual < _ACCEPTED_MB:  # pg_settings lists all settings: 0.8 ms of the server, and a copy builds 17 indexes
            return max(least, int(usual))
    rows = connection.execute(
        "SELECT pg_size_bytes(current_setting(name)) / 1000000, max_val::bigint / 1024"  # MB; kB in units of 1,024
        " FROM pg_settings WHERE name IN ('effective_cache_size', 'maintenance_work_mem') ORDER BY name"
    ).fetchall()
    (expected, _), (allowed, highest) = (map(int, row) for row in rows)
    if connection.info.host.startswith("/"):
        expected = min(expected, free_memory())
    return min(highest, max(least, allowed, min(most, graph, expected // 2)))


def free_memory() -> int:
    """MB that programs of this machine can have without swapping."""
    import psutil  # takes longer than the question, and most servers are elsewhere

    return int(psutil.virtual_memory().available) // 1_000_000


def build_workers(connection: Connection, destination: Destination) -> int:
    """Parallel workers, beside the session itself, for a build of HNSW on a large table.

    Of a server that is not on this machine it is unknown how many processors it has and who else needs them.
    """
    row = connection.execute(
        "SELECT setting::integer, source = 'default' FROM pg_settings WHERE name = %s", (WORKERS,)
    ).fetchone()
    allowed, unchosen = row or (0, False)
    processors = own_processors(connection, destination) if unchosen else None
    return max(int(allowed), (processors or 1) - 1)


def own_processors(connection: Connection, destination: Destination) -> int | None:
    """How many processors the server has that is reached over a socket file, and so is on this machine."""
    here = connection.info.host.startswith("/") and not destination.pooled
    return (os.cpu_count() or 1) if here else None


class Resources(Enum):
    """Which of the resources that it asks for a build gets."""

    ALL = auto()
    MEMORY = auto()
    """Its memory, and no parallel workers."""

    NEITHER = auto()

    def limit(self, wanted: Mapping[str, str]) -> Mapping[str, str]:
        """The settings of a build with these resources; ``wanted`` are those of one with all."""
        if self is Resources.ALL:
            return wanted
        return {**(wanted if self is Resources.MEMORY else {}), WORKERS: "0"}


def build_with_fallback(build: Callable[[Resources], None], note: Note) -> None:
    """Call ``build`` with all resources, and again with fewer where the server lacks them.

    Parallel workers share the memory of a build through /dev/shm, which is small in many containers. One process alone
    needs no shared memory, so it gets the memory next; the last attempt has neither. ``note`` takes what the server
    lacks. Raises ``psycopg.Error``, that of the last attempt.
    """
    try:
        build(Resources.ALL)
    except (psycopg.errors.DiskFull, psycopg.errors.OutOfMemory) as error:
        shared = error.diag.source_file in _SHARED_MEMORY
    else:
        return
    if shared:
        note(Shortage.SHARED_MEMORY)
        try:
            build(Resources.MEMORY)
        except (psycopg.errors.DiskFull, psycopg.errors.OutOfMemory):
            pass
        else:
            return
    note(Shortage.MEMORY)
    build(Resources.NEITHER)
