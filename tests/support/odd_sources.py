"""Odd but legal sources: the same rows in files whose names, types, kinds of tables and indexes are unusual."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.support.destination import Row
from tests.support.odd_values import JUNK, MODEL, NUMBERS, PUBLISHED, SEED, TEXTS, VECTORS, rows_of, texts
from vestige_tui.core.verify.expectation import Text
from vestige_tui.core.verify.expectation.names import quoted

LEGACY, RETRIEVAL, OTHER_PROFILE = (
    "nomic-v1.5-legacy-raw-256",
    "nomic-v1.5-retrieval-v1-256",
    "qwen3-0.6b-retrieval-v1-256",
)
HASH = "ab" * 32

V15_COLUMNS = ("owner_user_id", "visibility", "shared_with_groups", "codebase")
V15_TABLES = ("users", "groups", "group_memberships")

KEYS = {
    "users": ("id",), "groups": ("id",), "group_memberships": ("user_id", "group_id"), "knowledge_nodes": ("id",),
    "scheduling": ("memory_id",), "edges": ("source_id", "target_id"), "review_events": ("id",), "domains": ("id",),
    "memory_connections": ("source_id", "target_id"), "node_embeddings": ("node_id",),
    "embedding_profile_vectors": ("profile_id", "node_id"), "embedding_profiles": ("profile_id",),
    "embedding_profile_state": ("singleton",), "embedding_model": ("id",),
}  # fmt: skip

EXTRA_NAMES = (
    "source", "mood", "a", "a (column)", "A (COLUMN 2)", "", " ", "of tomorrow", 'odd "name"', "it's", "[x]", "`y`",
    "ünï", "Ünï", "select", "order", "rowid", "_rowid_", "oid", "%s", "?1", ":model", "x;--", "metadata.a", "n", "r", "k",
)  # fmt: skip
"""Names that an extra column may have; the keys of the metadata in ``odd_values`` are among them."""

TYPES = ("", "TEXT", "INTEGER", "REAL", "NUMERIC", "BLOB", "VARCHAR(3)", "ANY", "DATETIME", "BOOLEAN", "JSON", "UUID")
COLLATIONS = ("", "", "", " COLLATE NOCASE", " COLLATE RTRIM", " COLLATE BINARY")


LABELS = st.none() | texts(MODEL, MODEL, LEGACY, RETRIEVAL, "all-MiniLM-L6-v2", "nomic-embed-text-v1.5", "other")
"""What ``model`` may say beside a vector."""


def lengthened(value: Any, dimension: int) -> Any:
    """A vector of three elements repeated until it has so many; any other value as it is."""
    return (value * dimension)[: 4 * dimension] if type(value) is bytes and len(value) == 12 else value


@dataclass(frozen=True)
class OddColumn:
    """A column: the name of its values, how the file spells it, what is declared after the name.

    ``base``: the column is generated, ``kind`` stored or virtual, from one of this name, which holds the values.
    """

    name: str
    spelled: str
    declared: str
    kind: str = ""
    base: str = ""

    @property
    def definitions(self) -> list[str]:
        """One or two columns as SQL."""
        if not self.kind:
            return [f"{quoted(self.spelled)} {self.declared}"]
        return [
            f"{quoted(self.base)} {self.declared}",
            f"{quoted(self.spelled)} {self.declared} GENERATED ALWAYS AS ({quoted(self.base)}) {self.kind}",
        ]


@dataclass(frozen=True)
class OddTable:
    """A table and how the file spells it. ``view``: it is a view of a table of that name.

    ``key`` and ``options`` end its definition; ``index`` is none, plain, forged or damaged: a unique index of the key
    that has been made so, whatever rows there are. ``failing``: one more column is generated, and cannot be computed.
    """

    name: str
    spelled: str
    columns: tuple[OddColumn, ...]
    key: tuple[str, ...]
    options: str = ""
    view: str = ""
    index: str = ""
    failing: bool = False

    @property
    def definition(self) -> str:
        """The table as SQL."""
        if self.options == "fts5":
            columns = ", ".join(quoted(column.spelled) for column in self.columns)
            return f"CREATE VIRTUAL TABLE {quoted(self.spelled)} USING fts5({columns})"
        lines = [line for column in self.columns for line in column.definitions]
        if self.key:
            lines.append(f"PRIMARY KEY ({', '.join(map(quoted, self.key))})")
        return f"CREATE TABLE {quoted(self.view or self.spelled)} ({', '.join(lines)}) {self.options}"

    def create(self, connection: sqlite3.Connection) -> None:
        """Make it, with no rows in it yet."""
        connection.execute(self.definition)
        if self.view:
            connection.execute(f"CREATE VIEW {quoted(self.spelled)} AS SELECT * FROM {quoted(self.view)}")

    def insert(self, connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
        """Put rows in, those left out that the table itself refuses."""
        names = ", ".join(quoted(column.base or column.spelled) for column in self.columns)
        for row in rows:
            values = [row[column.name] for column in self.columns]
            places = ", ".join("CAST(? AS TEXT)" if is_broken(value) else "?" for value in values)
            with suppress(sqlite3.IntegrityError):
                connection.execute(
                    f"INSERT INTO {quoted(self.view or self.spelled)} ({names}) VALUES ({places})",
                    [bound(value) for value in values],
                )

    def add_failing(self, connection: sqlite3.Connection) -> None:
        """Add a column that SQLite cannot compute for any row; it does not look at them here."""
        if self.failing:
            computed = "GENERATED ALWAYS AS (abs(-9223372036854775807 - 1)) VIRTUAL"
            connection.execute(f"ALTER TABLE {quoted(self.spelled)} ADD COLUMN failing ANY {computed}")

    def add_index(self, connection: sqlite3.Connection) -> None:
        """Claim that the key is unique, by an index that is not, or that lacks entries."""
        by_name = {column.name: column.spelled for column in self.columns}
        covered = ", ".join(quoted(by_name[name]) for name in KEYS[self.name])
        name, table = quoted(f"claims {self.name}"), quoted(self.view or self.spelled)
        if self.index == "forged":
            connection.execute(f"CREATE INDEX {name} ON {table} ({covered})")
            _rewrite(connection, f"claims {self.name}", "CREATE INDEX", "CREATE UNIQUE INDEX")
        elif self.index == "damaged":
            connection.execute(
                f"CREATE INDEX {name} ON {table} ({covered}) WHERE {quoted(by_name[KEYS[self.name][0]])} < '8'"
            )
            where = f" WHERE {quoted(by_name[KEYS[self.name][0]])} < '8'"
            _rewrite(connection, f"claims {self.name}", where, "")
            _rewrite(connection, f"claims {self.name}", "CREATE INDEX", "CREATE UNIQUE INDEX")
        elif self.index == "plain":
            with suppress(sqlite3.IntegrityError):
                connection.execute(f"CREATE UNIQUE INDEX {name} ON {table} ({covered})")


def _rewrite(connection: sqlite3.Connection, index: str, old: str, new: str) -> None:
    """Change what the file says of an index, and nothing in the index itself."""
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE name = ?", (old, new, index))
    connection.execute("PRAGMA writable_schema = OFF")


def is_broken(value: Any) -> bool:
    """Whether a TEXT value cannot be given to SQLite as a ``str``."""
    try:
        return isinstance(value, Text) and value.decode() is None
    except UnicodeDecodeError:
        return True


def bound(value: Any) -> Any:
    """A value as ``sqlite3`` takes it."""
    if isinstance(value, Text):
        return bytes(value) if is_broken(value) else value.decode()
    return value


@dataclass(frozen=True, repr=False)
class OddSource:
    """A whole file. Its ``repr`` is what is odd about it, and its rows."""

    encoding: str
    page_size: int
    journal_mode: str
    tables: tuple[OddTable, ...]
    rows: Mapping[str, list[Row]] = field(repr=False)
    leftovers: tuple[str, ...] = ()

    def __repr__(self) -> str:
        lines = [f"{self.encoding}, {self.page_size}, {self.journal_mode}"]
        for table in self.tables:
            rows = [[*row.values()] for row in self.rows[table.name]]
            failing = "failing" if table.failing else ""
            lines += [f"{table.definition}; {table.view} {table.index} {failing}", *(f"    {row}" for row in rows)]
        return "\n".join(lines)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What Hypothesis shows."""
        printer.text(repr(self))

    @property
    def is_old(self) -> bool:
        """Whether parts of V15 are missing."""
        names = {table.name: table for table in self.tables}
        columns = {column.name for column in names["knowledge_nodes"].columns}
        return not ({*V15_COLUMNS} <= columns and {*V15_TABLES} <= names.keys())

    def write(self, path: Path) -> Path:
        """Make the file; one that was there before is replaced."""
        for old in path.parent.glob(f"{path.name}*"):
            old.unlink()
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for name, value in (("encoding", f"'{self.encoding}'"), ("page_size", self.page_size), ("synchronous", "OFF"),
                                ("journal_mode", self.journal_mode)):  # fmt: skip
                connection.execute(f"PRAGMA {name} = {value}")
            connection.execute("BEGIN")
            for statement in self.leftovers:
                connection.execute(statement)
            for table in self.tables:
                table.create(connection)
                table.insert(connection, self.rows[table.name])
                table.add_index(connection)
                table.add_failing(connection)
            connection.execute("COMMIT")
        return path


