"""Describes a source file: its layout, version, rows and model, and what in it has no destination."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from vestige_tui.core.errors import SourceError
from vestige_tui.core.facts import Staleness
from vestige_tui.core.model import MAX_DIMENSION, ModelSignature
from vestige_tui.core.repairs.document import Repairs
from vestige_tui.core.rows.vectors import VectorGroup, most_used, true_name, usual_dimension
from vestige_tui.core.source import vectors
from vestige_tui.core.source.altered_rows import Altered
from vestige_tui.core.source.file_names import wal_size
from vestige_tui.core.source.layouts import ResolvedSource, resolve, unused, used_columns, with_expression
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.source.overlay import Reference, lay_over
from vestige_tui.core.source.shape import FileTable, Shape, TableKind, folded, quoted, read_shape
from vestige_tui.core.source.shared_names import SharedName, shared_names
from vestige_tui.core.source.stale import staleness
from vestige_tui.core.source.vector_tables import only_vectors
from vestige_tui.core.source.views import shown_whole

V15_COLUMNS = ("owner_user_id", "visibility", "shared_with_groups", "codebase")
V15_TABLES = ("users", "groups", "group_memberships")

BOOKKEEPING = frozenset({"schema_version", "embedding_model", "embedding_profile_state", "embedding_profiles"})
"""Tables that describe other rows, or that SQLite and Vestige need for themselves."""

_STORES = ("_content", "_rowid")
"""Endings of the shadow tables in which SQLite's full-text and R*Tree modules keep one row for each of theirs."""


class Layout(StrEnum):
    """The family of schemas: the specification's, or that of published Vestige."""

    SEED = "seed"
    PUBLISHED = "published"


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """What a file holds. ``size`` is in bytes with the WAL.

    ``rows`` counts the rows of each destination table; ``missing_v15`` names the parts of V15 that the file lacks.
    ``registered`` is the model that the file names, by its active ``profile`` or else by its registry; ``vectors`` are
    all its vectors, grouped by fate. ``left_behind`` counts the rows of each table without a destination, and the
    values of each such column, named ``table.column``. ``stale``: Vestige 4 has moved on from the file.
    ``shared_names`` are extra columns whose name is also a key of metadata. ``repaired`` and ``left_out`` count the
    rows that an operator has repaired or left out; the latter are not among the ``rows``. ``altered`` says by table in
    which rows repairs alter values, ``elsewhere`` are references of repairs to rows that are not in the file.
    """

    path: Path
    size: int
    modified: datetime
    layout: Layout
    user_version: int
    schema_version: int | None
    missing_v15: tuple[str, ...]
    rows: dict[str, int]
    registered: ModelSignature | None
    profile: str | None
    vectors: tuple[VectorGroup, ...]
    left_behind: dict[str, int]
    journal_mode: str
    sources: dict[str, ResolvedSource]
    stale: Staleness | None = None
    shared_names: tuple[SharedName, ...] = ()
    repaired: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    altered: dict[str, Altered] = field(default_factory=dict)
    elsewhere: tuple[Reference, ...] = ()

    @property
    def lets_others_write(self) -> bool:
        """Whether another program can write to the file while a copy reads it."""
        return self.journal_mode == "wal"

    @property
    def has_v15(self) -> bool:
        """Whether the four V15 columns and the three V15 tables exist."""
        return not self.missing_v15

    @property
    def version(self) -> int | None:
        """The schema version: the larger marker, or 15 where only the structure tells."""
        return max(self.user_version, self.schema_version or 0) or (15 if self.has_v15 else None)

    @property
    def model(self) -> ModelSignature | None:
        """The registered signature, or else the observed one of most vectors, its hash unknown."""
        return self.registered or most_used(self.vectors)

    @property
    def dimension(self) -> int:
        """The dimension of most vectors that can count for a memory, 0 where there are none."""
        return usual_dimension(self.vectors)


def describe(path: Path) -> SourceDescription:
    """Describe a file. Raises ``SourceError``."""
    with open_source(path) as connection:
        return describe_open(connection, path)


def describe_open(connection: sqlite3.Connection, path: Path) -> SourceDescription:
    """Describe the file behind an open connection. Raises ``SourceError`` where it is no Vestige database."""
    shape = read_shape(connection)
    if not shape.readable:
        raise SourceError(
            f"{path} has a table or a column whose name is not readable text.",
            remedy="The file may be damaged: check it with sqlite3 FILE 'PRAGMA integrity_check'.",
        )
    sources = resolve(shape)
    if "knowledge_nodes" not in sources:
        raise SourceError(
            f"{path} is a SQLite database, but not one of Vestige: it has no table of memories.",
            remedy="Name the file that Vestige uses, usually vestige.db. If this one was copied from elsewhere, copy "
            "its -wal file as well: the memories may be in there.",
        )
    size, modified = _size_and_change(path)
    found = vectors.find_vectors(connection, shape, _registered(connection, shape))
    sources["knowledge_nodes"] = with_expression(sources["knowledge_nodes"], "embedding", found.expression)
    return SourceDescription(
        path=path,
        size=size,
        modified=modified,
        layout=Layout.PUBLISHED if shape.has("knowledge_nodes", "last_accessed") else Layout.SEED,
        user_version=_scalar(connection, "PRAGMA user_version") or 0,
        schema_version=_schema_version(connection, shape),
        missing_v15=missing_v15(shape),
        rows={name: count_rows(connection, source.source.table) for name, source in sources.items()},
        registered=found.signature,
        profile=found.profile,
        vectors=found.groups,
        left_behind=_left_behind(connection, shape, sources),
        journal_mode=str(connection.execute("PRAGMA journal_mode").fetchone()[0]),
        sources=sources,
        stale=staleness(path),
        shared_names=shared_names(connection, sources),
    )


