"""The receipt: what it holds, that a changed byte is noticed, and what a check of it finds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from psycopg import sql

from tests.support.runs import copy
from tests.support.servers import Connection, Database, Server
from tests.support.sources import SMALL_SPEC, Sources, edit
from vestige_tui.core.destination.inspection import Destination, inspect
from vestige_tui.core.plan import VerificationPlan
from vestige_tui.core.report import MigrationReport
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import TABLES, Table
from vestige_tui.core.rows.vectors import Fate, VectorGroup
from vestige_tui.core.run.receipt_check import run_receipt_check
from vestige_tui.core.run.verification import run_verification
from vestige_tui.core.source.file_hash import Hashing, SourceHash
from vestige_tui.core.verify.digests import take
from vestige_tui.core.verify.receipt import Receipt, ReceiptError, read_receipt
from vestige_tui.core.verify.receipt_check import TableCheck, Verdict, check_receipt, selects
from vestige_tui.core.verify.receipt_making import receipt_of_copy
from vestige_tui.core.verify.report import VerificationReport
from vestige_tui.core.verify.result import VerificationOutcome

CANARY = "canary-7f3a"


@dataclass(frozen=True)
class Made:
    """A copied source and its receipt."""

    source: Path
    database: Database
    report: MigrationReport
    receipt: Receipt


def make(source: Path, database: Database) -> Made:
    """Copy a source, and make the receipt."""
    with Hashing(source) as hashing:
        report, files = copy(source, database), hashing.result()
    return Made(source, database, report, receipt_of(report, database, files))


def receipt_of(report: MigrationReport, database: Database, files: SourceHash | None) -> Receipt:
    with database.connect() as connection:
        destination = inspect(connection)
        return receipt_of_copy(report, destination.schema, take(connection, destination), files, files)


@pytest.fixture(scope="module")
def made(server: Server, source_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    source = Sources(source_cache, tmp_path_factory.mktemp("receipt")).seed(SMALL_SPEC)
    with server.database() as database:
        yield make(source, database)


@contextmanager
def changes(made: Made) -> Iterator[Connection]:
    """A transaction in which the destination may be changed; it is rolled back."""
    with made.database.connect() as connection, connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL session_replication_role = replica")  # neither triggers nor foreign keys
        yield connection


def check(made: Made, connection: Connection, destination: Destination | None = None) -> dict[str, TableCheck]:
    return dict(check_receipt(made.receipt, connection, destination or inspect(connection)).tables)


def values(connection: Connection, query: str) -> list[Any]:
    """The first column of a query's rows."""
    return [row[0] for row in connection.execute(query.encode())]


def test_what_it_says(made: Made) -> None:
    document = json.loads(made.receipt.to_json())
    size, digest = made.source.stat().st_size, hashlib.sha256(made.source.read_bytes()).hexdigest()
    assert document["source"]["before"] == {"database": {"size": size, "sha256": digest}, "wal": None}
    assert document["source"]["unchanged"] is True
    assert document["destination"]["server_version"] == made.report.destination.server_version
    for name, counted in made.report.tables.items():
        entry = document["tables"][name]
        assert (entry["source"], entry["inserted"], entry["left_out"]) == (counted.source, counted.inserted, 0)
        assert entry["at_destination"] == counted.inserted
        assert entry["at_destination"] == sum(int(text.split()[0]) for text in entry["parts"].values())


@pytest.mark.parametrize("name", ["receipt.json", "receipt.md"])
def test_any_changed_byte_is_noticed(name: str, made: Made) -> None:
    data = made.receipt.for_file(Path(name))
    assert read_receipt(data, name) == made.receipt
    changed = [data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :] for place in range(len(data))]
    changed += [data + b"\n", data + b" ", b" " + data, b"\xef\xbb\xbf" + data, data[:-1], data + data, b"", b"{}"]
    changed += [data.replace(b"\n", b"\r\n"), data.replace(b": ", b":  ", 1), data.replace(b"ended_at", b"ended_a", 1)]
    changed.append(data.replace(b' "outcome":', b' "outcome": "clean",\n "outcome":', 1))
    for other in changed:
        with pytest.raises(ReceiptError):
            read_receipt(other, name)


def test_nothing_has_changed(made: Made) -> None:
    with changes(made) as connection:
        found = check_receipt(made.receipt, connection, inspect(connection))
    assert found.intact
    assert {check.verdict for check in found.tables.values()} == {Verdict.UNCHANGED}
    assert [*found.tables] == [table.name for table in TABLES]


CHANGES = {
    PgType.UUID: "gen_random_uuid()",
    PgType.TEXT: "coalesce({}, '') || ' '",
    PgType.TEXT_ARRAY: "{} || ''::text",
    PgType.UUID_ARRAY: "{} || gen_random_uuid()",
    PgType.VECTOR: "coalesce({0} + {0}, '[1, 0]')",
    PgType.TIMESTAMPTZ: "coalesce({}, now()) + interval '1 microsecond'",
    PgType.JSONB: "{} || jsonb_build_object('', 1)",
    PgType.FLOAT8: "coalesce({}, 0) + 1e-9",
    PgType.INT4: "coalesce({}, 0) + 1",
    PgType.INT2: "coalesce({}, 0) + 1",
}


