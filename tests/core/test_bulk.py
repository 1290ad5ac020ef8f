"""Many values at once: the very fields that the converters give value by value, or an honest "one by one"."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.runs import copy, counts, only_error
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids
from vestige_tui.core import wire
from vestige_tui.core.bulk import Bulk
from vestige_tui.core.convert import BrokenText, SqliteValue, ValueProblem
from vestige_tui.core.destination.writer import TableWriter
from vestige_tui.core.kinds import Kind
from vestige_tui.core.report import Outcome
from vestige_tui.core.source import reader
from vestige_tui.core.source.describe import describe_open
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.source.reader import TableReader
from vestige_tui.core.source.records import Packed, Record
from vestige_tui.core.tables import BY_NAME, Column, PgType

DIMENSION = 3
COLUMNS = [column for table in BY_NAME.values() for column in table.columns]
KINDS = [*{(column.type, column.convert, column.sized, column.nullable): column for column in COLUMNS}.values()]
"""One column of each kind: the others of a kind are treated in the very same way."""

texts = st.text(max_size=12)
timestamps = st.one_of(
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.datetimes().map(lambda moment: moment.isoformat(" ")),
    st.datetimes(timezones=st.timezones()).map(datetime.isoformat),
    st.sampled_from(["2024-02-30T00:00:00Z", "2024-02-29 24:00:00", "2025-02-29 00:00:00", "0000-01-01T00:00:00Z", "",
                     "2026-02-13T10:11:12.123456789+00:00", "2026-02-13T10:11:12.1234567890Z", "now", "2026-02-13",
                     "2026-02-13T10:11:12+00:00", "2026-02-13T10:11:12-00:00", "2026-02-13T10:11:12+05:30",
                     "2026-02-13T10:11:12+01:75", "2026-02-13T24:00:00Z", "2026-02-13T10:60:00Z", "20260213T101112Z",
                     "2026-02-13 10:11:12\n2026-02-13 10:11:12", "2026-W07-5T10:11:12Z", "٢026-02-13 10:11:12"]),
)  # fmt: skip
documents = st.one_of(
    st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | texts,
                 lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)).map(json.dumps),
    st.lists(texts, max_size=3).map(json.dumps),
    st.dictionaries(texts, st.floats(allow_nan=False) | st.integers(), max_size=3).map(json.dumps),
    st.sampled_from(["{}", "[]", '["a"', '"b"]', '["a","b"],["c"', ' {"a": 1} ', "1e99999", "NaN", '"\\u0000"', "",
                     '"\\ud800"', "[1" + "0" * 400 + "]", "[" * 501 + "]" * 501, '["\x00"]', "1,2", '{"a": true}',
                     "0e99999", "1e-20000", "1e400", "-1E+400", "\ufeff1", "01", "1.", '["\\ud83d\\ude00"]',
                     '{"a": "\\u0000", "a": 1}', '{"a": 1, "a": "\\ud800"}', "[0." + "0" * 20_000 + "1]",
                     "[" + "1" * 310 + "]", '{"a": 12345678901234567890123}']),
)  # fmt: skip
blobs = st.one_of(
    st.lists(st.floats(width=32), min_size=DIMENSION, max_size=DIMENSION).map(
        lambda floats: struct.pack(f"<{DIMENSION}f", *floats)
    ),
    st.binary(max_size=16),
)
odd: st.SearchStrategy[SqliteValue] = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    blobs,
    st.binary(max_size=4).map(BrokenText),
)
usual: dict[PgType, st.SearchStrategy[Any]] = {
    PgType.UUID: st.uuids().map(str) | st.uuids().map(lambda value: str(value).upper()) | st.just("7" + "-" * 35),
    PgType.TEXT: texts,
    PgType.TIMESTAMPTZ: timestamps,
    PgType.JSONB: documents,
    PgType.TEXT_ARRAY: documents,
    PgType.UUID_ARRAY: documents | st.lists(st.uuids().map(str), max_size=2).map(json.dumps),
    PgType.VECTOR: blobs,
    PgType.FLOAT8: st.floats(allow_nan=False) | st.integers(-10, 10),
    PgType.INT4: st.integers(-(2**33), 2**33),
    PgType.INT2: st.integers(-(2**17), 2**17),
}


def one_by_one(column: Column, values: Sequence[SqliteValue]) -> list[bytes] | None:
    """What the converter makes of each value; None where one of them is a problem."""
    how = column.converter(DIMENSION)
    try:
        fields = [how(value) for value in values]
    except ValueProblem:
        return None
    return None if not column.nullable and wire.NULL in fields else fields


@given(st.data())
@pytest.mark.parametrize("column", KINDS, ids=lambda column: f"{column.name}-{column.type.name}")
def test_the_same_as_one_by_one(column: Column, data: st.DataObject) -> None:
    likely = usual[column.type]
    values = data.draw(st.lists(likely, max_size=6) | st.lists(likely | odd, max_size=6))
    wanted = one_by_one(column, values)
    bulk = Bulk(column, DIMENSION, missing=False)
    found = bulk.fields(values)
    assert (None if found is None else [*found]) == wanted
    assert bulk.sound(values) == (wanted is not None)


@pytest.mark.parametrize(
    "documents", [('["a","b"],["c"', '"d"]'), ("[]],[[]", "[]"), ('["a', '"]'), ("[],[]", ""), ("[1", "2]", "[],[]")]
)
def test_documents_that_are_only_valid_together(documents: tuple[str, ...]) -> None:
    """They are read as one, and must not complete each other."""
    for name in ("tags", "metadata"):
        column = next(column for column in COLUMNS if column.name == name)
        assert not Bulk(column, None, missing=False).sound(documents)


def test_a_column_that_the_file_does_not_have_is_filled() -> None:
    tags = next(column for column in COLUMNS if column.name == "tags")
    bulk = Bulk(tags, None, missing=True)
    assert bulk.fields([None, None]) == [tags.empty, tags.empty]
    assert bulk.sound([None])


# Running again


def send_nothing(*_: object) -> None:
    """In place of ``TableWriter.write``."""
    raise AssertionError("nothing needs to be sent")


def test_rows_that_are_there_are_not_sent(
    small_source: Path, copied_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TableWriter, "write", send_nothing)
    report = copy(small_source, copied_database)
    assert counts(report, "read") == counts(report, "source") == counts(report, "already_present")
    assert report.outcome is Outcome.CLEAN


@pytest.mark.parametrize("batch_size", [1, 7, 500])
def test_only_what_is_missing_is_brought(small_source: Path, copied_database: Database, batch_size: int) -> None:
    gone = memory_ids(small_source)[::3]
    copied_database.execute(f"DELETE FROM knowledge_nodes WHERE id = ANY ('{{{','.join(gone)}}}')")
    left = {table: copied_database.value(f"SELECT count(*) FROM {table}") for table in ("scheduling", "edges")}
    report = copy(small_source, copied_database, batch_size=batch_size)
    assert report.tables["knowledge_nodes"].inserted == len(gone)
    assert report.tables["knowledge_nodes"].already_present == 30 - len(gone)
    for table, count in left.items():
        assert report.tables[table].already_present == count
    assert copied_database.value("SELECT count(*) FROM knowledge_nodes") == 30


@pytest.mark.parametrize(
    ("table", "change", "kind"),
    [
        ("knowledge_nodes", "metadata = '{'", Kind.MALFORMED_JSON),
        ("knowledge_nodes", "tags = '{}'", Kind.MISSHAPEN_JSON),
        ("knowledge_nodes", "content = CAST(x'61ff62' AS TEXT)", Kind.UNSTORABLE_TEXT),
        ("knowledge_nodes", "content = 'a' || char(0) || 'b'", Kind.UNSTORABLE_TEXT),
        ("knowledge_nodes", "updated_at = '2026-02-30T00:00:00Z'", Kind.BAD_TIMESTAMP),
        ("knowledge_nodes", "embedding = x'0000803f0000803f'", Kind.WRONG_DIMENSION),
        ("scheduling", "stability = 'high'", Kind.BAD_NUMBER),
        ("edges", "edge_type = NULL", Kind.MISSING_VALUE),
        ("review_events", "rating = 70000", Kind.BAD_NUMBER),
    ],
)
def test_what_has_become_wrong_in_a_row_that_is_there_is_told(
    sources: Sources, database: Database, table: str, change: str, kind: Kind
) -> None:
    """The row is not sent for that, and stays what it was; the report names it, in a dry run too."""
    source = sources.seed(replace(SMALL_SPEC, memories=12))
    assert copy(source, database).outcome is Outcome.CLEAN
    edit(source, f"CREATE TABLE loose AS SELECT * FROM {table}")
    edit(source, f"DROP TABLE {table}")
    edit(source, f"ALTER TABLE loose RENAME TO {table}")
    edit(source, f"UPDATE {table} SET {change} WHERE rowid = 3")
    for dry_run in (True, False):
        report = copy(source, database, dry_run=dry_run)
        error = only_error(report)
        assert (error.table, error.kind) == (table, kind)
        assert counts(report, "already_present") == counts(report, "source")


def test_ids_of_the_source_in_another_spelling_are_found(
    small_source: Path, copied_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(small_source, "UPDATE knowledge_nodes SET id = upper(id)")
    edit(small_source, "UPDATE scheduling SET memory_id = upper(memory_id)")
    monkeypatch.setattr(TableWriter, "write", send_nothing)
    report = copy(small_source, copied_database)
    assert report.tables["knowledge_nodes"].already_present == 30
    assert report.tables["scheduling"].already_present == report.tables["scheduling"].source
    assert UUID(memory_ids(small_source)[0])


def test_large_memories_make_small_batches(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the number of rows that a batch may have."""
    monkeypatch.setattr(reader, "BATCH_BYTES", 10_000)
    source = sources.seed()
    edit(source, "UPDATE knowledge_nodes SET content = hex(zeroblob(2000)), embedding = NULL WHERE rowid > 10")
    with open_source(source) as connection:
        found = describe_open(connection, source)
        table = TableReader(connection, found.sources["knowledge_nodes"], 8, None)
        for batches in ([*table.batches(500)], [*table.unsent_batches(500, ["id"])]):
            assert sum(batch.read for batch in batches) == 30
            assert max(batch.size for batch in batches) < 10_000 + 6_000
            assert len(batches) > 5