@st.composite
def spellings(draw: st.DrawFn, name: str) -> str:
    """A name in one of the ways that SQLite takes for the same."""
    ways: list[Callable[[str], str]] = [str, str, str.upper, str.title, str.swapcase]
    return draw(st.sampled_from(ways))(name)


@st.composite
def odd_columns(draw: st.DrawFn, names: Iterable[str], strict: bool, generated: bool) -> tuple[OddColumn, ...]:
    """Columns of these names in some order, most of them without a type."""
    made = []
    for name in draw(st.permutations([*names])) if draw(st.booleans()) else names:
        spelled = draw(spellings(name)) if name.isascii() else name
        typed = draw(st.integers(0, 5)) == 0
        declared = (
            "ANY" if strict else draw(st.sampled_from(TYPES)) + draw(st.sampled_from(COLLATIONS)) if typed else ""
        )
        if generated and draw(st.integers(0, 7)) == 0:
            kind = draw(st.sampled_from(["STORED", "VIRTUAL"]))
            made.append(OddColumn(name, spelled, declared, kind, f"base of {name}"))
        else:
            made.append(OddColumn(name, spelled, declared))
    return tuple(made)


@st.composite
def odd_tables(
    draw: st.DrawFn, name: str, columns: Iterable[str], extra: tuple[str, ...], *, may_fail: bool = True
) -> OddTable:
    """A table in one of the ways in which SQLite can have it; ``may_fail``: a column of it too."""
    kinds = ["", "", "", "STRICT", "WITHOUT ROWID", "STRICT, WITHOUT ROWID"]
    if name not in ("embedding_model", "knowledge_nodes"):
        kinds.append("view")
    if name in (*V15_TABLES, "edges", "domains", "node_embeddings") and not {*extra} & {"", " ", "rowid"}:
        kinds.append("fts5")
    kind = draw(st.sampled_from(kinds))
    without = "WITHOUT ROWID" in kind
    made = draw(odd_columns([*columns, *extra], "STRICT" in kind, generated=not without and kind != "fts5"))
    by_name = {column.name: column.spelled for column in made}
    return OddTable(
        name,
        draw(spellings(name)),
        made,
        tuple(by_name[part] for part in KEYS[name]) if without else (),
        "" if kind == "view" else kind,
        f"behind {name}" if kind == "view" else "",
        "" if without or kind in ("view", "fts5") else draw(st.sampled_from(["", "plain", "forged", "damaged"])),
        may_fail and kind not in ("view", "fts5") and draw(st.integers(0, 9)) == 9,
    )


