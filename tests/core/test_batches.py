"""Batches of records as they are read: their size, and records that are packed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import Sources, edit, memory_ids
from vestige_tui.core.rows import copy_format
from vestige_tui.core.rows.problems import Kind
from vestige_tui.core.rows.records import Form, InColumns, Packed, Record, fields_of, keys_of
from vestige_tui.core.rows.tables import BY_NAME
from vestige_tui.core.run.writers import useful_writers
from vestige_tui.core.source import reader
from vestige_tui.core.source.describe import describe_open
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.source.reader import TableReader


def test_large_memories_make_small_batches(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the number of rows that a batch may have."""
    monkeypatch.setattr(reader, "BATCH_BYTES", 10_000)
    source = sources.seed()
    edit(source, "UPDATE knowledge_nodes SET content = hex(zeroblob(2000)), embedding = NULL WHERE rowid > 10")
    with open_source(source) as connection:
        found = describe_open(connection, source)
        table = TableReader(connection, found.sources["knowledge_nodes"], 8, None)
        batches = [*table.batches(500)]
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
        made, packed, in_columns = ([batch.records for batch in reading.batches(7, form=form)] for form in Form)
    assert [[as_sent(record) for record in records] for records in packed] == [
        [as_sent(record) for record in records] for records in made
    ]
    assert [len(records) for records in packed] == [len(records) for records in made]
    for records, expected in zip(packed, made, strict=True):
        assert isinstance(records, Packed)
        assert records.packed == copy_format.rows([record.fields for record in expected], len(BY_NAME[table].columns))
        assert as_sent(records[-1]) == as_sent(expected[-1])
    for records, expected in zip(in_columns, made, strict=True):
        assert isinstance(records, InColumns)
        width = len(BY_NAME[table].columns)
        assert [fields_of(records, place) for place in range(width)] == [
            fields_of(expected, place) for place in range(width)
        ]
        assert keys_of(records, (0, 1)) == [record.fields[0] + record.fields[1] for record in expected]


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


@pytest.mark.parametrize(
    ("rows", "batch_size", "writers"),
    [((), 500, 1), ((30, 30, 20, 15), 500, 1), ((0,) * 4 + (500,) * 8, 500, 2), ((501,) * 4, 500, 2), ((160,), 1, 21)],
)
def test_a_writer_more_for_every_group_of_batches(rows: tuple[int, ...], batch_size: int, writers: int) -> None:
    assert useful_writers(rows, batch_size) == writers
