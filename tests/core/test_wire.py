"""The binary ``COPY`` format: every field against ``struct``, pgvector and PostgreSQL's own reading of it."""

from __future__ import annotations

import json
import math
import struct
from array import array
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pgvector import Vector

from tests.support.fields import NULL, Fields, payload
from tests.support.servers import Database
from vestige_tui.core.rows import copy_format

FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def sent(field: bytes) -> bytes:
    value = payload(field)
    assert value is not None
    return value


def test_null() -> None:
    assert copy_format.NULL == NULL == struct.pack(">i", -1)


@given(TEXT)
def test_text(fields: Fields, value: str) -> None:
    assert fields.read(copy_format.text(value.encode()), "text") == value


@given(st.uuids())
def test_uuid(fields: Fields, value: UUID) -> None:
    field = copy_format.uuid(value.bytes)
    assert sent(field) == value.bytes
    assert fields.read(field, "uuid") == str(value)


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_timestamptz(fields: Fields, micros: int) -> None:
    """From the year 1 to 9999, in microseconds of Unix time."""
    field = copy_format.timestamptz(micros)
    assert fields.read(field, "timestamptz", "(extract(epoch FROM $1) * 1000000)::bigint::text") == str(micros)
    moment = EPOCH + timedelta(microseconds=micros)
    shown = fields.read(field, "timestamptz", "to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')")
    assert shown == f"{moment.year:04d}-{moment:%m-%d %H:%M:%S}.{moment.microsecond:06d}"


@given(st.floats())
def test_float8(fields: Fields, value: float) -> None:
    field = copy_format.float8(value)
    assert sent(field) == struct.pack(">d", value)
    read = fields.read(field, "float8")
    assert read is not None
    assert math.isnan(value) if read == "NaN" else float(read) == value


@given(st.integers(-(2**31), 2**31 - 1))
def test_int4(fields: Fields, value: int) -> None:
    assert sent(copy_format.int4(value)) == struct.pack(">i", value)
    assert fields.read(copy_format.int4(value), "int4") == str(value)


@given(st.integers(-(2**15), 2**15 - 1))
def test_int2(fields: Fields, value: int) -> None:
    assert sent(copy_format.int2(value)) == struct.pack(">h", value)
    assert fields.read(copy_format.int2(value), "int2") == str(value)


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1])
def test_int4_out_of_range(value: int) -> None:
    with pytest.raises(struct.error):
        copy_format.int4(value)


@pytest.mark.parametrize("value", [2**15, -(2**15) - 1])
def test_int2_out_of_range(value: int) -> None:
    with pytest.raises(struct.error):
        copy_format.int2(value)


@given(st.lists(TEXT, max_size=20))
def test_text_array(fields: Fields, values: list[str]) -> None:
    field = copy_format.array_of(copy_format.TEXT_OID, [copy_format.text(value.encode()) for value in values])
    read = fields.read(field, "text[]", "to_json($1)::text")
    assert read is not None
    assert json.loads(read) == values
    assert fields.read(field, "text[]", "coalesce(array_ndims($1), 0)::text") == ("1" if values else "0")


@given(st.lists(st.uuids(), max_size=10))
def test_uuid_array(fields: Fields, values: list[UUID]) -> None:
    field = copy_format.array_of(copy_format.UUID_OID, [copy_format.uuid(value.bytes) for value in values])
    read = fields.read(field, "uuid[]", "to_json($1)::text")
    assert read is not None
    assert json.loads(read) == [str(value) for value in values]


@given(st.lists(FLOAT32, min_size=1, max_size=40))
def test_vector(fields: Fields, values: list[float]) -> None:
    """Equal to what pgvector's own client sends, and to what its server sends back."""
    blob = struct.pack(f"<{len(values)}f", *values)
    field = copy_format.vector(copy_format.floats(blob))
    assert sent(field) == Vector(values).to_binary()
    assert fields.read(field, "vector", "encode(vector_send($1), 'hex')") == sent(field).hex()
    assert sent(field) == struct.pack(f">HH{len(values)}f", len(values), 0, *values)


def test_vector_of_most_dimensions(fields: Fields) -> None:
    values = array("f", range(16_000))
    field = copy_format.vector(values)
    assert fields.read(field, "vector", "vector_dims($1)::text") == "16000"
    assert sent(field)[:4] == b"\x3e\x80\0\0"
    assert list(values[:3]) == [0, 1, 2]  # the caller's numbers are left as they were


@given(st.binary(max_size=400).filter(lambda blob: len(blob) % 4 == 0))
def test_floats_are_little_endian(blob: bytes) -> None:
    values = copy_format.floats(blob)
    assert struct.pack(f"<{len(values)}f", *values) == blob or any(math.isnan(value) for value in values)
    assert len(values) == len(blob) // 4


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | TEXT,
        lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
        max_leaves=20,
    )
)
def test_jsonb(fields: Fields, value: Any) -> None:
    document = json.dumps(value)
    if "\\u0000" not in document:
        read = fields.read(copy_format.jsonb(document.encode()), "jsonb")
        assert read is not None
        assert json.loads(read) == value


ROWS = st.lists(
    st.tuples(
        st.none() | TEXT,
        st.none() | st.uuids(),
        st.none() | st.datetimes(timezones=st.just(UTC)),
        st.none() | st.floats(allow_nan=False),
        st.none() | st.integers(-(2**31), 2**31 - 1),
        st.none() | st.lists(TEXT, max_size=4),
        st.none() | st.lists(FLOAT32, min_size=3, max_size=3),
    ),
    max_size=12,
)


def test_rows_through_a_real_copy(database: Database) -> None:
    """Random rows of every type, NULLs among them, sent as one stream and read back."""
    with database.connect() as connection:
        connection.execute("CREATE TABLE t (n int, a text, b uuid, c timestamptz, d float8, e int, f text[], g vector)")

        @given(ROWS)
        def check(rows: list[tuple[Any, ...]]) -> None:
            records = []
            for number, (a, b, c, d, e, f, g) in enumerate(rows):
                values = [
                    copy_format.int4(number),
                    NULL if a is None else copy_format.text(a.encode()),
                    NULL if b is None else copy_format.uuid(b.bytes),
                    NULL if c is None else copy_format.timestamptz((c - EPOCH) // timedelta(microseconds=1)),
                    NULL if d is None else copy_format.float8(d),
                    NULL if e is None else copy_format.int4(e),
                    NULL
                    if f is None
                    else copy_format.array_of(copy_format.TEXT_OID, [copy_format.text(item.encode()) for item in f]),
                    NULL if g is None else copy_format.vector(array("f", g)),
                ]
                records.append(values)
            connection.execute("TRUNCATE t")
            with connection.cursor() as cursor, cursor.copy("COPY t FROM STDIN (FORMAT binary)") as copy:
                copy.write(copy_format.stream(copy_format.rows(records, 8)))
            found = connection.execute("SELECT a, b, c, d, e, f, vector_send(g) FROM t ORDER BY n").fetchall()
            assert found == [
                (*row[:6], None if row[6] is None else struct.pack(">HH3f", 3, 0, *row[6])) for row in rows
            ]

        check()