def with_repairs(
    connection: sqlite3.Connection, source: SourceDescription, repairs: Repairs, *, to_read: bool = True
) -> SourceDescription:
    """The source with repairs laid over its rows. Raises ``RepairsError`` and ``sqlite3.Error``.

    Unless it is ``to_read``, repairs may fill columns that only the upgrade to V15 adds.
    """
    if not repairs:
        return source
    overlay = lay_over(connection, source.sources, repairs, may_lack=() if to_read else V15_COLUMNS)
    rows = {name: count - overlay.left_out.get(name, 0) for name, count in source.rows.items()}
    return replace(
        source,
        rows=rows,
        sources=overlay.sources,
        repaired=overlay.repaired,
        left_out=overlay.left_out,
        altered=overlay.altered,
        elsewhere=overlay.elsewhere,
    )


def _size_and_change(path: Path) -> tuple[int, datetime]:
    """Bytes of a file and its WAL, and when the file last changed."""
    try:
        status = path.stat()
    except OSError:
        raise SourceError(
            f"{path} was removed while it was being read.", remedy="Put it back, or name another file."
        ) from None
    return status.st_size + wal_size(path), datetime.fromtimestamp(status.st_mtime, UTC)


def missing_v15(shape: Shape) -> tuple[str, ...]:
    """The parts of V15 that a file lacks: tables by name, columns as ``knowledge_nodes.name``.

    No column can be added to a view of memories: it is read as if it had those of V15, with their defaults.
    """
    memories = shape.find("knowledge_nodes")
    takes_columns = memories is not None and memories.kind is TableKind.TABLE
    lacking = [name for name in V15_COLUMNS if takes_columns and not shape.exists("knowledge_nodes", name)]
    return (*(f"knowledge_nodes.{name}" for name in lacking), *(name for name in V15_TABLES if name not in shape))


def count_rows(connection: sqlite3.Connection, table: str) -> int:
    """How many rows a table of the source has."""
    return _scalar(connection, f"SELECT count(*) FROM {quoted(table)} NOT INDEXED") or 0


def _scalar(connection: sqlite3.Connection, sql: str) -> int | None:
    row = connection.execute(sql).fetchone()
    return row[0] if row and isinstance(row[0], int) else None


def _schema_version(connection: sqlite3.Connection, shape: Shape) -> int | None:
    if not shape.has("schema_version", "version"):
        return None
    return _scalar(connection, "SELECT max(version) FROM schema_version")


def _registered(connection: sqlite3.Connection, shape: Shape) -> ModelSignature | None:
    """The signature in the registry table, where it is usable."""
    if not shape.has("embedding_model", "id", "name", "dimension", "hash"):
        return None
    row = connection.execute("SELECT name, dimension, hash FROM embedding_model WHERE id = 1").fetchone()
    if row is None or not isinstance(row[0], str) or "\0" in row[0] or not isinstance(row[1], int):
        return None
    if not 1 <= row[1] <= MAX_DIMENSION:
        return None
    name = true_name(row[0], row[1])
    known = name == row[0] and isinstance(row[2], str) and row[2]  # the hash covers the name, too
    return ModelSignature(name, row[1], row[2]) if known else ModelSignature(name, row[1])


def _left_behind(connection: sqlite3.Connection, shape: Shape, sources: dict[str, ResolvedSource]) -> dict[str, int]:
    """How many rows of tables, and values of columns (``table.column``), have no destination."""
    used = used_columns(sources.values())
    read = {source.source.table for source in sources.values()}
    views = [table for table in map(shape.find, read) if table is not None and table.kind is TableKind.VIEW]
    shown = {name for view in views for name in shown_whole(connection, shape, view)}
    known = read | shown | BOOKKEEPING | only_vectors(shape)
    unknown = [table for table in shape.tables if folded(table.name) not in known]
    stores = [(table.name, store) for table in unknown if (store := _store(shape, table)) is not None]
    counts = {name: count_rows(connection, store) for name, store in stores}
    whole = {source.source.table for source in sources.values() if source.source.rest is not None}
    for table in filter(None, map(shape.find, sorted(read - whole))):
        columns = unused(shape, folded(table.name), used)
        numbers = ", ".join(f"count({quoted(name)})" for name in columns)
        found = connection.execute(f"SELECT {numbers} FROM {quoted(table.name)}").fetchone() if columns else ()
        counts |= {f"{table.name}.{name}": number for name, number in zip(columns, found, strict=True)}
    for table in filter(None, map(shape.find, sorted(read))):
        counts |= {f"{table.name}.{name}": count_rows(connection, table.name) for name in table.failing}
    return {name: count for name, count in counts.items() if count}


def _store(shape: Shape, table: FileTable) -> str | None:
    """The table that stores a table's rows: itself, or a shadow table of a virtual one; None where it stores none.

    A full-text index over another table stores no rows, and a view shows those of other tables.
    """
    if table.kind is TableKind.TABLE:
        return table.name
    stores = [table.name + ending for ending in _STORES] if table.kind is TableKind.VIRTUAL else []
    return next((store for store in stores if store in shape), None)
