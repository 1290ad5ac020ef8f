"""What the benchmarks take from the copier by its private names."""

from __future__ import annotations

from pathlib import Path

from bench.contenders.tool import check, hnsw
from tests.support.runs import copy
from tests.support.servers import Database
from vestige_tui.core.destination.indexes import HNSW_NAME


def test_a_copy_without_the_vector_index(small_source: Path, database: Database) -> None:
    with hnsw(False):
        check(copy(small_source, database))
    assert database.value("SELECT count(*) FROM pg_indexes WHERE indexname = %s", (HNSW_NAME,)) == 0
