"""Every value at a destination compared with its source: what is named is exactly what differs."""

from __future__ import annotations

import math
import shutil
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.support.expected import BOOTSTRAP_USER
from tests.support.flaws import NOBODY
from tests.support.roles import role
from tests.support.runs import copy
from tests.support.servers import Connection, Database, Server
from tests.support.sources import Sources, edit, memory_ids, query, signature
from tests.support.verifying import inspected, named, verify
from vestige_tui.core.errors import Cancelled, RefusedError
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import BY_NAME, TABLES, Column, Table
from vestige_tui.core.verify import compare as compare_module
from vestige_tui.core.verify import stored as stored_module
from vestige_tui.core.verify.result import Difference, DifferenceKind, Expected, TableComparison
from vestige_tui.core.verify.snapshot import open_snapshot
from vestige_tui.sample import SampleSpec

Change = Callable[[Any], Any] | str
"""Another value: of the value (a number, or as text), or of the column in SQL."""

SPEC = SampleSpec(
    memories=40, edges=20, review_events=20, users=12, groups=12, memberships=12, domains=12, dimension=8,
    model_name=signature(8).name, model_hash=signature(8).hash,
)  # fmt: skip
"""Enough rows in every table for all the ways in which a value can change."""


@dataclass(frozen=True)
class Copied:
    """A source and the database to which it was copied."""

    source: Path
    database: Database


@pytest.fixture(scope="module")
def filled(server: Server, source_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copied]:
    source = Sources(source_cache, tmp_path_factory.mktemp("compared")).seed(SPEC)
    prepare(source)
    with server.database() as database:
        copy(source, database)
        yield Copied(source, database)


@pytest.fixture
def copied_there(server: Server, filled: Copied, tmp_path: Path) -> Iterator[Copied]:
    """Both of them, to be changed."""
    with server.database(filled.database.name) as clone:
        yield Copied(Path(shutil.copy(filled.source, tmp_path)), clone)


def prepare(source: Path) -> None:
    """Give the source values in which a change is easy to overlook."""
    edit(
        source,
        """UPDATE knowledge_nodes SET tags = '["b","a"]', domains = '["x","y"]', codebase = 'Quill',
         domain_scores = '{"x": 0.5, "y": 1}', metadata = '{"a": {"c": 1, "b": [1.50, true]}, "n": "é"}'""",
    )
    edit(
        source,
        "UPDATE knowledge_nodes SET shared_with_groups = (SELECT json_group_array(id) FROM (SELECT id FROM groups LIMIT 2))",
    )
    edit(
        source,
        'UPDATE review_events SET metadata = \'{"a": 1, "b": 0.1}\', retrievability_before = 0.0, retrievability_after = 0.5',
    )
    edit(source, "UPDATE scheduling SET stability = 0.1, difficulty = 0.0, last_review = next_review")
    for table in ("users", "groups"):
        edit(source, f"UPDATE {table} SET metadata = '{{\"a\": 1, \"b\": 0.1}}', display_name = 'Ada'")
    edit(
        source,
        'UPDATE domains SET top_terms = \'["a","b"]\', centroid = ?',
        (struct.pack("<4f", 0.0, 1.0, -2.5, 3e-9),),
    )


def as_vector(sent: str, change: Callable[[list[float]], list[float]]) -> str:
    """A vector, from the server's text to the server's text, with float32 elements between."""
    elements = [struct.unpack("<f", struct.pack("<f", float(part)))[0] for part in sent.strip("[]").split(",")]
    return "[" + ",".join(map(repr, change(elements))) + "]"


def one_bit(elements: list[float]) -> list[float]:
    (bits,) = struct.unpack("<I", struct.pack("<f", elements[-1]))
    return [*elements[:-1], struct.unpack("<f", struct.pack("<I", bits ^ 1))[0]]


