"""The eight tables, each described once.

Reader, writer, schema, preview, bars, counters and report follow these descriptions: to add a table is to add a
description. Names, types, defaults and keys are those of Vestige's PostgreSQL schema.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from vestige_tui.core.rows import copy_format
from vestige_tui.core.rows.converter import Converter
from vestige_tui.core.rows.converters import (
    EPOCH,
    Centroid,
    Content,
    Embedding,
    Float8,
    Int2,
    Int4,
    Text,
    Timestamp,
    Uuid,
    uuid,
)
from vestige_tui.core.rows.documents import (
    EMPTY_OBJECT,
    EMPTY_TEXT_ARRAY,
    EMPTY_UUID_ARRAY,
    JsonDocument,
    NumberMap,
    TextList,
    UuidList,
)
from vestige_tui.core.rows.pg_types import PgType

BOOTSTRAP_USER_ID = "00000000-0000-0000-0000-000000000001"
"""The user ``local``, which every Vestige database has from V15 on."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: how a source value becomes its field, and what stands in for a broken one.

    ``fallback`` is the field stored in place of a value that cannot be (None: the row cannot exist without it).
    ``default`` is the destination's default as SQL. ``allowed`` lists the only values that the destination takes,
    where it does.
    """

    name: str
    converter: Converter
    fallback: bytes | None = copy_format.NULL
    default: str | None = None
    allowed: tuple[str, ...] = ()

    @property
    def type(self) -> PgType:
        """The type of the column."""
        return self.converter.type

    @property
    def nullable(self) -> bool:
        """Whether the column takes NULL."""
        return self.converter.nullable


@dataclass(frozen=True, slots=True)
class Index:
    """One index; ``where`` makes it a partial one."""

    name: str
    table: str
    columns: tuple[str, ...]
    method: str = "btree"
    where: str | None = None


def _index(table: str, *columns: str, method: str = "btree", where: str | None = None) -> Index:
    return Index(f"idx_{table}_{'_'.join(columns)}", table, columns, method, where)


def _text(name: str, default: str | None = None) -> Column:
    """A required text."""
    if default is None:
        return Column(name, Text(nullable=False), fallback=None)
    return Column(name, Text(nullable=False), copy_format.text(default.encode()), f"'{default}'")


def _id(name: str) -> Column:
    return Column(name, Uuid(), fallback=None)


def _timestamp(name: str) -> Column:
    return Column(name, Timestamp(nullable=False), EPOCH, "now()")


def _text_list(name: str) -> Column:
    return Column(name, TextList(), EMPTY_TEXT_ARRAY, "'{}'")


def _metadata() -> Column:
    return Column("metadata", JsonDocument(), EMPTY_OBJECT, "'{}'")


def _number(name: str, default: float) -> Column:
    return Column(name, Float8(nullable=False), copy_format.float8(default), str(default))


def _choice(name: str, *allowed: str) -> Column:
    """One of a few words; the first is the default."""
    return replace(_text(name, allowed[0]), allowed=allowed)


def _count(name: str) -> Column:
    return Column(name, Int4(nullable=False), copy_format.int4(0), "0")


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """``columns`` must be found as the primary key of ``table``; ``cascade`` deletes this row with the other."""

    columns: tuple[str, ...]
    table: str
    cascade: bool = True

    def constraint(self, table: str) -> str:
        """The name of its constraint in a ``table``: the one that PostgreSQL itself would give it."""
        return f"{table}_{'_'.join(self.columns)}_fkey"


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the destination, and all that a run and its screens have to know of it.

    ``title`` heads a list of its rows, ``noun`` names one row and ``plural`` several (default: ``noun`` with an s).
    ``counter`` is the report's counter of copied rows (default: ``NAME_copied``). Tables of one ``group`` share a line
    of that title in overviews, after the tables that have none.

    Texts in columns with a key or an index are converted to what fits into it. ``indexes`` are those beside the keys.
    ``visibility_columns`` say who may see a row: every run looks at them, also where the destination has the row.
    """

    name: str
    title: str
    noun: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    unique: tuple[str, ...] = ()
    visibility_columns: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()
    plural: str = ""
    counter: str = ""
    group: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "plural", self.plural or f"{self.noun}s")
        object.__setattr__(self, "counter", self.counter or f"{self.name}_copied")
        object.__setattr__(self, "columns", tuple(map(self._fitting, self.columns)))

    def _fitting(self, column: Column) -> Column:
        """A column with the converter that its indexes need."""
        if column.name in self.key:
            return replace(column, converter=column.converter.in_key())
        indexed = {*self.unique, *(name for index in self.indexes for name in index.columns)}
        return replace(column, converter=column.converter.in_index()) if column.name in indexed else column

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in their order."""
        return tuple(column.name for column in self.columns)

    def types(self, columns: Iterable[str]) -> list[PgType]:
        """The types of some of its columns."""
        return [self.columns[self.position(name)].type for name in columns]

    def position(self, column: str) -> int:
        """Where a column stands in a record, from 0."""
        return self.column_names.index(column)


_USERS_AND_GROUPS = "Users and groups"


def _party(name: str, title: str, noun: str) -> Table:
    """Users and groups have the same columns."""
    return Table(
        name,
        title,
        noun,
        group=_USERS_AND_GROUPS,
        columns=(
            _id("id"),
            _text("handle"),
            Column("display_name", Text()),
            _timestamp("created_at"),
            _metadata(),
        ),
        key=("id",),
        unique=("handle",),
    )


USERS = _party("users", "Users", "user")
GROUPS = _party("groups", "Groups", "group")
GROUP_MEMBERSHIPS = Table(
    "group_memberships",
    "Memberships",
    "membership",
    group=_USERS_AND_GROUPS,
    columns=(
        _id("user_id"),
        _id("group_id"),
        _choice("role", "member", "admin"),
        _timestamp("joined_at"),
    ),
    key=("user_id", "group_id"),
    foreign_keys=(ForeignKey(("user_id",), "users"), ForeignKey(("group_id",), "groups")),
)
KNOWLEDGE_NODES = Table(
    "knowledge_nodes",
    "Memories",
    "memory",
    plural="memories",
    counter="memories_copied",
    columns=(
        _id("id"),
        Column("content", Content(), fallback=None),
        _text("node_type", "fact"),
        _text_list("tags"),
        Column("embedding", Embedding()),
        _timestamp("created_at"),
        _timestamp("updated_at"),
        _metadata(),
        Column("owner_user_id", Uuid(), uuid(BOOTSTRAP_USER_ID), f"'{BOOTSTRAP_USER_ID}'"),
        _choice("visibility", "private", "group", "public"),
        Column("shared_with_groups", UuidList(), EMPTY_UUID_ARRAY, "'{}'"),
        Column("codebase", Text()),
        _text_list("domains"),
        Column("domain_scores", NumberMap(), EMPTY_OBJECT, "'{}'"),
    ),
    key=("id",),
    foreign_keys=(ForeignKey(("owner_user_id",), "users", cascade=False),),
    visibility_columns=("owner_user_id", "visibility", "shared_with_groups"),
    indexes=(
        *(_index("knowledge_nodes", column) for column in ("node_type", "created_at", "updated_at", "owner_user_id")),
        _index("knowledge_nodes", "codebase", where="codebase IS NOT NULL"),
        *(
            _index("knowledge_nodes", column, method="gin")
            for column in ("search_vec", "domains", "tags", "shared_with_groups")
        ),
    ),
)
_MEMORY = ForeignKey(("memory_id",), "knowledge_nodes")
SCHEDULING = Table(
    "scheduling",
    "Scheduling",
    "scheduling row",
    counter="scheduling_rows",
    columns=(
        _id("memory_id"),
        _number("stability", 1.0),
        _number("difficulty", 5.0),
        _number("retrievability", 1.0),
        Column("last_review", Timestamp()),
        Column("next_review", Timestamp()),
        _count("reps"),
        _count("lapses"),
    ),
    key=("memory_id",),
    foreign_keys=(_MEMORY,),
    indexes=tuple(_index("scheduling", column) for column in ("next_review", "last_review")),
)
EDGES = Table(
    "edges",
    "Connections",
    "connection",
    columns=(
        _id("source_id"),
        _id("target_id"),
        _text("edge_type", "semantic"),
        _number("weight", 1.0),
        _timestamp("created_at"),
    ),
    key=("source_id", "target_id"),
    foreign_keys=(ForeignKey(("source_id",), "knowledge_nodes"), ForeignKey(("target_id",), "knowledge_nodes")),
    indexes=tuple(_index("edges", column) for column in ("source_id", "target_id", "edge_type")),
)
REVIEW_EVENTS = Table(
    "review_events",
    "Review events",
    "review event",
    columns=(
        _id("id"),
        _id("memory_id"),
        _timestamp("occurred_at"),
        Column("retrievability_before", Float8()),
        Column("retrievability_after", Float8()),
        Column("rating", Int2()),
        _text("kind", "review"),
        _metadata(),
    ),
    key=("id",),
    foreign_keys=(_MEMORY,),
    indexes=tuple(_index("review_events", column) for column in ("memory_id", "occurred_at")),
)
DOMAINS = Table(
    "domains",
    "Domains",
    "domain",
    columns=(
        _text("id"),
        Column("label", Text(nullable=False), copy_format.text(b"")),
        Column("centroid", Centroid()),
        _text_list("top_terms"),
        _count("memory_count"),
        _timestamp("created_at"),
    ),
    key=("id",),
)

TABLES: tuple[Table, ...] = (
    USERS,
    GROUPS,
    GROUP_MEMBERSHIPS,
    KNOWLEDGE_NODES,
    SCHEDULING,
    EDGES,
    REVIEW_EVENTS,
    DOMAINS,
)
"""In the order in which they are copied: a table comes after those that it refers to."""

BY_NAME = {table.name: table for table in TABLES}


def shown() -> list[Table]:
    """The tables in the order that operators see: those without a group first, so memories are on top."""
    return sorted(TABLES, key=lambda table: table.group != "")
