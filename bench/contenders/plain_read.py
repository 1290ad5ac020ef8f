"""The least that a preview can do: one plain read of every value, and one lookup of all keys at the destination."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from bench.contenders.destination import connect
from bench.stopwatch import Stopwatch
from bench.tasks import Measured, Task
from vestige_tui.core.rows.tables import KNOWLEDGE_NODES
from vestige_tui.core.source.describe import describe

_LOOKUP = "SELECT count(*) FROM unnest(%s::text[]) key WHERE key IN (SELECT oid::text FROM pg_class)"


def run(task: Task) -> Measured:
    """Read ``task.source``; nothing is checked. There is no table yet at the destination, so another one is asked."""
    tables = [*describe(task.source).rows]
    watch = Stopwatch()
    uri = f"{task.source.absolute().as_uri()}?mode=ro"
    with watch, connect(task) as connection, closing(sqlite3.connect(uri, uri=True)) as source:
        for table in tables:
            cursor = source.execute(f'SELECT * FROM "{table}" NOT INDEXED')
            while cursor.fetchmany(task.batch_size):
                pass
        keys = [key for (key,) in source.execute(f"SELECT id FROM {KNOWLEDGE_NODES.name}")]
        connection.execute(_LOOKUP, (keys,))
    return watch.measured()
