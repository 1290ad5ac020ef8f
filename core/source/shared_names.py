"""Extra columns whose name is also a key of the row's metadata: both are kept, the column under another name."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from vestige_tui.core.rows.metadata import free_key, metadata_object
from vestige_tui.core.source.layouts import ResolvedSource
from vestige_tui.core.source.shape import quoted

_ESCAPED = re.compile(r'["\\/\0-\x1f]')
"""Characters with a short escape in JSON; any other can only be escaped as ``\\u`` and four digits."""


@dataclass(frozen=True, slots=True)
class SharedName:
    """``rows`` rows of ``table`` have a value in ``column`` and a key of that name in their metadata."""

    table: str
    column: str
    rows: int

    @property
    def kept_as(self) -> str:
        """The metadata key of the column."""
        return free_key(self.column, ((self.column,),))


def shared_names(connection: sqlite3.Connection, sources: Mapping[str, ResolvedSource]) -> tuple[SharedName, ...]:
    """All such columns of a file. Raises ``sqlite3.Error``."""
    return tuple(
        SharedName(source.source.table, column, rows)
        for source in sources.values()
        for column, rows in _shared(connection, source).items()
    )


def _shared(connection: sqlite3.Connection, source: ResolvedSource) -> dict[str, int]:
    """In how many rows each column shares its name. Only rows whose metadata may have such a key are parsed."""
    if source.source.rest is None or not source.rest:
        return {}
    metadata = source.expressions[source.table.position(source.source.rest)]
    if metadata is None:
        return {}
    columns = [f"n.{quoted(name)} IS NOT NULL" for name in source.rest]
    likely = " OR ".join(f"({column} AND (instr({metadata}, ?) OR instr({metadata}, ?)))" for column in columns)
    parameters = [part for name in source.rest for part in (f'"{name}"', "\\" if _ESCAPED.search(name) else "\\u")]
    found = connection.execute(
        f"SELECT {metadata}, {', '.join(columns)} FROM {quoted(source.source.table)} n NOT INDEXED WHERE {likely}",
        parameters,
    )
    counts: Counter[str] = Counter()
    for base, *present in found:
        _, keys, _ = metadata_object(base)
        counts.update(name for name, has_value in zip(source.rest, present, strict=True) if has_value and name in keys)
    return {name: counts[name] for name in source.rest if counts[name]}