LEFTOVERS = (
    "CREATE TABLE Intentions (id, content)",
    "INSERT INTO Intentions VALUES (1, 'a'), (2, 'b')",
    "CREATE VIRTUAL TABLE notes USING fts5(title, body)",
    "INSERT INTO notes VALUES ('one', 'two')",
    "CREATE VIRTUAL TABLE knowledge_fts USING fts5(content, content='knowledge_nodes')",
    "CREATE VIEW active AS SELECT 1 AS id",
    'CREATE TABLE "knowledge_nodes.codebase" (id)',
    'INSERT INTO "knowledge_nodes.codebase" VALUES (1)',
    "CREATE TABLE empty (id)",
)


@st.composite
def odd_sources(draw: st.DrawFn, layout: str, dimension: int = 3) -> OddSource:
    """A file of the seed's layout or of the published one, whose model makes vectors of this many elements."""
    vectors = VECTORS.map(lambda value: lengthened(value, dimension))
    if dimension == 256:
        vectors |= VECTORS.map(lambda value: lengthened(value, 768))
    columns = {table: {**strategies} for table, strategies in (SEED if layout == "seed" else PUBLISHED).items()}
    if layout == "published":
        columns["knowledge_nodes"]["has_embedding"] = st.sampled_from([1, 1, 1, 1, 0, None, Text(b"1"), Text(b"0")])
        columns["node_embeddings"] |= {"embedding": vectors, "model": LABELS}
        if draw(st.integers(0, 3)) == 0:
            columns["knowledge_nodes"]["embedding"] = st.none() | vectors
    else:
        columns["knowledge_nodes"]["embedding"] = vectors
    old = draw(st.integers(0, 4)) == 0
    if old:
        for name in draw(st.sampled_from([V15_COLUMNS, V15_COLUMNS[:2], ("codebase",)])):
            del columns["knowledge_nodes"][name]
        for table in draw(st.sampled_from([V15_TABLES, ()])):
            del columns[table]
    extra: dict[str, tuple[str, ...]] = {}
    for table in draw(st.lists(st.sampled_from([*columns]), max_size=3, unique=True)):
        names = draw(st.lists(st.sampled_from(EXTRA_NAMES), max_size=4, unique_by=str.lower))
        extra[table] = tuple(name for name in names if name not in columns[table])
        columns[table] |= {name: st.one_of(JUNK, TEXTS, NUMBERS, VECTORS) for name in extra[table]}
    rows = draw(rows_of(columns))
    tables = {table: draw(odd_tables(table, [name for name in strategies if name not in extra.get(table, ())], extra.get(table, ()),
                                     may_fail=not (old and table == "knowledge_nodes")))
              for table, strategies in columns.items()}  # fmt: skip
    if layout == "published" and draw(st.booleans()):
        added, profile_rows = draw(profiles(rows["node_embeddings"], vectors, dimension))
        tables |= added
        rows |= profile_rows
    if layout == "seed" or draw(st.booleans()):
        tables["embedding_model"] = draw(odd_tables("embedding_model", ["id", "name", "dimension", "hash"], ()))
        rows["embedding_model"] = [
            {"id": 1, "name": Text(MODEL.encode()), "dimension": dimension, "hash": Text(HASH.encode())}
        ]
    return OddSource(
        draw(st.sampled_from(["UTF-8", "UTF-8", "UTF-16le", "UTF-16be"])),
        draw(st.sampled_from([512, 1024, 4096, 8192, 65536])),
        draw(st.sampled_from(["DELETE", "WAL", "TRUNCATE", "PERSIST"])),
        tuple(tables.values()),
        rows,
        LEFTOVERS if draw(st.booleans()) else (),
    )


