"""What the memories of a file are like, at a glance: since when, and of which kinds."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vestige_tui.core.source.describe import SourceDescription
from vestige_tui.core.source.layouts import ResolvedSource
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.source.shape import quoted

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)
_SHORT = 80  # characters of a kind's name that are read
_STEPS = 100_000  # of SQLite's, between two looks whether to stop


@dataclass(frozen=True, slots=True)
class Contents:
    """How many memories are of each month (``2026-11``) and of each kind, both in order: the oldest month and the most
    frequent kind first. ``undated`` are those without a date that can be read.
    """

    months: Mapping[str, int]
    kinds: Mapping[str, int]
    undated: int = 0


def contents(source: SourceDescription, stopped: Callable[[], bool] = lambda: False) -> Contents:
    """Look through the memories of a file that has been described. It takes as long as a description does, so it can be
    stopped. Raises ``SourceError``, also when it was.
    """
    with open_source(source.path) as connection:
        connection.set_progress_handler(stopped, _STEPS)
        return contents_of(connection, source.sources["knowledge_nodes"])


def contents_of(connection: sqlite3.Connection, memories: ResolvedSource) -> Contents:
    """The same with an open connection: one scan, which no index of the file can lead astray."""
    created, kind = (
        memories.expressions[memories.table.position(name)] or "NULL" for name in ("created_at", "node_type")
    )
    months: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    undated = 0
    for month, name, number in connection.execute(
        f"SELECT substr({created}, 1, 7), substr({kind}, 1, {_SHORT}), count(*)"
        f" FROM {quoted(memories.source.table)} n NOT INDEXED WHERE {memories.condition} GROUP BY 1, 2"
    ):
        if isinstance(month, str) and _MONTH.fullmatch(month):
            months[month] += number
        else:
            undated += number
        kinds[_text(name)] += number
    return Contents(dict(sorted(months.items())), dict(kinds.most_common()), undated)


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