def part_of(key: UUID | str) -> str:
    return key.hex[-2:] if isinstance(key, UUID) else hashlib.sha256(key.encode()).hexdigest()[:2]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_any_changed_value_is_found(table: Table, made: Made) -> None:
    key = table.key[0]
    with made.database.connect() as reading:
        destination = inspect(reading)
    for column in table.columns:
        with changes(made) as connection:
            for name in values(
                connection,
                f"SELECT conname FROM pg_constraint WHERE conrelid = '{table.name}'::regclass AND contype = 'c'",
            ):
                connection.execute(
                    sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(
                        sql.Identifier(table.name), sql.Identifier(name)
                    )
                )
            chosen, row = connection.execute(f"SELECT {key}, ctid FROM {table.name} LIMIT 1".encode()).fetchone() or ()
            named = values(connection, f"SELECT {key} FROM {table.name} WHERE {selects(table, part_of(chosen))}")
            assert chosen in named
            assert {part_of(other) for other in named} == {part_of(chosen)}
            change = CHANGES[column.type].format(column.name)
            connection.execute(f"UPDATE {table.name} SET {column.name} = {change} WHERE ctid = '{row}'".encode())
            found = check(made, connection, destination)
        changed = found.pop(table.name)
        assert changed.verdict is Verdict.CHANGED, column.name
        assert [part.name for part in changed.parts] == [part_of(chosen)], column.name
        assert {check.verdict for check in found.values()} == {Verdict.UNCHANGED}, column.name


def memory(identity: str, date: str = "now()") -> str:
    return (
        "INSERT INTO knowledge_nodes (id, content, created_at, updated_at) "
        f"VALUES ('{identity}', 'new', {date}, {date}); "
        f"INSERT INTO scheduling (memory_id) VALUES ('{identity}'); "
        f"INSERT INTO edges (source_id, target_id, created_at) VALUES ('{identity}', '{identity}', {date})"
    )


@pytest.mark.parametrize(
    ("date", "before"),
    [
        pytest.param("now()", "", id="new"),
        pytest.param("'2001-01-01'", "", id="older_than_the_receipt"),
        pytest.param(
            "now()",
            "UPDATE edges SET weight = weight; UPDATE scheduling SET reps = reps; UPDATE knowledge_nodes SET content = content",
            id="written_anew",
        ),
    ],
)
def test_added_rows_hide_nothing(date: str, before: str, made: Made) -> None:
    with changes(made) as connection:
        known = values(connection, "SELECT id FROM knowledge_nodes ORDER BY id")
        first, second = (str(UUID(int=number << 64 | known[number].int & 0xFF)) for number in (1, 2))
        for statement in filter(None, (before, memory(first, date), memory(second, date))):
            connection.execute(statement.encode())
        found = check(made, connection)
        assert {name: (check.verdict, check.now - check.then, check.added) for name, check in found.items()} == {
            table.name: (Verdict.GROWN, 2, 2)
            if table.name in ("knowledge_nodes", "scheduling", "edges")
            else (Verdict.UNCHANGED, 0, 0)
            for table in TABLES
        }
        connection.execute("UPDATE knowledge_nodes SET content = content || '.' WHERE id = %s", (known[1],))
        connection.execute("DELETE FROM knowledge_nodes WHERE id = %s", (known[2],))  # as many rows as then
        changed = check(made, connection)["knowledge_nodes"]
    assert changed.verdict is Verdict.CHANGED
    rows = made.receipt.tables["knowledge_nodes"].parts
    expected = {
        part_of(key): (rows[part_of(key)].rows, rows[part_of(key)].rows + (key == known[1])) for key in known[1:3]
    }
    assert {part.name: (part.then, part.now) for part in changed.parts} == expected


def test_old_rows_of_which_some_have_later_dates_and_some_were_written_anew(made: Made) -> None:
    with changes(made) as connection:
        (median,) = values(connection, "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY created_at) FROM edges")
        connection.execute("UPDATE edges SET weight = weight WHERE created_at <= %s", (median,))
        connection.execute("INSERT INTO edges (source_id, target_id) SELECT source_id, source_id FROM edges LIMIT 1")
        receipt = replace(made.receipt, taken_at=median)
        found = check_receipt(receipt, connection, inspect(connection)).tables["edges"]
    assert (found.verdict, found.added) == (Verdict.GROWN, 1)


