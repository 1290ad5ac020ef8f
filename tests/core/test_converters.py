"""Converters: SQLite values to fields, each judged by PostgreSQL's own reading of the result, and by plain Python."""

from __future__ import annotations

import json
import math
import struct
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pgvector
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.support.converting import SPELLINGS, converted, parsed, problem
from tests.support.fields import NULL, Fields, payload
from vestige_tui.core.rows.converter import Converter
from vestige_tui.core.rows.converters import (
    Content,
    Float8,
    IndexedText,
    Int2,
    Int4,
    KeyText,
    Text,
    Timestamp,
    Uuid,
    Vector,
)
from vestige_tui.core.rows.documents import IndexedTextList, JsonDocument, NumberMap, TextList
from vestige_tui.core.rows.problems import Kind
from vestige_tui.core.rows.values import BrokenText, SqliteValue, ValueProblem, decode_text

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)


# Text


@given(TEXT)
def test_text_arrives_as_it_is(fields: Fields, value: str) -> None:
    assert fields.read(converted(Text(), value), "text") == value


@given(st.tuples(ANY_TEXT, ANY_TEXT).map("\0".join))
def test_nul_becomes_the_replacement_character(fields: Fields, value: str) -> None:
    found = problem(Text(), value)
    assert found.kind is Kind.UNSTORABLE_TEXT
    assert found.instead is not None
    assert fields.read(found.instead, "text") == value.replace("\0", "\ufffd")


@given(st.binary())
@example(b"caf\xe9 \0 \xff")
@example(b"\xed\xa0\x80")  # half of a surrogate pair in UTF-8
def test_bytes_are_decoded_where_they_can_be(fields: Fields, raw: bytes) -> None:
    """As SQLite hands them over: UTF-8 is text, anything else keeps what can be read of it."""
    value = decode_text(raw)
    shown = raw.decode(errors="replace").replace("\0", "\ufffd")
    if isinstance(value, str) and "\0" not in value:
        assert fields.read(converted(Text(), value), "text") == raw.decode() == shown
        return
    found = problem(Text(), value)
    assert found.kind is Kind.UNSTORABLE_TEXT
    assert found.instead is not None
    assert fields.read(found.instead, "text") == shown
    assert ("not UTF-8" in found.message) == isinstance(value, BrokenText)
    assert ("NUL" in found.message) == (b"\0" in raw)


def test_null_and_numbers_as_text(fields: Fields) -> None:
    assert converted(Text(), None) == NULL
    assert converted(Text(), "") == b"\0\0\0\0"
    assert fields.read(converted(Text(), 12), "text") == "12"
    assert fields.read(converted(Text(), -0.5), "text") == "-0.5"


@pytest.mark.parametrize("value", [None, "", b"", BrokenText(b"")])
def test_no_content(value: SqliteValue) -> None:
    found = problem(Content(), value)
    assert (found.kind, found.instead) == (Kind.EMPTY_CONTENT, None)


@pytest.mark.parametrize("value", [" ", "\n", "0", "\u200b"])
def test_hardly_any_content_is_content(fields: Fields, value: str) -> None:
    assert fields.read(converted(Content(), value), "text") == value


# UUIDs


@given(st.uuids(), st.sampled_from(SPELLINGS))
def test_uuid_in_every_spelling(fields: Fields, value: UUID, spelling: Any) -> None:
    assert fields.read(converted(Uuid(), spelling(value)), "uuid") == str(value)


@given(st.uuids(), st.sampled_from(SPELLINGS), st.integers(0, 45), st.sampled_from("09afAFgG-{} _\n٣") | st.just(""))
def test_uuid_or_a_problem(fields: Fields, uuid: UUID, spelling: Any, place: int, letter: str) -> None:
    """One letter is another one, or gone: what is taken is what Python's ``uuid`` makes of it."""
    written = spelling(uuid)
    value = written[:place] + letter + written[place + 1 :]
    try:
        field = converted(Uuid(), value)
    except ValueProblem as found:
        assert (found.kind, found.instead) == (Kind.BAD_UUID, None)
        return
    assert fields.read(field, "uuid") == str(UUID(value.lower()))