UUIDS = ["00000000-0000-0000-0000-000000000001", "5b0c1d2e-0000-4000-8000-00000000000a"]
CHANGES: dict[PgType, list[Change]] = {
    PgType.UUID: [lambda value: UUIDS[value == UUIDS[0]]],
    PgType.TEXT: [lambda text: text + " ", str.swapcase, lambda text: "\u200b" + text, lambda text: text[:-1] + "e\u0301", lambda text: ""],
    PgType.TIMESTAMPTZ: ["{} + interval '1 microsecond'", "{} - interval '1 day'", "'infinity'", "'-infinity'",
                         "'0044-03-15 12:00 BC'", "'20000-01-01'"],
    PgType.JSONB: [lambda _: '{"a": {"c": 1, "b": [1.5, 1]}, "n": "é"}', lambda _: "[]", lambda _: "null",
                   lambda _: '{"a": 1, "b": 0.1000000000000000055}', lambda _: '{"a": true, "b": 0.1}',
                   lambda _: '{"x": 0.5, "y": 1.0000000000000001}', lambda _: '{"x": 0.5}', lambda _: "1e400", lambda _: "[" * 3000 + "]" * 3000],
    PgType.TEXT_ARRAY: ["ARRAY(SELECT unnest({0}) ORDER BY 1 DESC) || '{{z}}'", "ARRAY[{0}[2], {0}[1]]", "array_append({0}, NULL)",
                        "ARRAY[{0}]", "('[2:3]=' || {0}::text)::text[]", "ARRAY(SELECT upper(unnest({0})))", "'{{}}'", "{0}[1:1]"],
    PgType.UUID_ARRAY: ["ARRAY[{0}[2], {0}[1]]", "'{{}}'", "array_append({0}, NULL)", "('[0:1]=' || {0}::text)::uuid[]", "ARRAY[{0}]"],
    PgType.VECTOR: [lambda sent: as_vector(sent, one_bit), lambda sent: as_vector(sent, lambda all: [-0.0 if one == 0 else -one for one in all])],
    PgType.FLOAT8: [lambda value: math.nextafter(value, 9), lambda value: -value if value == 0 else value + 1,
                    lambda _: math.nan, lambda _: math.inf, lambda _: 5e-324],
    PgType.INT4: [lambda value: value + 1, lambda value: -value - 1],
    PgType.INT2: [lambda value: value + 1],
}  # fmt: skip
"""By type, other values than those that are there: of the value, or of the column in SQL."""

EQUAL: dict[PgType, list[Change]] = {
    PgType.JSONB: ["replace({0}::text, '0.5', '0.500')::jsonb", "replace({0}::text, ': 1', ': 1.00')::jsonb", "{0}::text::jsonb"],
    PgType.TEXT_ARRAY: ["{0} || '{{}}'"],
    PgType.TIMESTAMPTZ: ["{0} + interval '0.4 microseconds'"],
}  # fmt: skip
"""Values that are written in another way, and the same."""


class Hand:
    """Changes values of one table at a destination, behind everybody's back."""

    def __init__(self, connection: Connection, table: Table) -> None:
        self.connection = connection
        self.table = table
        connection.execute("SET session_replication_role = replica")  # no reference is checked
        shown = [sql.SQL("{}::text").format(sql.Identifier(name)) for name in table.key]
        query = sql.SQL("SELECT {} FROM {} ORDER BY 1").format(sql.SQL(", ").join(shown), sql.Identifier(table.name))
        self.keys: list[tuple[str, ...]] = connection.execute(query).fetchall()

    def change(self, key: tuple[str, ...], column: Column, change: Change) -> bool:
        """Change one value; False where there is none, or the same already."""
        before = self.value(key, column)
        if before is None:
            return False
        if isinstance(change, str):
            new = sql.SQL(change).format(sql.Identifier(column.name))
        elif repr(value := change(before)) == repr(before):
            return False
        else:
            new = sql.SQL("{}::{}").format(value, sql.SQL(column.type.sql))
        query = sql.SQL("UPDATE {} SET {} = {}").format(
            sql.Identifier(self.table.name), sql.Identifier(column.name), new
        )
        assert self.connection.execute(self.where(query, key)).rowcount == 1
        return True

    def value(self, key: tuple[str, ...], column: Column) -> Any:
        """A number as it is, everything else as text."""
        plain = column.type in (PgType.FLOAT8, PgType.INT4, PgType.INT2)
        shown = sql.SQL("{}" if plain else "{}::text").format(sql.Identifier(column.name))
        query = sql.SQL("SELECT {} FROM {}").format(shown, sql.Identifier(self.table.name))
        row = self.connection.execute(self.where(query, key)).fetchone()
        return row[0] if row else None

    def where(self, query: sql.Composed, key: tuple[str, ...]) -> sql.Composed:
        same = [sql.SQL("{}::text = {}").format(sql.Identifier(name), part)
                for name, part in zip(self.table.key, key, strict=True)]  # fmt: skip
        return sql.SQL("{} WHERE {}").format(query, sql.SQL(" AND ").join(same))