def as_sent(record: Record) -> tuple[object, ...]:
    """A record by its values, whatever holds its fields."""
    return (record.key, tuple(record.fields), record.problems)


@pytest.mark.parametrize("table", ["knowledge_nodes", "scheduling", "edges", "review_events", "domains"])
def test_packed_records_are_those_that_would_have_been_made(small_source: Path, table: str) -> None:
    with open_source(small_source) as connection:
        found = describe_open(connection, small_source)
        reading = TableReader(connection, found.sources[table], found.model.dimension if found.model else None, None)
        made, packed = ([batch.records for batch in reading.batches(7, packed=how)] for how in (False, True))
    assert [[as_sent(record) for record in records] for records in packed] == [
        [as_sent(record) for record in records] for records in made
    ]
    assert [len(records) for records in packed] == [len(records) for records in made]
    for records, expected in zip(packed, made, strict=True):
        assert isinstance(records, Packed)
        assert records.packed == wire.rows([record.fields for record in expected], len(BY_NAME[table].columns))
        assert as_sent(records[-1]) == as_sent(expected[-1])


def test_rows_that_a_fresh_server_refuses_are_made_one_by_one(sources: Sources, database: Database) -> None:
    """They were packed: nothing in the source itself is wrong with them."""
    source = sources.seed()
    ids = memory_ids(source)
    edit(source, "UPDATE knowledge_nodes SET visibility = 'nobody' WHERE id IN (?, ?)", (ids[3], ids[17]))
    report = copy(source, database, batch_size=10)
    assert [(error.row, error.kind) for error in report.errors if error.table == "knowledge_nodes"] == [
        (ids[3], Kind.VALUE_NOT_ALLOWED), (ids[17], Kind.VALUE_NOT_ALLOWED),
    ]  # fmt: skip
    assert {str(row[0]) for row in database.rows("SELECT id FROM knowledge_nodes")} == {*ids} - {ids[3], ids[17]}