@pytest.mark.parametrize(
    "value",
    [
        "", " ", "note-7", "6f9619ff-8b86-d011-b42d-00c04fc964f", "6f9619ff-8b86-d011-b42d-00c04fc964fff",
        "{6f9619ff-8b86-d011-b42d-00c04fc964ff", "6f9619ff-8b86-d011-b42d-00c04fc964ff}",
        "6f9619ff8b86-d011-b42d-00c04fc964ff", "6f9619ff-8b86-d011-b42d-00c04fc964ff\n",
        " 6f9619ff-8b86-d011-b42d-00c04fc964ff", "６f9619ff-8b86-d011-b42d-00c04fc964ff",
        "6f9619ff_8b86_d011_b42d_00c04fc964ff", "g" * 32, "0x" + "0" * 30, "-" * 36, None, 7, 1.5, b"\x01" * 16,
        BrokenText(b"\xff"),
    ],
)  # fmt: skip
def test_no_uuid(value: SqliteValue) -> None:
    found = problem(Uuid(), value)
    assert (found.kind, found.instead) == (Kind.BAD_UUID, None)


def test_message_about_a_uuid_is_short() -> None:
    assert len(problem(Uuid(), "x" * 10_000).message) < 80


# Timestamps

NAIVE = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)).map(
    lambda value: value.replace(microsecond=0)
)
FRACTION = st.text("0123456789", min_size=1, max_size=9)
OFFSET = st.tuples(st.sampled_from("+-"), st.integers(0, 23), st.integers(0, 59))


def micros(moment: datetime, fraction: str, offset_minutes: int = 0) -> int:
    """Microseconds of Unix time: digits after the sixth are cut."""
    return (moment - EPOCH) // MICROSECOND + int(fraction[:6].ljust(6, "0")) - offset_minutes * 60_000_000


def read_micros(fields: Fields, field: bytes) -> int:
    read = fields.read(field, "timestamptz", "(extract(epoch FROM $1) * 1000000)::numeric(30)::text")
    assert read is not None
    return int(read)


def shown(moment: datetime, separator: str) -> str:
    return f"{moment.year:04d}-{moment:%m-%d}{separator}{moment:%H:%M:%S}"


@given(NAIVE, st.just("") | FRACTION, OFFSET)
@example(datetime(1969, 12, 31, 23, 59, 59), "999999999", ("+", 0, 0))
@example(datetime(1, 1, 1), "", ("+", 23, 59))
@example(datetime(9999, 12, 31, 23, 59, 59), "999999999", ("-", 23, 59))
@example(datetime(2000, 2, 29), "0000009", ("-", 5, 30))
def test_rfc_3339_with_an_offset(fields: Fields, moment: datetime, fraction: str, offset: tuple[str, int, int]) -> None:
    sign, hours, minutes = offset
    text = f"{shown(moment, 'T')}{'.' if fraction else ''}{fraction}{sign}{hours:02d}:{minutes:02d}"
    east = (hours * 60 + minutes) * (-1 if sign == "-" else 1)
    assert read_micros(fields, converted(Timestamp(), text)) == micros(moment, fraction, east)


@given(NAIVE, st.just("") | FRACTION)
def test_rfc_3339_in_utc(fields: Fields, moment: datetime, fraction: str) -> None:
    text = f"{shown(moment, 'T')}{'.' if fraction else ''}{fraction}Z"
    assert read_micros(fields, converted(Timestamp(), text)) == micros(moment, fraction)


@given(NAIVE, st.just("") | FRACTION)
def test_sqlites_own_form_is_utc(fields: Fields, moment: datetime, fraction: str) -> None:
    text = f"{shown(moment, ' ')}{'.' if fraction else ''}{fraction}"
    assert read_micros(fields, converted(Timestamp(), text)) == micros(moment, fraction)


