"""Writing a new SQLite file quickly, and leaving it as Vestige leaves one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

Row = Sequence[object]


@contextmanager
def new_database(path: Path, *, page_size: int = 8192) -> Iterator[sqlite3.Connection]:
    """Create ``path`` and yield a connection with one open transaction; commit and close it at the end.

    While it is written the file has no journal, since a half-written sample is worth nothing: it is deleted when the
    block raises. A finished one is in WAL mode, with no ``-wal`` or ``-shm`` file beside it. ``page_size`` is in bytes
    (Vestige: 8192 from V7 on, SQLite's default of 4096 before).

    Raises:
        FileExistsError: ``path`` exists.
        FileNotFoundError: its folder does not.
    """
    path.open("xb").close()
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA page_size = {page_size}")
            for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -65536"):
                connection.execute(f"PRAGMA {setting}")
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode = WAL")
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def create_table(connection: sqlite3.Connection, name: str, body: str) -> None:
    """Create a table unless it exists; ``body`` is what stands between the parentheses."""
    connection.execute(f'CREATE TABLE IF NOT EXISTS "{name}" ({body})')


def columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the column names of a table in their order, an empty list when it does not exist."""
    return [name for _, name, *_ in connection.execute(f'PRAGMA table_info("{table}")')]


def insert(connection: sqlite3.Connection, table: str, names: Sequence[str], rows: Iterable[Row]) -> None:
    """Stream rows into a table; nothing but the row in hand is kept in memory.

    ``names`` and each row have the same length. Raises what sqlite3 raises for rows that the table refuses.
    """
    places = ", ".join("?" * len(names))
    quoted = ", ".join(f'"{name}"' for name in names)
    connection.executemany(f'INSERT INTO "{table}" ({quoted}) VALUES ({places})', rows)  # noqa: S608 - our own names
