"""What a file holds that has no destination: rows of other tables, and values of columns that have no place."""

from __future__ import annotations

from collections import Counter

from vestige_tui.core.verify.expectation.names import File, quoted
from vestige_tui.core.verify.expectation.origins import Place
from vestige_tui.core.verify.expectation.shapes import Shape

_CONSULTED = (
    "schema_version",
    "embedding_model",
    "embedding_profile_state",
    "embedding_profiles",
    "embedding_profile_vectors",
    "node_embeddings",
)
"""Tables whose rows say something of other rows."""

_OWN_ROWS = ("_content", "_rowid")
"""How the names of tables end in which a full-text or R*Tree table keeps rows that are in no other table."""


def left_behind(file: File, found: dict[str, Place], shapes: dict[str, Shape]) -> dict[str, int]:
    """Rows by table, and values by ``table.column`` where no metadata takes the columns along."""
    origins = {place.origin.table for place in found.values()}
    used = {file.called(name) for name in (*origins, *_CONSULTED)}
    tables = file.tables()
    views = [name for name in map(file.called, origins) if name is not None and tables[name] == "view"]
    used |= {
        name for name, kind in tables.items() if kind == "table" and any(_shows(file, view, name) for view in views)
    }
    counts = {
        name: file.count(name)
        for name, kind in tables.items()
        if name not in used
        and (kind == "table" or (kind == "virtual" and any(name + ending in tables for ending in _OWN_ROWS)))
    }
    enriched = {place.origin.table for table, place in found.items() if "metadata" in shapes[table].fields}
    for origin in origins - enriched:
        taken = {name for place in found.values() if place.origin.table == origin for name in place.spelled.values()}
        for column in file.columns(origin):
            if column not in taken:
                counts[f"{file.called(origin)}.{column}"] = file.count(origin, column)
    for origin in origins:
        counts |= {f"{file.called(origin)}.{column}": file.count(origin) for column in file.failing(origin)}
    return {name: count for name, count in counts.items() if count}


def _shows(file: File, view: str, table: str) -> bool:
    """Whether a view that mentions a table has just its rows, all columns among others."""
    definition = file.ask("SELECT sql FROM sqlite_schema WHERE name = ?", (view,))
    if not definition or table not in definition[0][0] or file.failing(table):
        return False
    columns = file.columns(table)
    if not {*columns} <= {*file.columns(view)}:
        return False
    chosen = ", ".join(f"n.{quoted(name)}" for name in columns)
    rows = [
        Counter(map(repr, file.ask(f"SELECT {chosen} FROM main.{quoted(name)} n NOT INDEXED")))
        for name in (table, view)
    ]
    return rows[0] == rows[1]