def test_nanoseconds_are_cut_where_postgresql_would_round(fields: Fields) -> None:
    field = converted(Timestamp(), "2026-02-13T10:11:12.123456789+00:00")
    assert fields.read(field, "timestamptz") == "2026-02-13 10:11:12.123456+00"
    assert fields.read(converted(Timestamp(), "2025-12-31T23:59:59.999999999Z"), "timestamptz") == (
        "2025-12-31 23:59:59.999999+00"
    )
    moment = datetime(2026, 2, 13, 10, 11, 12, 123_456, tzinfo=timezone(timedelta(hours=-8, minutes=-30)))
    assert read_micros(fields, converted(Timestamp(), "2026-02-13T10:11:12.1234567-08:30")) == (
        (moment - EPOCH.replace(tzinfo=UTC)) // MICROSECOND
    )


@pytest.mark.parametrize("value", [None, ""])
def test_no_timestamp_is_null(value: SqliteValue) -> None:
    assert converted(Timestamp(), value) == NULL


@pytest.mark.parametrize(
    "value",
    [
        "now", "today", "infinity", "-infinity", "epoch", "allballs", "01/02/2024", "2024-01-02", "20240102T101112Z",
        "2024-01-02T10:11:12", "2024-01-02 10:11:12Z", "2024-01-02 10:11:12+00:00", "2024-01-02T10:11Z",
        "2024-01-02T10:11:12.Z", "2024-01-02T10:11:12.1234567890Z", "2024-01-02T10:11:12+0000", "2024-01-02T10:11:12+00",
        "2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z",
        "2024-01-02T24:00:00Z", "2024-01-02T10:60:00Z", "2024-01-02T10:11:60Z", "2024-01-02T10:11:12+24:00",
        "2024-01-02T10:11:12+00:60", "0000-01-01T00:00:00Z", "12024-01-01T00:00:00Z", "-2024-01-01T00:00:00Z",
        " 2024-01-02T10:11:12Z", "2024-01-02T10:11:12Z\n", "2024-01-02T10:11:12Z BC", "２024-01-02T10:11:12Z",
        "2024-01-02T10:11:12,5Z", "1704190272", 1_704_190_272, 1.5, b"2024-01-02T10:11:12Z", BrokenText(b"\xff"),
    ],
)  # fmt: skip
def test_what_is_no_timestamp_is_not_guessed(value: SqliteValue) -> None:
    found = problem(Timestamp(), value)
    assert (found.kind, found.instead) == (Kind.BAD_TIMESTAMP, None)


# Numbers


@given(st.floats(allow_nan=False) | st.integers(-(2**63), 2**63 - 1))
def test_float8_of_numbers(fields: Fields, value: float) -> None:
    if float(value) == value:
        field = converted(Float8(), value)
    else:
        found = problem(Float8(), value)
        assert (found.kind, "rounded" in found.message) == (Kind.BAD_NUMBER, True)
        assert found.instead is not None
        field = found.instead
    assert payload(field) == struct.pack(">d", value)
    read = fields.read(field, "float8")
    assert read is not None
    assert float(read) == float(value)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["", " ", "\n"]))
def test_float8_of_text(fields: Fields, value: float, space: str) -> None:
    text = f"{space}{value!r}{space}"
    assume(len(text.partition("e")[2].strip("+- \n")) <= 3)
    assert payload(converted(Float8(), text)) == struct.pack(">d", value)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (2**53 + 1, 2.0**53), (-(2**53) - 1, -(2.0**53)), (2**63 - 1, 2.0**63), ("9007199254740993", 2.0**53),
        (" -9007199254740993\n", -(2.0**53)), ("9" * 25, 1e25), ("0" * 5_000 + "9007199254740993", 2.0**53),
    ],
    ids=lambda value: f"{value!s:.30}",
)  # fmt: skip
def test_whole_numbers_that_are_rounded(fields: Fields, value: SqliteValue, wanted: float) -> None:
    found = problem(Float8(), value)
    assert found.kind is Kind.BAD_NUMBER
    assert found.instead is not None
    assert float(fields.read(found.instead, "float8") or "") == wanted