def changes_of(column: Column) -> list[Change]:
    """What may happen to the values of a column."""
    if column.allowed:
        return [lambda word: column.allowed[column.allowed.index(word) - 1]]
    return [*CHANGES[column.type], *(["NULL"] if column.nullable else [])]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_way_to_change_a_value(table: Table, copied_there: Copied) -> None:
    """In every column each change is named, with its row and field; what is only written in another way is not."""
    wanted: set[tuple[str, tuple[str, ...], str | None]] = set()
    with copied_there.database.connect() as connection:
        hand = Hand(connection, table)
        for column in table.columns:
            if column.name in table.key:
                continue
            free = [*hand.keys]
            for change in [*changes_of(column), *EQUAL.get(column.type, [])]:
                done = next((key for key in free if hand.change(key, column, change)), None)
                assert done is not None, (column.name, change)
                free.remove(done)
                if change not in EQUAL.get(column.type, []):
                    wanted.add((table.name, done, column.name))
    comparison = verify(copied_there.source, copied_there.database)
    assert named(comparison) == wanted
    counts = comparison.tables[table.name]
    assert counts.different == len({key for _, key, _ in wanted})
    assert (counts.missing, counts.extra, counts.left_out) == (0, 0, 0)
    assert all(one.kind is DifferenceKind.DIFFERENT and not one.was_there for one in comparison.differences)


def test_rows_that_go_and_come(copied_there: Copied) -> None:
    """Rows that are missing are named, rows that only the destination has are counted; a changed key is both."""
    wanted: set[tuple[str, tuple[str, ...], str | None]] = set()
    with copied_there.database.connect() as connection:
        for table in TABLES:
            hand = Hand(connection, table)
            gone = [hand.keys[0], hand.keys[5], hand.keys[-1]]
            name = sql.Identifier(table.name)
            for key in gone[:2]:
                connection.execute(hand.where(sql.SQL("DELETE FROM {}").format(name), key))
            rekeyed = sql.SQL("UPDATE {} SET {} = {}").format(name, sql.Identifier(table.key[0]), NOBODY)
            connection.execute(hand.where(rekeyed, gone[2]))
            wanted |= {(table.name, key, None) for key in gone}
    comparison = verify(copied_there.source, copied_there.database)
    assert named(comparison) == wanted
    for table in TABLES:
        counts = comparison.tables[table.name]
        assert (counts.different, counts.missing, counts.extra) == (0, 3, 1), table.name


