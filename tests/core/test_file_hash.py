"""Hashes of a source's files, which leave alone the locks that this process holds on them."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.core.test_journal_modes import LATE, writer
from tests.support.hostile import in_wal_mode
from vestige_tui.core.source.file_hash import FileHash, Hashing, SourceHash
from vestige_tui.core.source.opening import open_source


def hashed(path: Path) -> FileHash:
    data = path.read_bytes()
    return FileHash(len(data), hashlib.sha256(data).hexdigest())


def source_hash(path: Path) -> SourceHash | None:
    with Hashing(path) as hashing:
        return hashing.result()


def test_the_file_and_its_wal(small_source: Path) -> None:
    in_wal_mode(small_source)
    before = hashed(small_source)
    with closing(sqlite3.connect(small_source, isolation_level=None)) as connection:
        connection.execute(LATE)
        os.link(small_source, small_source.with_name("other name.db"))  # SQLite keeps the WAL beside the first name
        wal = small_source.with_name(f"{small_source.name}-wal")
        assert source_hash(small_source.with_name("other name.db")) == SourceHash(before, hashed(wal))
    after = source_hash(small_source)
    assert after == SourceHash(hashed(small_source), None)
    assert after.database != before


def test_locks_stay(small_source: Path) -> None:
    in_wal_mode(small_source, "delete")
    with (
        writer(small_source, "delete") as vestige,
        open_source(small_source) as reading,
        Hashing(small_source) as hashing,
    ):
        assert hashing.result() is not None
        assert vestige.execute(LATE) == "SQLITE_BUSY"
        assert reading.execute("SELECT count(*) FROM knowledge_nodes WHERE content = 'late'").fetchone() == (0,)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert source_hash(tmp_path / "vestige.db") is None


def test_leaving_ends_the_process(small_source: Path) -> None:
    with Hashing(small_source) as hashing:
        pass
    assert hashing._child is not None
    assert hashing._child.returncode is not None
