"""The SQL that yields each column of each table, for every layout that a source can have.

A layout is data: each table of the destination has one or more ``TableSource`` descriptions. A copy reads the first one
whose table and columns exist in the file, and whose table has rows. The names come from Vestige's public history of
schemas.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from vestige_tui.core.rows.records import RowSource
from vestige_tui.core.rows.tables import EDGES, SCHEDULING, TABLES, Table
from vestige_tui.core.source.shape import Shape, folded


@dataclass(frozen=True, slots=True)
class Expression:
    """SQL over the alias ``n``, and the columns of the source table that it needs."""

    sql: str
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableSource:
    """Where the rows of one destination table may come from.

    ``needs`` are the columns that ``table`` must have. ``columns`` maps a column to the expressions that can yield it,
    best first; any other column comes from the source column of its own name. ``order`` is the order of reading, where
    it is not that of storage. ``rest`` names the column that takes every source column that no description uses.
    """

    table: str
    needs: tuple[str, ...]
    order: tuple[str, ...] = ()
    columns: Mapping[str, tuple[Expression, ...]] = field(default_factory=dict)
    rest: str | None = None


@dataclass(frozen=True, slots=True)
class ResolvedSource(RowSource):
    """A ``TableSource`` that fits a file; ``used`` names the columns that its expressions need. ``without`` is SQL for
    whether a row is left out knowingly (None: none is).
    """

    source: TableSource
    used: frozenset[str]
    without: str | None = None

    @property
    def condition(self) -> str:
        """SQL for whether a row of ``n`` counts."""
        return "1" if self.without is None else f"NOT ({self.without})"


CODEBASE_TAG = Expression(
    """(SELECT substr(tag.value, 10) FROM json_each(CASE WHEN json_valid(n.tags) THEN n.tags ELSE '[]' END) tag
        WHERE tag.type = 'text' AND tag.value GLOB 'codebase:?*' LIMIT 1)""",
    ("tags",),
)
"""The first ``codebase:NAME`` tag of a memory, as published Vestige writes it."""

CODEBASE_METADATA = Expression(
    """(SELECT entry.value FROM json_each(CASE WHEN json_valid(n.metadata) THEN n.metadata ELSE '{}' END) entry
        WHERE entry.key = 'codebase' AND entry.type = 'text' AND entry.value <> '' LIMIT 1)""",
    ("metadata",),
)
"""The codebase in a memory's metadata, from before V15 gave it a column."""

CODEBASE_COLUMNS = frozenset({"tags", "metadata"})
"""The columns of memories from which a codebase is derived, as ``n.NAME`` in the expressions above."""

_CODEBASE = Expression("n.codebase", ("codebase",))


def _first(*expressions: Expression) -> Expression:
    """The first of several that is not NULL."""
    return Expression(
        f"coalesce({', '.join(expression.sql for expression in expressions)})",
        tuple(need for expression in expressions for need in expression.needs),
    )


_BY_CREATION = ("created_at", "id")


def _renamed(**columns: str) -> dict[str, tuple[Expression, ...]]:
    """Columns that have another name in the source: destination name to source name."""
    return {name: (Expression(f'n."{source}"', (source,)),) for name, source in columns.items()}


def _own(table: Table) -> TableSource:
    """The source's table of the same name."""
    required = tuple(column.name for column in table.columns if column.fallback is None)
    return TableSource(table.name, required, rest="metadata" if "metadata" in table.column_names else None)


_OTHER_SOURCES: Mapping[str, tuple[TableSource, ...]] = {
    "knowledge_nodes": (
        TableSource(
            "knowledge_nodes",
            ("id", "content", "created_at", "last_accessed"),
            _BY_CREATION,
            {
                "codebase": (_first(_CODEBASE, CODEBASE_TAG), CODEBASE_TAG),
            },
            rest="metadata",
        ),
        TableSource(
            "knowledge_nodes",
            ("id", "content", "created_at"),
            _BY_CREATION,
            {"codebase": (_CODEBASE, _first(CODEBASE_METADATA, CODEBASE_TAG), CODEBASE_TAG)},
            rest="metadata",
        ),
    ),
    "scheduling": (
        _own(SCHEDULING),
        TableSource(
            "knowledge_nodes",
            ("id", "stability", "difficulty"),
            columns=_renamed(memory_id="id", retrievability="retention_strength", last_review="last_accessed"),
        ),
    ),
    "edges": (
        _own(EDGES),
        TableSource(
            "memory_connections",
            ("source_id", "target_id"),
            columns=_renamed(weight="strength", edge_type="link_type"),
        ),
    ),
}
"""The sources of tables that are not read from their ``_own`` alone."""


def resolve(shape: Shape) -> dict[str, ResolvedSource]:
    """Where each destination table's rows are in a file of this shape; tables without a source are left out.

    An empty table does not hide a later description that fits: the rows may be there.
    """
    resolved = {}
    for table in TABLES:
        possible = _OTHER_SOURCES.get(table.name, (_own(table),))
        fitting = [source for source in possible if shape.has(source.table, *source.needs)]
        if fitting:
            source = next((source for source in fitting if not shape.is_empty(source.table)), fitting[0])
            resolved[table.name] = _resolve_columns(table, source, shape)
    used = used_columns(resolved.values())
    return {name: replace(entry, rest=_rest(entry, shape, used)) for name, entry in resolved.items()}


def used_columns(sources: Iterable[ResolvedSource]) -> set[tuple[str, str]]:
    """Every table and column that a description uses, in lower case."""
    return {(entry.source.table, column) for entry in sources for column in entry.used}


def with_expression(entry: ResolvedSource, column: str, sql: str | None) -> ResolvedSource:
    """Replace the SQL of one column."""
    position = entry.table.position(column)
    return replace(entry, expressions=(*entry.expressions[:position], sql, *entry.expressions[position + 1 :]))


def _resolve_columns(table: Table, source: TableSource, shape: Shape) -> ResolvedSource:
    expressions: list[str | None] = []
    used: set[str] = set()
    for column in table.columns:
        plain = Expression(f'n."{column.name}"', (column.name,))
        for expression in source.columns.get(column.name, (plain,)):
            if shape.has(source.table, *expression.needs):
                expressions.append(expression.sql)
                used.update(expression.needs)
                break
        else:
            expressions.append(None)
    return ResolvedSource(table, tuple(expressions), source.rest, (), source, frozenset(used))


def _rest(entry: ResolvedSource, shape: Shape, used: Collection[tuple[str, str]]) -> tuple[str, ...]:
    """The columns of the source table that no description uses, where a column takes them along."""
    if entry.source.rest is None:
        return ()
    return unused(shape, entry.source.table, used)


def unused(shape: Shape, table: str, used: Collection[tuple[str, str]]) -> tuple[str, ...]:
    """The columns of a table that are not among the ``used_columns``."""
    return tuple(column for column in shape.columns(table) if (table, folded(column)) not in used)