def test_many_differences_and_many_extra_rows(copied_there: Copied, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first differences are listed, in the order of tables and keys; small blocks make no difference."""
    copied_there.database.execute(
        "SET session_replication_role = replica",
        "UPDATE knowledge_nodes SET content = content || ' ', node_type = 'x', updated_at = '2000-01-01'",
        "INSERT INTO edges SELECT gen_random_uuid(), gen_random_uuid() FROM generate_series(1, 50)",
    )
    monkeypatch.setattr(compare_module, "_BLOCK", 7)
    monkeypatch.setattr(stored_module, "_FIRST_ROWS", 3)
    monkeypatch.setattr(compare_module, "MOST_DIFFERENCES", 100)
    found: list[Difference] = []
    shown: list[tuple[str, TableComparison]] = []
    comparison = verify(copied_there.source, copied_there.database, found=found.extend,
                        progress=lambda table, counts: shown.append((table, counts)))  # fmt: skip
    assert comparison.differences == tuple(found[:100])
    assert (len(found), comparison.differences_omitted) == (120, 20)
    assert [(one.key, one.field) for one in found] == sorted(
        [(one.key, one.field) for one in found],
        key=lambda one: (one[0], BY_NAME["knowledge_nodes"].position(one[1] or "")),
    )
    assert (comparison.tables["edges"].extra, comparison.tables["edges"].equal) == (50, 20)
    assert [counts.source for table, counts in shown if table == "knowledge_nodes"][-1] == 40
    assert dict(shown) == comparison.tables


def test_an_empty_destination_and_one_without_tables(copied_there: Copied, database: Database) -> None:
    """Every row is missing; without a judgement it is only counted."""
    copied_there.database.execute("DROP TABLE review_events", "TRUNCATE users, groups, domains CASCADE")
    for destination in (copied_there.database, database):
        comparison = verify(copied_there.source, destination)
        assert {(one.kind, one.field) for one in comparison.differences} == {(DifferenceKind.MISSING, None)}
        missing = sum(counts.missing for counts in comparison.tables.values())
        assert (
            missing == len(comparison.differences) == sum(counts.source for counts in comparison.tables.values()) > 160
        )
    counted = verify(copied_there.source, database, judge_missing=False, tables=["edges"])
    assert (counted.tables["edges"].missing, counted.differences, counted.complete) == (20, (), False)


def test_what_was_there_before(copied_there: Copied) -> None:
    """A row that is older than the copy is told from one that the copy has brought."""
    database = copied_there.database
    old, new, *_ = [key for (key,) in database.rows("SELECT id::text FROM knowledge_nodes ORDER BY id")]
    since = database.value("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
    edit(copied_there.source, "UPDATE knowledge_nodes SET codebase = 'other' WHERE id = ?", (old,))
    database.rows("UPDATE knowledge_nodes SET codebase = 'other' WHERE id = %s RETURNING id", (new,))
    comparison = verify(copied_there.source, database, since=since)
    assert {one.key: one.was_there for one in comparison.differences} == {(old,): True, (new,): False}


FOREIGN = (
    'ALTER TABLE domains ALTER COLUMN id TYPE varchar, ALTER COLUMN label TYPE varchar COLLATE "POSIX"',
    "CREATE DOMAIN words AS text[]",
    "CREATE DOMAIN moment AS timestamptz",
    "CREATE DOMAIN document AS jsonb",
    "ALTER TABLE scheduling ALTER COLUMN reps TYPE bigint, ALTER COLUMN last_review TYPE moment",
    "ALTER TABLE review_events ALTER COLUMN rating TYPE bigint, ALTER COLUMN metadata TYPE document",
    'ALTER TABLE knowledge_nodes ALTER COLUMN domains TYPE words, ALTER COLUMN codebase TYPE varchar COLLATE "C"',
    "ALTER TABLE edges DROP CONSTRAINT edges_pkey, ADD PRIMARY KEY (source_id, edge_type, target_id)",
    "ALTER TABLE group_memberships DROP CONSTRAINT group_memberships_pkey, ADD PRIMARY KEY (group_id, joined_at, user_id)",
)
"""Tables as another owner may have made them."""


def test_tables_of_another_owner(copied_there: Copied) -> None:
    """Other types and keys that hold the same, for a role that may only read."""
    database = copied_there.database
    database.execute(*FOREIGN, "UPDATE edges SET weight = 2 WHERE edge_type = (SELECT min(edge_type) FROM edges)")
    changed = database.rows("SELECT source_id::text, edge_type FROM edges WHERE weight = 2")
    with role(database, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}") as reader:
        comparison = verify(copied_there.source, reader)
    assert {(one.table, one.field) for one in comparison.differences} == {("edges", "weight")}
    assert len(comparison.differences) == len(changed) > 0


def test_tables_that_cannot_be_compared(copied_there: Copied) -> None:
    """What is missing, of another kind or closed is named before anything is read."""
    database = copied_there.database
    grant = "GRANT SELECT ON users, embedding_model TO {role}"
    with role(database, grant) as reader, pytest.raises(RefusedError, match="may not read groups, "):
        verify(copied_there.source, reader)
    database.execute("ALTER TABLE edges DROP COLUMN weight", "ALTER TABLE domains ALTER COLUMN memory_count TYPE text")
    with pytest.raises(RefusedError) as refused:
        verify(copied_there.source, database)
    assert "edges.weight is missing (double precision)" in str(refused.value)
    assert "domains.memory_count is text" in str(refused.value)


def test_keys_that_changed_their_spelling(copied_there: Copied) -> None:
    """Ids are compared as ids, and a row is named as its source spells it."""
    source = copied_there.source
    ids = [key for (key,) in query(source, "SELECT id FROM knowledge_nodes ORDER BY id")]
    spelled = [ids[0].upper(), f"{{{ids[1]}}}", f"urn:uuid:{ids[2]}", ids[3].replace("-", "").upper()]
    for old, new in zip(ids, spelled, strict=False):
        edit(source, "UPDATE knowledge_nodes SET id = ? WHERE id = ?", (new, old))
    copied_there.database.execute(
        "SET session_replication_role = replica", f"UPDATE knowledge_nodes SET content = 'x' WHERE id = '{ids[1]}'"
    )
    comparison = verify(source, copied_there.database)
    assert [(one.row, one.key, one.field) for one in comparison.differences] == [(spelled[1], (ids[1],), "content")]


def test_cancelled(copied_there: Copied) -> None:
    """A wish to stop ends it at the next block, and a statement of the server at once; the session works on."""

    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        verify(copied_there.source, copied_there.database, stop=stop)

    cancel = threading.Event()
    with (
        inspected(copied_there.database, cancel) as (session, _),
        pytest.raises(Cancelled) as stopped,
        open_snapshot(session) as one,
    ):
        threading.Timer(0.2, cancel.set).start()
        with one.watchdog.step(cancellable=True):
            one.connection.execute("SELECT pg_sleep(60)")
    assert not stopped.value.unknown, "the server was asked to stop; the connection was not cut"


def test_one_snapshot(copied_there: Copied) -> None:
    """What others change meanwhile is not seen, on another connection that joins either; and nothing can be written."""
    database = copied_there.database
    with inspected(database) as (session, _), inspected(database) as (second, _), open_snapshot(session) as first:
        database.execute("DELETE FROM domains")
        with open_snapshot(second, first.name) as joined:
            for snapshot in (first, joined):
                assert snapshot.connection.execute("SELECT count(*) FROM public.domains").fetchone() == (12,)
                with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), snapshot.connection.transaction():
                    snapshot.connection.execute("CREATE TABLE public.traces ()")
    assert database.value("SELECT count(*) FROM domains") == 0


def test_the_user_that_a_copy_makes(small_source: Path, database: Database) -> None:
    """The source has no default owner: the one at the destination is named, and is no extra row."""
    edit(small_source, "DELETE FROM users WHERE id = ?", (str(BOOTSTRAP_USER),))
    copy(small_source, database)
    comparison = verify(small_source, database)
    assert comparison.expected == (Expected.BOOTSTRAP_USER,)
    assert (comparison.different, comparison.tables["users"].extra) == (False, 0)
    database.execute(f"UPDATE users SET display_name = 'Ada' WHERE id = '{BOOTSTRAP_USER}'")
    comparison = verify(small_source, database)
    assert (comparison.expected, comparison.tables["users"].extra) == ((), 1)


def test_metadata_that_only_some_rows_have(small_source: Path, database: Database) -> None:
    """The source has no such column: what goes into it is compared all the same, with what another row has there."""
    edit(small_source, "ALTER TABLE knowledge_nodes DROP COLUMN metadata")
    edit(small_source, "ALTER TABLE knowledge_nodes ADD COLUMN mood")
    first, *_, last = sorted(memory_ids(small_source))
    edit(small_source, "UPDATE knowledge_nodes SET mood = 'glad' WHERE id = ?", (first,))
    copy(small_source, database)
    database.execute(
        "SET session_replication_role = replica;"
        f"UPDATE knowledge_nodes SET metadata = '{{\"mood\": \"glad\"}}' WHERE id = '{last}'"
    )
    assert named(verify(small_source, database)) == {("knowledge_nodes", (last,), "metadata")}


WORDS = {word.encode() for table in TABLES for column in table.columns for word in column.allowed}

BROKEN: dict[PgType, Callable[[bytes], bytes] | str] = {
    PgType.UUID: lambda field: field[:-1] + bytes([field[-1] ^ 1]),
    PgType.TEXT: lambda field: field if field[4:] in WORDS else field[:4] + field[4:].swapcase(),
    PgType.TIMESTAMPTZ: lambda field: field[:4] + struct.pack(">q", struct.unpack(">q", field[4:])[0] + 1),
    PgType.JSONB: '{"broken": 1}',
    PgType.TEXT_ARRAY: '["broken"]',
    PgType.UUID_ARRAY: f'["{NOBODY}"]',
    PgType.VECTOR: lambda field: field[:-1] + bytes([field[-1] ^ 1]),
    PgType.FLOAT8: lambda field: field[:-1] + bytes([field[-1] ^ 1]),
    PgType.INT4: lambda field: field[:4] + struct.pack(">i", struct.unpack(">i", field[4:])[0] + 1),
    PgType.INT2: lambda field: field[:4] + struct.pack(">h", struct.unpack(">h", field[4:])[0] + 1),
}
"""By type a fault of its converter: another field, or a document that it converts instead."""


def broken(original: Callable[[Any, Any], bytes], cls: type, fault: Callable[[bytes], bytes] | str) -> Any:
    """``one`` of a converter, with a fault; NULL and the ``one`` of a base class are as they were."""

    def one(self: Any, value: Any) -> bytes:
        if type(self) is not cls or value is None:
            return original(self, value)
        return original(self, fault) if isinstance(fault, str) else fault(original(self, value))

    return one


@pytest.mark.parametrize("kind", PgType, ids=lambda kind: kind.name.lower())
def test_a_broken_converter(
    kind: PgType, filled: Copied, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a converter does wrong during a copy is found in every column of its type."""
    source = Path(shutil.copy(filled.source, tmp_path))
    columns = [(table, column) for table in TABLES for column in table.columns if column.type is kind]
    with monkeypatch.context() as patch:
        for cls in {type(column.converter) for _, column in columns}:
            patch.setattr(cls, "one", broken(cls.one, cls, BROKEN[kind]))
            patch.setattr(cls, "many", lambda self, values: None)
        copy(source, database, verify=False)
    comparison = verify(source, database)
    lost = {table.name for table, column in columns if column.name in table.key}  # their rows are not found at all
    made = (str(BOOTSTRAP_USER),)  # with another id, the copy makes this user itself
    found = {(one.table, one.field) for one in comparison.differences if one.key != made}
    assert found == {(name, None) for name in lost} | {
        (table.name, column.name) for table, column in columns if table.name not in lost and not column.allowed
    }


def test_the_user_of_a_source_that_cannot_arrive(small_source: Path, database: Database) -> None:
    """Another user has its handle, so the copy makes the default owner itself: that is not the source's row, changed."""
    (handle,) = query(small_source, "SELECT handle FROM users WHERE id <> ? LIMIT 1", (str(BOOTSTRAP_USER),))[0]
    edit(small_source, "DELETE FROM users WHERE id = ?", (str(BOOTSTRAP_USER),))
    rebuild_without_constraints(small_source, "users")
    edit(
        small_source,
        "INSERT INTO users (id, handle, created_at) VALUES (?, ?, '2026-01-01 00:00:00')",
        (str(BOOTSTRAP_USER), handle),
    )
    copy(small_source, database)
    counts = verify(small_source, database)
    assert (counts.different, counts.tables["users"].left_out, counts.tables["users"].extra) == (False, 1, 0)


def rebuild_without_constraints(source: Path, table: str) -> None:
    """The same rows in a table that allows everything."""
    for statement in (
        f"CREATE TABLE loose AS SELECT * FROM {table}",
        f"DROP TABLE {table}",
        f"ALTER TABLE loose RENAME TO {table}",
    ):
        edit(source, statement)