@pytest.mark.parametrize(
    "value", ["1e999", "-1e999", "1e-999", "-.0001e-400", "9" * 400, "0." + "0" * 400 + "1", "1e309"]
)
def test_numbers_that_float8_does_not_reach(value: str) -> None:
    found = problem(Float8(), value)
    assert (found.kind, found.instead) == (Kind.BAD_NUMBER, None)
    assert "out of range" in found.message


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("0e-999", 0.0), ("-0.000e99", -0.0), ("5e-324", 5e-324), ("1e308", 1e308), ("9007199254740993.0", 2.0**53),
        (2**53, 2.0**53), (2**62, 2.0**62), ("9007199254740994", 2.0**53 + 2), ("1" + "0" * 22, 1e22), ("0.1", 0.1),
        ("0" * 5_000 + "7", 7.0),
    ],
    ids=lambda value: f"{value!s:.30}",
)  # fmt: skip
def test_numbers_that_float8_holds(value: SqliteValue, wanted: float) -> None:
    assert payload(converted(Float8(), value)) == struct.pack(">d", wanted)


@pytest.mark.parametrize("value", ["", "high", "nan", "inf", "1,5", "0x10", "1_000", "1e", "--1", "٣", b"1", "1 2"])
def test_no_float8(value: SqliteValue) -> None:
    found = problem(Float8(), value)
    assert (found.kind, found.instead) == (Kind.BAD_NUMBER, None)


@pytest.mark.parametrize(("converter", "kind", "bits"), [(Int4(), "int4", 32), (Int2(), "int2", 16)])
def test_integers(fields: Fields, converter: Converter, kind: str, bits: int) -> None:
    least, most = -(1 << bits - 1), (1 << bits - 1) - 1
    for number in (least, least + 1, -1, 0, 1, most - 1, most):
        for value in (number, float(number), str(number), f" {number}\n"):
            assert fields.read(converted(converter, value), kind) == str(number)
    assert fields.read(converted(converter, "+7"), kind) == "7"
    assert converted(converter, None) == NULL
    for bad in (least - 1, most + 1, 2**63 - 1, str(most + 1), 1e300, "9" * 30, "", "x", "1.5", 1.5, b"1", "1e3",
                  math.inf, "٣"):  # fmt: skip
        assert problem(converter, bad).kind is Kind.BAD_NUMBER
    assert "out of range" in problem(converter, most + 1).message


# Vectors

FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(FLOAT32, min_size=1, max_size=40))
@example([3.4028234663852886e38] * 40)
@example([-0.0, 1e-45, -1e-45, 1.1754943508222875e-38])
def test_vectors_bit_for_bit(fields: Fields, values: list[float]) -> None:
    blob = struct.pack(f"<{len(values)}f", *values)
    field = converted(Vector(), blob)
    assert payload(field) == pgvector.Vector(values).to_binary()
    assert converted(Vector(dimension=len(values)), blob) == field
    read = fields.read(field, "vector", "encode(vector_send($1), 'hex')")
    assert read == struct.pack(f">HH{len(values)}f", len(values), 0, *values).hex()
    found = problem(Vector(dimension=len(values) + 1), blob)
    assert (found.kind, found.instead) == (Kind.WRONG_DIMENSION, NULL)
    assert f"{len(values)} dimensions" in found.message


@given(st.binary(max_size=200))
def test_vector_or_a_problem(fields: Fields, blob: bytes) -> None:
    """Whatever is taken, pgvector takes, with the same bits; whatever it would refuse is refused here."""
    whole = len(blob) % 4 == 0 and blob
    numbers = struct.unpack(f"<{len(blob) // 4}f", blob) if whole else ()
    if not numbers or not all(map(math.isfinite, numbers)):
        found = problem(Vector(), blob)
        assert (found.kind, found.instead) == (Kind.BAD_VECTOR, NULL)
        return
    read = fields.read(converted(Vector(), blob), "vector", "encode(vector_send($1), 'hex')")
    assert read == struct.pack(f">HH{len(numbers)}f", len(numbers), 0, *numbers).hex()


