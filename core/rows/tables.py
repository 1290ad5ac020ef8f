"""The eight tables, each described once, in the order in which they are copied.

Reader, writer, schema, preview, bars and report all follow these descriptions: adding a table is adding a
description. Names, types, defaults and keys are those of Vestige's PostgreSQL schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from vestige_tui.core.rows import convert, copy_format, documents
from vestige_tui.core.rows.convert import Convert, SqliteValue

SizedConvert = Callable[[SqliteValue, int | None], bytes]
"""A converter that is told the dimension of the registered model."""

BOOTSTRAP_USER_ID = "00000000-0000-0000-0000-000000000001"
"""The user ``local``, whom every Vestige database has from V15 on."""

_BOOTSTRAP_USER = convert.uuid(BOOTSTRAP_USER_ID)


class PgType(Enum):
    """Types of the destination's columns: the OID where keys can be of it, the name in SQL, and the names of types
    that a value also fits into.
    """

    UUID = (copy_format.UUID_OID, "uuid")
    TEXT = (copy_format.TEXT_OID, "text", "character varying")
    TIMESTAMPTZ = (copy_format.TIMESTAMPTZ_OID, "timestamp with time zone")
    JSONB = (None, "jsonb")
    TEXT_ARRAY = (None, "text[]")
    UUID_ARRAY = (None, "uuid[]")
    VECTOR = (None, "vector")
    FLOAT8 = (copy_format.FLOAT8_OID, "double precision")
    INT4 = (copy_format.INT4_OID, "integer", "bigint")
    INT2 = (copy_format.INT2_OID, "smallint", "integer", "bigint")

    def __init__(self, oid: int | None, *names: str) -> None:
        self.oid = oid
        self.fits = names
        """Every type, as ``format_type`` names it, that takes the value unchanged; the first is the column's own."""

    @property
    def sql(self) -> str:
        """The type's name in SQL; ``vector`` still wants the schema of its extension."""
        return self.fits[0]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: how a source value becomes its field, and what stands in for a broken one.

    ``empty`` is the field stored in place of a value that cannot be (None: the row cannot exist without it).
    ``default`` is the destination's default as SQL. Where there is a ``sized`` converter, it is the one that
    counts: it is told the dimension of the registered model. ``allowed`` lists the only values that the destination
    takes, where it does.
    """

    name: str
    type: PgType
    convert: Convert
    empty: bytes | None = copy_format.NULL
    nullable: bool = True
    default: str | None = None
    sized: SizedConvert | None = None
    allowed: tuple[str, ...] = ()

    def converter(self, dimension: int | None) -> Convert:
        """The converter for a run in which vectors have ``dimension`` elements (None: any)."""
        sized = self.sized
        return self.convert if sized is None else lambda value: sized(value, dimension)


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


def _needed(name: str, kind: PgType, how: Convert, empty: bytes | None = None, default: str | None = None) -> Column:
    return Column(name, kind, how, empty, nullable=False, default=default)


def _reference(name: str) -> Column:
    return _needed(name, PgType.UUID, convert.uuid)


def _timestamp(name: str) -> Column:
    return _needed(name, PgType.TIMESTAMPTZ, convert.timestamp, convert.EPOCH, "now()")


def _text_list(name: str) -> Column:
    return _needed(name, PgType.TEXT_ARRAY, documents.text_list, documents.EMPTY_TEXT_ARRAY, "'{}'")


def _metadata() -> Column:
    return _needed("metadata", PgType.JSONB, documents.json_document, documents.EMPTY_OBJECT, "'{}'")


def _number(name: str, default: float) -> Column:
    return _needed(name, PgType.FLOAT8, convert.float8, copy_format.float8(default), str(default))


def _choice(name: str, *allowed: str) -> Column:
    """One of a few words; the first is the default."""
    default = allowed[0]
    column = _needed(name, PgType.TEXT, convert.text, copy_format.text(default.encode()), f"'{default}'")
    return replace(column, allowed=allowed)


def _count(name: str) -> Column:
    return _needed(name, PgType.INT4, convert.int4, copy_format.int4(0), "0")


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
    """One table of the destination. ``title`` is the plural that an operator reads.

    Texts in columns with a key or an index are converted to what fits into it. ``indexes`` are those beside the keys.
    ``access`` are the columns that say who may see a row: every run looks at them, also where it has the row already.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    unique: tuple[str, ...] = ()
    access: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(map(self._fitting, self.columns)))

    def _fitting(self, column: Column) -> Column:
        """A column with the converter that its indexes need."""
        indexed = {*self.unique, *(name for index in self.indexes for name in index.columns)}
        converters = _IN_KEY if column.name in self.key else _IN_INDEX if column.name in indexed else {}
        return replace(column, convert=converters.get(column.convert, column.convert))

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

    def converters(self, dimension: int | None) -> Sequence[Convert]:
        """One converter a column."""
        return [column.converter(dimension) for column in self.columns]