@st.composite
def profiles(
    draw: st.DrawFn, mirror: list[Row], values: st.SearchStrategy[Any], dimension: int
) -> tuple[dict[str, OddTable], dict[str, list[Row]]]:
    """The tables of vectors by profile, from V28 on, and rows in them beside those of the mirror."""
    columns = {
        "embedding_profiles": ("profile_id", "model_id", "embedding_dimension", "status"),
        "embedding_profile_state": ("singleton", "active_profile_id"),
        "embedding_profile_vectors": ("profile_id", "node_id", "embedding", "model"),
    }
    known = {LEGACY: MODEL, RETRIEVAL: MODEL, OTHER_PROFILE: "Qwen/Qwen3-Embedding-0.6B"}
    active = draw(st.sampled_from([LEGACY, LEGACY, RETRIEVAL, None]))
    vectors = []
    for row in draw(st.lists(st.sampled_from(mirror), unique_by=id)) if mirror else []:
        for profile in draw(st.lists(st.sampled_from([*known]), max_size=2, unique=True)):
            vectors.append({"profile_id": Text(profile.encode()), "node_id": row["node_id"], "embedding": draw(values),
                            "model": draw(LABELS)})  # fmt: skip
    rows: dict[str, list[Row]] = {
        "embedding_profiles": [
            {"profile_id": Text(name.encode()), "model_id": Text(model.encode()), "embedding_dimension": dimension, "status": Text(b"ready")}
            for name, model in known.items()
        ],
        "embedding_profile_state": [{"singleton": 1, "active_profile_id": Text(active.encode()) if active else None}],
        "embedding_profile_vectors": vectors,
    }  # fmt: skip
    return {name: draw(odd_tables(name, names, ())) for name, names in columns.items()}, rows