def test_what_is_not_there_any_more(made: Made) -> None:
    with changes(made) as connection:
        connection.execute("DROP TABLE domains")
        connection.execute("ALTER TABLE edges DROP COLUMN weight")
        connection.execute("TRUNCATE review_events")
        connection.execute("ALTER TABLE users ALTER COLUMN created_at TYPE text")
        connection.execute("ALTER TABLE groups ALTER COLUMN handle TYPE varchar(500)")
        found = check(made, connection)
        connection.execute("CREATE ROLE unprivileged")
        destination = inspect(connection)
        connection.execute("SET LOCAL ROLE unprivileged")
        unreadable = check_receipt(made.receipt, connection, destination)
    verdicts = {name: check.verdict for name, check in found.items()}
    assert verdicts == {table.name: Verdict.UNCHANGED for table in TABLES} | {
        "domains": Verdict.MISSING,
        "edges": Verdict.MISSING,
        "review_events": Verdict.CHANGED,
        "users": Verdict.CHANGED,
    }
    assert found["edges"].missing == ("weight",)
    assert {part.now for part in found["review_events"].parts} == {0}
    assert unreadable.tables["scheduling"].verdict is Verdict.UNREADABLE
    assert not unreadable.intact


def test_it_holds_no_content_no_id_and_no_secret(small_source: Path, database: Database) -> None:
    edit(small_source, "UPDATE knowledge_nodes SET content = ?, tags = ?", (CANARY, json.dumps([CANARY])))
    edit(small_source, "UPDATE domains SET id = id || ?", (CANARY,))
    edit(
        small_source,
        "INSERT INTO knowledge_nodes (id, content, created_at, updated_at) VALUES (?, 'x', '', '')",
        (CANARY,),
    )
    edit(small_source, "UPDATE review_events SET kind = ?, metadata = ?", (CANARY, f"[{CANARY}"))
    secret = replace(database, dsn=database.secret)
    made = make(small_source, secret)
    assert made.report.tables["knowledge_nodes"].failed == 1
    made.report.vectors += (VectorGroup("node_embeddings", None, None, None, 1, Fate.NO_MEMORY, (CANARY,)),)
    receipt = receipt_of(made.report, secret, None)
    for name in ("receipt.json", "receipt.md"):
        data = receipt.for_file(Path(name))
        assert CANARY.encode() not in data
        assert database.password.encode() not in data
        assert not [key for key in values_of(made, "SELECT id::text FROM knowledge_nodes") if key.encode() in data]
    document = json.loads(receipt.to_json())
    assert document["left_out"] == {"knowledge_nodes": {"bad_uuid": 1}}
    assert document["repaired"] == {"review_events": {"malformed_json": SMALL_SPEC.review_events}}


def values_of(made: Made, query: str) -> list[Any]:
    with made.database.connect() as connection:
        return values(connection, query)


def test_it_stays_small(sources: Sources, database: Database) -> None:
    spec = replace(SMALL_SPEC, memories=2_000, edges=2_500, review_events=2_000)
    made = make(sources.seed(spec), database)
    assert len(made.receipt.tables["edges"].parts) == 256
    for name in ("receipt.json", "receipt.md"):
        assert len(made.receipt.for_file(Path(name))) < 100_000


FORGED = (
    "CREATE FUNCTION public.sha256(bytea) RETURNS bytea IMMUTABLE LANGUAGE sql AS $$ SELECT '\\x00'::bytea $$",
    "CREATE FUNCTION public.convert_to(text, text) RETURNS bytea IMMUTABLE LANGUAGE sql AS $$ SELECT '\\x00'::bytea $$",
    "CREATE FUNCTION public.array_to_json(anyarray) RETURNS json IMMUTABLE LANGUAGE sql AS $$ SELECT '[]'::json $$",
    "CREATE FUNCTION public.never(xid, xid) RETURNS bool IMMUTABLE LANGUAGE sql AS $$ SELECT false $$",
    "CREATE FUNCTION public.never(int4, int4) RETURNS bool IMMUTABLE LANGUAGE sql AS $$ SELECT false $$",
    "CREATE OPERATOR public.> (LEFTARG = int4, RIGHTARG = int4, FUNCTION = public.never)",
    "CREATE OPERATOR public.<> (LEFTARG = int4, RIGHTARG = int4, FUNCTION = public.never)",
)
"""Functions and operators that lie, for whoever finds them first."""


def test_functions_that_lie(small_source: Path, copied_database: Database) -> None:
    """A search path leads to other functions: the receipt is the same, and a change is found all the same."""

    def verified() -> VerificationReport:
        return run_verification(VerificationPlan(small_source, copied_database.dsn, receipt=True))

    honest = verified()
    copied_database.execute(
        *FORGED,
        f'ALTER DATABASE "{copied_database.name}" SET search_path = public, pg_catalog',
    )
    forged = verified()
    assert honest.receipt is not None
    assert forged.receipt is not None
    assert (forged.outcome, forged.receipt.tables) == (VerificationOutcome.EQUAL, honest.receipt.tables)
    copied_database.execute("UPDATE knowledge_nodes SET tags = tags OPERATOR(pg_catalog.||) 'x'::text")
    assert verified().outcome is VerificationOutcome.DIFFERENT
    report = run_receipt_check(small_source, honest.receipt, copied_database.dsn)
    assert report.check is not None
    assert report.check.tables["knowledge_nodes"].verdict is Verdict.CHANGED
    assert report.check.tables["domains"].verdict is Verdict.UNCHANGED