@pytest.mark.parametrize(
    "numbers",
    [
        (math.nan,),
        (math.inf,),
        (-math.inf, 0.0),
        (math.inf, -math.inf),
        (1.0, 2.0, math.nan),
        (0.0,) * 500 + (math.inf,),
    ],
)
def test_vectors_with_what_is_no_number(numbers: tuple[float, ...]) -> None:
    found = problem(Vector(), struct.pack(f"<{len(numbers)}f", *numbers))
    assert (found.kind, found.instead) == (Kind.BAD_VECTOR, NULL)
    assert "NaN or Infinity" in found.message


@pytest.mark.parametrize("value", [b"", b"\0", b"\0" * 1023, "[1, 2, 3]", "", 7, 1.5, BrokenText(b"\xff\xff\xff\xff")])
def test_no_vector(value: SqliteValue) -> None:
    found = problem(Vector(), value)
    assert (found.kind, found.instead) == (Kind.BAD_VECTOR, NULL)


def test_vectors_of_many_dimensions(fields: Fields) -> None:
    assert fields.read(converted(Vector(), bytes(64_000)), "vector", "vector_dims($1)::text") == "16000"
    assert problem(Vector(), bytes(64_004)).kind is Kind.BAD_VECTOR
    assert converted(Vector(), None) == NULL
    assert converted(Vector(dimension=8), None) == NULL


# What is too long for an index


@pytest.mark.parametrize("converter", [IndexedText(), KeyText()])
@pytest.mark.parametrize("value", ["x" * 2_600, "é" * 1_300, "😀" * 650, "", None, 7])
def test_what_an_index_holds_is_not_cut(converter: Converter, value: SqliteValue) -> None:
    assert converted(converter, value) == converted(Text(), value)


@pytest.mark.parametrize(
    ("value", "start"),
    [("x" * 2_601, "x" * 2_600), ("x" + "é" * 1_300, "x" + "é" * 1_299), ("xyz" + "😀" * 650, "xyz" + "😀" * 649)],
)
def test_what_is_too_long_for_an_index_is_cut_between_characters(fields: Fields, value: str, start: str) -> None:
    found = problem(IndexedText(), value)
    assert (found.kind, found.whole, found.also) == (Kind.TOO_LONG_FOR_INDEX, value, [])
    assert found.instead is not None
    assert fields.read(found.instead, "text") == start
    found = problem(IndexedTextList(), json.dumps(["a", value, "b"]))
    assert (found.kind, found.whole) == (Kind.TOO_LONG_FOR_INDEX, ["a", value, "b"])
    assert found.instead is not None
    assert parsed(fields.read(found.instead, "text[]", "to_json($1)::text")) == ["a", start, "b"]
    found = problem(KeyText(), value)
    assert (found.kind, found.instead, found.whole) == (Kind.TOO_LONG_FOR_INDEX, None, None)


def test_too_long_and_unstorable_as_well(fields: Fields) -> None:
    found = problem(IndexedText(), "a\0" * 2_000)
    assert [found.kind, *(each.kind for each in found.also)] == [Kind.TOO_LONG_FOR_INDEX, Kind.UNSTORABLE_TEXT]
    assert found.whole == "a\ufffd" * 2_000
    assert found.instead is not None
    assert fields.read(found.instead, "text") == "a\ufffd" * 650
    assert problem(IndexedText(), "a\0").kind is Kind.UNSTORABLE_TEXT


# What no message says


@given(st.sampled_from([Timestamp(), Float8(), Int4(), Vector(), JsonDocument(),
                        NumberMap(), TextList(), Text(), Content()]))  # fmt: skip
def test_no_problem_quotes_the_value(converter: Converter) -> None:
    for value in ("canary", '{"canary": ', '["canary", 1]', '{"a": "canary"}', "canary\0", BrokenText(b"canary\xff"),
                  '["canary \\u0000"]', b"canary"):  # fmt: skip
        try:
            converted(converter, value)
        except ValueProblem as found:
            assert "canary" not in found.message
            assert "canary" not in str(found)
