"""How much disk a run will need on the server, from the size of the table and the two dimensions."""

from __future__ import annotations

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.indexes import HNSW_MAX_VECTOR, takes_dimension
from vestige_tui.core.reembed.store import MEMORIES, Store

_PAGE = 8_192
_PAGE_USED = 8_100
_INLINE = 2_000
"""Bytes of a row above which the server moves values out of it, 1,996 bytes a piece."""

_ROW_HEAD = 100
"""Bytes of a side row beside its vector, and of its entry in the primary key."""

_NEIGHBOURS = 350
"""Bytes of HNSW's lists of neighbours for each vector (m = 16)."""


def needed(connection: Connection, store: Store, dimension: int, pgvector_version: str) -> int:
    """Bytes that the database grows by until the old vectors are dropped: the side table, the second column with the
    row versions that filling it leaves behind, and the new index.
    """
    row = connection.execute(
        store.sql("SELECT count(*), pg_relation_size(%(table)s::regclass) FROM {memories}"),
        {"table": store.name(MEMORIES)},
    ).fetchone()
    rows, heap = (int(value) for value in row or (0, 0))
    return estimated(rows, heap, dimension, pgvector_version)


def estimated(rows: int, heap: int, dimension: int, pgvector_version: str) -> int:
    """The same for so many memories, whose table takes ``heap`` bytes without what is stored out of line."""
    vector = 4 * dimension + 8
    stored = vector * 21 // 20 + (_ROW_HEAD if vector > _INLINE else 0)
    return rows * (2 * stored + _ROW_HEAD) + heap + rows * _index_bytes(dimension, pgvector_version)


def _index_bytes(dimension: int, pgvector_version: str) -> int:
    """Bytes of the index for each vector: no vector spans two pages."""
    if not takes_dimension(dimension, pgvector_version):
        return 0
    width = 4 if dimension <= HNSW_MAX_VECTOR else 2
    size = width * dimension + _NEIGHBOURS
    return _PAGE // max(1, _PAGE_USED // size)
