"""Tables in SQLite's temporary database, beside a source that is open read-only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def temporary_tables(connection: sqlite3.Connection) -> Iterator[None]:
    """Let SQLite write to its temporary database; the file itself is open read-only."""
    (before,) = connection.execute("PRAGMA query_only").fetchone()
    connection.execute("PRAGMA query_only = 0")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA query_only = {before}")
