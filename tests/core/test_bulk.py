"""Many values at once: the very fields that the converters give value by value, or an honest "one by one"."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import Sources, edit, memory_ids
from vestige_tui.core.rows import copy_format
from vestige_tui.core.rows.bulk import Bulk, listed_uuids
from vestige_tui.core.rows.convert import BrokenText, SqliteValue, ValueProblem, uuid
from vestige_tui.core.rows.documents import json_document
from vestige_tui.core.rows.problems import Kind
from vestige_tui.core.rows.records import Packed, Record
from vestige_tui.core.rows.tables import BY_NAME, Column, PgType
from vestige_tui.core.source import reader
from vestige_tui.core.source.describe import describe_open
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.source.reader import TableReader

DIMENSION = 3
COLUMNS = [column for table in BY_NAME.values() for column in table.columns]
KINDS = [*{(column.type, column.convert, column.sized, column.nullable): column for column in COLUMNS}.values()]
"""One column of each kind: the others of a kind are treated in the very same way."""

texts = st.text(max_size=12)
long_texts = st.builds(str.__mul__, st.sampled_from(["a", "é", "\U0001f600", "a\0", '"']), st.sampled_from(
    [650, 651, 866, 1_300, 1_301, 2_599, 2_600, 2_601, 9_000]
))  # fmt: skip
"""About as long as an index holds."""
numbers = st.one_of(
    st.floats(allow_nan=False),
    st.integers(-10, 10),
    st.sampled_from([2**53, -(2**53), 2**53 + 1, -(2**53) - 1, 2**62, 2**63 - 1, 1e300, "1e999", "1e-999", "7", "0e-999",
                     "9007199254740993", "9007199254740992"]),
)  # fmt: skip
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
                     "[" + "1" * 310 + "]", '{"a": 12345678901234567890123}', '{"a": 1, "a": 1}', '{"a:": 1, "a": ":"}',
                     '{"a": 1, "\\u0061": "\\u003a"}', '{"a": 1, "a": "\\u003A"}', '{"a": "\\u003a"}',
                     '[{"a": {"b": 1, "b": 2}}]', '{"a":' * 300 + "1" + "}" * 300,
                     '{"a": 1e-400, "a": 1}', "{" + '"a":' * 2 + "1}"]),
    long_texts.map(lambda text: json.dumps([text])),
    st.lists(long_texts, max_size=2).map(lambda texts: json.dumps(texts, ensure_ascii=False)),
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
    PgType.TEXT: texts | long_texts,
    PgType.TIMESTAMPTZ: timestamps,
    PgType.JSONB: documents,
    PgType.TEXT_ARRAY: documents,
    PgType.UUID_ARRAY: documents | st.lists(st.uuids().map(str), max_size=2).map(json.dumps),
    PgType.VECTOR: blobs,
    PgType.FLOAT8: numbers,
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
    return None if not column.nullable and copy_format.NULL in fields else fields


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


@pytest.mark.parametrize(
    "document",
    ['{"a": 1, "a": 1}', '{"a": 1, "a": "\\u003a"}', '{"a": 1, "a": "\\u003A"}', '{"a\\u003a": 1, "a:": 2}',
     '{"b": [{"a": 1, "\\u0061": 2}]}', '{"": 0, "": 0}'],
)  # fmt: skip
def test_a_key_that_comes_twice_is_seen_in_bulk(document: str) -> None:
    """Also where the text has as many colons as without one of the two."""
    for name in ("metadata", "domain_scores"):
        column = next(column for column in COLUMNS if column.name == name)
        assert Bulk(column, None, missing=False).fields(['{"a": 1}', document]) is None


def test_a_column_that_the_file_does_not_have_is_filled() -> None:
    tags = next(column for column in COLUMNS if column.name == "tags")
    bulk = Bulk(tags, None, missing=True)
    assert bulk.fields([None, None]) == [tags.empty, tags.empty]
    assert bulk.sound([None])


COMMA_AND_HYPHENS = "aaaaaaaa-aaaa-aaaa-aaaa-,-------aaaa"
"""One comma stands for eight digits, and so many hyphens for none."""

odd_uuids = st.sampled_from(["7" + "-" * 35, "g" * 36, "", ",", "7" * 36, "7,7", COMMA_AND_HYPHENS])
uuid_lists = st.lists(st.uuids().map(str) | odd_uuids | st.text(max_size=40), min_size=1, max_size=4)


@given(uuid_lists, st.lists(st.integers(0, 150), max_size=3))
def test_a_list_of_uuids_is_taken_as_its_values_are(values: list[str], commas: list[int]) -> None:
    """Also where a value has commas of its own, or is cut and the next one longer for it."""
    listed = list(",".join(values))
    for place in commas:
        if place < len(listed) and len(values) > 1:
            listed[place], listed[36 % len(listed)] = listed[36 % len(listed)], listed[place]
    moved = "".join(listed)
    usual = [len(value) == 36 and _converted(value) is not None for value in moved.split(",")]
    try:
        found = listed_uuids(moved, len(values))
    except ValueError:
        found = None
    if all(usual) and len(usual) == len(values):
        assert found == b"".join(_converted(value) or b"" for value in moved.split(","))
    else:
        assert found is None


def _converted(value: str) -> bytes | None:
    try:
        return uuid(value)
    except ValueProblem:
        return None


def test_values_that_only_together_look_like_uuids() -> None:
    first, second = str(UUID(int=1)), str(UUID(int=2))
    for values in (
        ["aaaaaaaa-aaaa-aaaa-aaaa-,-------aaaa"],
        [f"{first},{second}", ""],
        [first[:-1], f"{first[-1]},{second}"],
        [first + second[:1], second[1:]],
    ):
        assert Bulk(COLUMNS[0], None, missing=False).fields(values) is None


# Batches


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
        made, packed = ([batch.records for batch in reading.batches(7, packed=how)] for how in (False, True))
    assert [[as_sent(record) for record in records] for records in packed] == [
        [as_sent(record) for record in records] for records in made
    ]
    assert [len(records) for records in packed] == [len(records) for records in made]
    for records, expected in zip(packed, made, strict=True):
        assert isinstance(records, Packed)
        assert records.packed == copy_format.rows([record.fields for record in expected], len(BY_NAME[table].columns))
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


@pytest.mark.parametrize(
    ("documents", "may_repeat"),
    [
        (['{"a": 1, "b": 2}', '"x"', '[{"a": 1}]', '{"a:": ":"}'], False),
        (['{"a": {"b": 1, "c": {}}}'], False),
        (['{"a": 1, "a": 2}'], True),
        (['{"a": 1, "a": 2}', '{":": 1}'], True),
        (['{"a": 1, "a": 2, "\\u003a": 3}'], True),
        (['{"a": {"b": 1, "b": 2}}'], True),
    ],
)
def test_whether_a_key_may_come_twice(documents: list[str], may_repeat: bool) -> None:
    column = Column("metadata", PgType.JSONB, json_document)
    assert (Bulk(column, None, missing=False).fields(documents) is None) is may_repeat