_IN_KEY: dict[Convert, Convert] = {convert.text: convert.key_text}
_IN_INDEX: dict[Convert, Convert] = {
    convert.text: convert.indexed_text,
    documents.text_list: documents.indexed_text_list,
}


def _party(name: str, title: str) -> Table:
    """Users and groups have the same columns."""
    return Table(
        name,
        title,
        columns=(
            _reference("id"),
            _needed("handle", PgType.TEXT, convert.text),
            Column("display_name", PgType.TEXT, convert.text),
            _timestamp("created_at"),
            _metadata(),
        ),
        key=("id",),
        unique=("handle",),
    )


USERS = _party("users", "Users")
GROUPS = _party("groups", "Groups")
GROUP_MEMBERSHIPS = Table(
    "group_memberships",
    "Memberships",
    columns=(
        _reference("user_id"),
        _reference("group_id"),
        _choice("role", "member", "admin"),
        _timestamp("joined_at"),
    ),
    key=("user_id", "group_id"),
    foreign_keys=(ForeignKey(("user_id",), "users"), ForeignKey(("group_id",), "groups")),
)
KNOWLEDGE_NODES = Table(
    "knowledge_nodes",
    "Memories",
    columns=(
        _reference("id"),
        _needed("content", PgType.TEXT, convert.content),
        _needed("node_type", PgType.TEXT, convert.text, copy_format.text(b"fact"), "'fact'"),
        _text_list("tags"),
        Column("embedding", PgType.VECTOR, convert.embedding, sized=convert.embedding),
        _timestamp("created_at"),
        _timestamp("updated_at"),
        _metadata(),
        _needed("owner_user_id", PgType.UUID, convert.uuid, _BOOTSTRAP_USER, f"'{BOOTSTRAP_USER_ID}'"),
        _choice("visibility", "private", "group", "public"),
        _needed("shared_with_groups", PgType.UUID_ARRAY, documents.uuid_list, documents.EMPTY_UUID_ARRAY, "'{}'"),
        Column("codebase", PgType.TEXT, convert.text),
        _text_list("domains"),
        _needed("domain_scores", PgType.JSONB, documents.number_map, documents.EMPTY_OBJECT, "'{}'"),
    ),
    key=("id",),
    foreign_keys=(ForeignKey(("owner_user_id",), "users", cascade=False),),
    access=("owner_user_id", "visibility", "shared_with_groups"),
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
    columns=(
        _reference("memory_id"),
        _number("stability", 1.0),
        _number("difficulty", 5.0),
        _number("retrievability", 1.0),
        Column("last_review", PgType.TIMESTAMPTZ, convert.timestamp),
        Column("next_review", PgType.TIMESTAMPTZ, convert.timestamp),
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
    columns=(
        _reference("source_id"),
        _reference("target_id"),
        _needed("edge_type", PgType.TEXT, convert.text, copy_format.text(b"semantic"), "'semantic'"),
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
    columns=(
        _reference("id"),
        _reference("memory_id"),
        _timestamp("occurred_at"),
        Column("retrievability_before", PgType.FLOAT8, convert.float8),
        Column("retrievability_after", PgType.FLOAT8, convert.float8),
        Column("rating", PgType.INT2, convert.int2),
        _needed("kind", PgType.TEXT, convert.text, copy_format.text(b"review"), "'review'"),
        _metadata(),
    ),
    key=("id",),
    foreign_keys=(_MEMORY,),
    indexes=tuple(_index("review_events", column) for column in ("memory_id", "occurred_at")),
)
DOMAINS = Table(
    "domains",
    "Domains",
    columns=(
        _needed("id", PgType.TEXT, convert.text),
        _needed("label", PgType.TEXT, convert.text, copy_format.text(b"")),
        Column("centroid", PgType.VECTOR, convert.centroid),
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
"""In the seed's order: a table comes after those it refers to."""

BY_NAME = {table.name: table for table in TABLES}
