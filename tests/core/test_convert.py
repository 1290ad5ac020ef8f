"""Converters: SQLite values to fields, each judged by PostgreSQL's own reading of the result, and by plain Python."""

from __future__ import annotations

import base64
import json
import math
import struct
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pgvector import Vector

from tests.support.fields import NULL, Fields, payload
from vestige_tui.core.rows import convert, documents, metadata
from vestige_tui.core.rows.convert import BrokenText, Convert, SqliteValue, ValueProblem
from vestige_tui.core.rows.problems import EXPLANATIONS, Kind

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)


def problem(how: Convert, value: SqliteValue) -> ValueProblem:
    """The problem with which a converter refuses a value."""
    with pytest.raises(ValueProblem) as caught:
        how(value)
    assert caught.value.message
    assert caught.value.kind in EXPLANATIONS
    return caught.value


def parsed(text: str | None) -> Any:
    """JSON with every number exact."""
    assert text is not None
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


# Text


@given(TEXT)
def test_text_arrives_as_it_is(fields: Fields, value: str) -> None:
    assert fields.read(convert.text(value), "text") == value


@given(st.tuples(ANY_TEXT, ANY_TEXT).map("\0".join))
def test_nul_becomes_the_replacement_character(fields: Fields, value: str) -> None:
    found = problem(convert.text, value)
    assert found.kind is Kind.UNSTORABLE_TEXT
    assert found.instead is not None
    assert fields.read(found.instead, "text") == value.replace("\0", "\ufffd")


@given(st.binary())
@example(b"caf\xe9 \0 \xff")
@example(b"\xed\xa0\x80")  # half of a surrogate pair in UTF-8
def test_bytes_are_decoded_where_they_can_be(fields: Fields, raw: bytes) -> None:
    """As SQLite hands them over: UTF-8 is text, anything else keeps what can be read of it."""
    value = convert.decode_text(raw)
    shown = raw.decode(errors="replace").replace("\0", "\ufffd")
    if isinstance(value, str) and "\0" not in value:
        assert fields.read(convert.text(value), "text") == raw.decode() == shown
        return
    found = problem(convert.text, value)
    assert found.kind is Kind.UNSTORABLE_TEXT
    assert found.instead is not None
    assert fields.read(found.instead, "text") == shown
    assert ("not UTF-8" in found.message) == isinstance(value, BrokenText)
    assert ("NUL" in found.message) == (b"\0" in raw)


def test_null_and_numbers_as_text(fields: Fields) -> None:
    assert convert.text(None) == NULL
    assert convert.text("") == b"\0\0\0\0"
    assert fields.read(convert.text(12), "text") == "12"
    assert fields.read(convert.text(-0.5), "text") == "-0.5"


@pytest.mark.parametrize("value", [None, "", b"", BrokenText(b"")])
def test_no_content(value: SqliteValue) -> None:
    found = problem(convert.content, value)
    assert (found.kind, found.instead) == (Kind.EMPTY_CONTENT, None)


@pytest.mark.parametrize("value", [" ", "\n", "0", "\u200b"])
def test_hardly_any_content_is_content(fields: Fields, value: str) -> None:
    assert fields.read(convert.content(value), "text") == value


# UUIDs

SPELLINGS = (
    str,
    lambda value: str(value).upper(),
    lambda value: value.hex,
    lambda value: value.hex.upper(),
    lambda value: f"{{{value}}}",
    lambda value: f"{{{value.hex}}}",
    lambda value: value.urn,
    lambda value: value.urn.upper(),
)


@given(st.uuids(), st.sampled_from(SPELLINGS))
def test_uuid_in_every_spelling(fields: Fields, value: UUID, spelling: Any) -> None:
    assert fields.read(convert.uuid(spelling(value)), "uuid") == str(value)


@given(st.uuids(), st.sampled_from(SPELLINGS), st.integers(0, 45), st.sampled_from("09afAFgG-{} _\n٣") | st.just(""))
def test_uuid_or_a_problem(fields: Fields, uuid: UUID, spelling: Any, place: int, letter: str) -> None:
    """One letter is another one, or gone: what is taken is what Python's ``uuid`` makes of it."""
    written = spelling(uuid)
    value = written[:place] + letter + written[place + 1 :]
    try:
        field = convert.uuid(value)
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
    found = problem(convert.uuid, value)
    assert (found.kind, found.instead) == (Kind.BAD_UUID, None)


def test_message_about_a_uuid_is_short() -> None:
    assert len(problem(convert.uuid, "x" * 10_000).message) < 80


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
    assert read_micros(fields, convert.timestamp(text)) == micros(moment, fraction, east)


@given(NAIVE, st.just("") | FRACTION)
def test_rfc_3339_in_utc(fields: Fields, moment: datetime, fraction: str) -> None:
    text = f"{shown(moment, 'T')}{'.' if fraction else ''}{fraction}Z"
    assert read_micros(fields, convert.timestamp(text)) == micros(moment, fraction)


@given(NAIVE, st.just("") | FRACTION)
def test_sqlites_own_form_is_utc(fields: Fields, moment: datetime, fraction: str) -> None:
    text = f"{shown(moment, ' ')}{'.' if fraction else ''}{fraction}"
    assert read_micros(fields, convert.timestamp(text)) == micros(moment, fraction)


def test_nanoseconds_are_cut_where_postgresql_would_round(fields: Fields) -> None:
    field = convert.timestamp("2026-02-13T10:11:12.123456789+00:00")
    assert fields.read(field, "timestamptz") == "2026-02-13 10:11:12.123456+00"
    assert fields.read(convert.timestamp("2025-12-31T23:59:59.999999999Z"), "timestamptz") == (
        "2025-12-31 23:59:59.999999+00"
    )
    moment = datetime(2026, 2, 13, 10, 11, 12, 123_456, tzinfo=timezone(timedelta(hours=-8, minutes=-30)))
    assert read_micros(fields, convert.timestamp("2026-02-13T10:11:12.1234567-08:30")) == (
        (moment - EPOCH.replace(tzinfo=UTC)) // MICROSECOND
    )


@pytest.mark.parametrize("value", [None, ""])
def test_no_timestamp_is_null(value: SqliteValue) -> None:
    assert convert.timestamp(value) == NULL


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
    found = problem(convert.timestamp, value)
    assert (found.kind, found.instead) == (Kind.BAD_TIMESTAMP, None)


# Numbers


@given(st.floats(allow_nan=False) | st.integers(-(2**63), 2**63 - 1))
def test_float8_of_numbers(fields: Fields, value: float) -> None:
    if float(value) == value:
        field = convert.float8(value)
    else:
        found = problem(convert.float8, value)
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
    assert payload(convert.float8(text)) == struct.pack(">d", value)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (2**53 + 1, 2.0**53), (-(2**53) - 1, -(2.0**53)), (2**63 - 1, 2.0**63), ("9007199254740993", 2.0**53),
        (" -9007199254740993\n", -(2.0**53)), ("9" * 25, 1e25), ("0" * 5_000 + "9007199254740993", 2.0**53),
    ],
    ids=lambda value: f"{value!s:.30}",
)  # fmt: skip
def test_whole_numbers_that_are_rounded(fields: Fields, value: SqliteValue, wanted: float) -> None:
    found = problem(convert.float8, value)
    assert found.kind is Kind.BAD_NUMBER
    assert found.instead is not None
    assert float(fields.read(found.instead, "float8") or "") == wanted


@pytest.mark.parametrize(
    "value", ["1e999", "-1e999", "1e-999", "-.0001e-400", "9" * 400, "0." + "0" * 400 + "1", "1e309"]
)
def test_numbers_that_float8_does_not_reach(value: str) -> None:
    found = problem(convert.float8, value)
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
    assert payload(convert.float8(value)) == struct.pack(">d", wanted)


@pytest.mark.parametrize("value", ["", "high", "nan", "inf", "1,5", "0x10", "1_000", "1e", "--1", "٣", b"1", "1 2"])
def test_no_float8(value: SqliteValue) -> None:
    found = problem(convert.float8, value)
    assert (found.kind, found.instead) == (Kind.BAD_NUMBER, None)


@pytest.mark.parametrize(("how", "kind", "bits"), [(convert.int4, "int4", 32), (convert.int2, "int2", 16)])
def test_integers(fields: Fields, how: Convert, kind: str, bits: int) -> None:
    least, most = -(1 << bits - 1), (1 << bits - 1) - 1
    for number in (least, least + 1, -1, 0, 1, most - 1, most):
        for value in (number, float(number), str(number), f" {number}\n"):
            assert fields.read(how(value), kind) == str(number)
    assert fields.read(how("+7"), kind) == "7"
    assert how(None) == NULL
    for bad in (least - 1, most + 1, 2**63 - 1, str(most + 1), 1e300, "9" * 30, "", "x", "1.5", 1.5, b"1", "1e3",
                  math.inf, "٣"):  # fmt: skip
        assert problem(how, bad).kind is Kind.BAD_NUMBER
    assert "out of range" in problem(how, most + 1).message


# Vectors

FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(FLOAT32, min_size=1, max_size=40))
@example([3.4028234663852886e38] * 40)
@example([-0.0, 1e-45, -1e-45, 1.1754943508222875e-38])
def test_vectors_bit_for_bit(fields: Fields, values: list[float]) -> None:
    blob = struct.pack(f"<{len(values)}f", *values)
    field = convert.vector(blob)
    assert payload(field) == Vector(values).to_binary()
    assert convert.vector(blob, dimension=len(values)) == field
    read = fields.read(field, "vector", "encode(vector_send($1), 'hex')")
    assert read == struct.pack(f">HH{len(values)}f", len(values), 0, *values).hex()
    found = problem(lambda value: convert.vector(value, dimension=len(values) + 1), blob)
    assert (found.kind, found.instead) == (Kind.WRONG_DIMENSION, NULL)
    assert f"{len(values)} dimensions" in found.message


@given(st.binary(max_size=200))
def test_vector_or_a_problem(fields: Fields, blob: bytes) -> None:
    """Whatever is taken, pgvector takes, with the same bits; whatever it would refuse is refused here."""
    whole = len(blob) % 4 == 0 and blob
    numbers = struct.unpack(f"<{len(blob) // 4}f", blob) if whole else ()
    if not numbers or not all(map(math.isfinite, numbers)):
        found = problem(convert.vector, blob)
        assert (found.kind, found.instead) == (Kind.BAD_VECTOR, NULL)
        return
    read = fields.read(convert.vector(blob), "vector", "encode(vector_send($1), 'hex')")
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
    found = problem(convert.vector, struct.pack(f"<{len(numbers)}f", *numbers))
    assert (found.kind, found.instead) == (Kind.BAD_VECTOR, NULL)
    assert "NaN or Infinity" in found.message


@pytest.mark.parametrize("value", [b"", b"\0", b"\0" * 1023, "[1, 2, 3]", "", 7, 1.5, BrokenText(b"\xff\xff\xff\xff")])
def test_no_vector(value: SqliteValue) -> None:
    found = problem(convert.vector, value)
    assert (found.kind, found.instead) == (Kind.BAD_VECTOR, NULL)


def test_vectors_of_many_dimensions(fields: Fields) -> None:
    assert fields.read(convert.vector(bytes(64_000)), "vector", "vector_dims($1)::text") == "16000"
    assert problem(convert.vector, bytes(64_004)).kind is Kind.BAD_VECTOR
    assert convert.vector(None) == NULL
    assert convert.vector(None, dimension=8) == NULL


# JSON

JSON_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NUMBER = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**400), 10**400)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | JSON_TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(JSON_TEXT, inner, max_size=5),
    max_leaves=25,
)


@given(JSON, st.booleans(), st.sampled_from([None, 2]))
def test_json_arrives_whole(fields: Fields, value: Any, ascii_only: bool, indent: int | None) -> None:
    """Every digit of every number included."""
    document = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert parsed(fields.read(documents.json_document(document), "jsonb")) == parsed(document)
    assert documents.json_document(document.encode()) == documents.json_document(document)


FRAGMENTS = st.sampled_from(
    ["{", "}", "[", "]", ":", ",", '"', "\\", "\\u", "\\ud83d", "\\ude00", "\\u0000", "\\u00e9", "\\n", "\\x", "null",
     "true", "false", "NaN", "Infinity", "-", "+", "0", "1", "12", ".5", "1.5", "e", "E+3", "e400", "e-400", "e99999",
     " ", "\n", "\t", "\x1f", "\x00", "a", "é", "😀", "\ufeff", "'", "//", "{}", "[]", '"a"', '"a":']
)  # fmt: skip


@given(st.lists(FRAGMENTS, max_size=12).map("".join))
@example('"\\ud83d\\ude00"')
@example('"\\ude00\\ud83d"')
@example('"\\\\ud800"')
@example('{"\\u0000": 1}')
@example('{"a": 1, "a": 2}')
@example("01")
@example("1.")
@example("[1,]")
@example("1e400")
@example("-0")
@example("\ufeff{}")
def test_json_is_taken_where_postgresql_takes_it(fields: Fields, document: str) -> None:
    """A differential test: what the converter lets pass, JSONB stores; what it refuses, JSONB refuses."""
    try:
        field = documents.json_document(document)
    except ValueProblem as found:
        if found.kind is Kind.DUPLICATE_JSON_KEY:
            assert found.instead is not None
            assert parsed(fields.read(found.instead, "jsonb")) == parsed(document)
            return
        assert found.kind in (Kind.MALFORMED_JSON, Kind.UNSTORABLE_JSON)
        assert not fields.accepts(document, "jsonb") or "out of range" in found.message
        return
    assert fields.read(field, "jsonb") is not None
    assert fields.accepts(document, "jsonb")


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ("", Kind.MALFORMED_JSON),
        ("{", Kind.MALFORMED_JSON),
        ("{'a': 1}", Kind.MALFORMED_JSON),
        ("[object Object]", Kind.MALFORMED_JSON),
        ('"a\nb"', Kind.MALFORMED_JSON),
        ('"a\0b"', Kind.MALFORMED_JSON),
        ("{} {}", Kind.MALFORMED_JSON),
        (b"\xff{}", Kind.MALFORMED_JSON),
        (BrokenText(b'"\xff"'), Kind.UNSTORABLE_JSON),
        ("NaN", Kind.UNSTORABLE_JSON),
        ('{"a": [Infinity]}', Kind.UNSTORABLE_JSON),
        ("-Infinity", Kind.UNSTORABLE_JSON),
        ('"\\u0000"', Kind.UNSTORABLE_JSON),
        ('{"\\u0000": 1}', Kind.UNSTORABLE_JSON),
        ('{"a": {"b": "\\u0000", "b": 1}}', Kind.UNSTORABLE_JSON),
        ('["a", {"b": "\\ud800"}]', Kind.UNSTORABLE_JSON),
        ('"\\udc00\\ud800"', Kind.UNSTORABLE_JSON),
        ('"\\ud800x"', Kind.UNSTORABLE_JSON),
        ("1e200000", Kind.UNSTORABLE_JSON),
        ("1e-200000", Kind.UNSTORABLE_JSON),
        ("9" * 140_000, Kind.UNSTORABLE_JSON),
        ("[" * 100_000 + "]" * 100_000, Kind.UNSTORABLE_JSON),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, Kind.UNSTORABLE_JSON),
        ("[" * 100_000, Kind.UNSTORABLE_JSON),
    ],
)
def test_json_that_cannot_be_stored(document: SqliteValue, kind: Kind) -> None:
    found = problem(documents.json_document, document)
    assert (found.kind, found.instead) == (kind, None)
    assert len(found.message) < 100


@pytest.mark.parametrize(
    "document",
    [
        '"\\ud83d\\ude00"', '"\\\\u0000"', '"\\\\ud800"', "1e308", "1e309", "-1e400", "1e15000", "1e-15000",
        "9" * 5_000, "0." + "0" * 5_000 + "1", "1" + "0" * 299, "[" * 500 + "]" * 500, '"[[[["', "[" + "[]," * 5_000 + "[]]",
        '{"a": {"b": [1, 2.50, null, true, "x"]}}', " \n\t{}\r ", '"' + "é" * 100_000 + '"', "123.450",
    ],
)  # fmt: skip
def test_json_at_the_edge_arrives_exactly(fields: Fields, document: str) -> None:
    assert parsed(fields.read(documents.json_document(document), "jsonb")) == parsed(document)


@pytest.mark.parametrize("exponent", [*range(15_990, 16_010), 16_383, 16_384, 99_999, 131_071, 131_072])
def test_numbers_up_to_what_numeric_holds(fields: Fields, exponent: int) -> None:
    """Whatever the converter lets pass, on either side of the point, the server stores."""
    for document in (
        f"1e{exponent}",
        f"1E-{exponent}",
        "9" * exponent,
        f"0.{'0' * exponent}1",
        f"{'9' * 9}e{exponent}",
    ):
        try:
            field = documents.json_document(document)
        except ValueProblem as found:
            assert found.kind is Kind.UNSTORABLE_JSON
            assert exponent > 15_000
        else:
            assert parsed(fields.read(field, "jsonb")) == parsed(document)


def test_no_json_is_the_empty_object() -> None:
    for how in (documents.json_document, documents.number_map):
        assert how(None) == documents.EMPTY_OBJECT == b"\0\0\0\x03\x01{}"


@given(st.dictionaries(JSON_TEXT, NUMBER, max_size=6))
def test_maps_of_numbers(fields: Fields, value: dict[str, float]) -> None:
    document = json.dumps(value)
    assert parsed(fields.read(documents.number_map(document), "jsonb")) == parsed(document)


@pytest.mark.parametrize(
    "document", ["[]", "1", "null", '{"a": "1"}', '{"a": null}', '{"a": true}', '{"a": [1]}', '"a"']
)
def test_no_map_of_numbers(document: str) -> None:
    assert problem(documents.number_map, document).kind is Kind.MISSHAPEN_JSON


@given(st.lists(JSON_TEXT, max_size=8), st.booleans())
def test_lists_of_text(fields: Fields, values: list[str], ascii_only: bool) -> None:
    field = documents.text_list(json.dumps(values, ensure_ascii=ascii_only))
    assert parsed(fields.read(field, "text[]", "to_json($1)::text")) == values


@given(st.lists(st.tuples(st.uuids(), st.sampled_from(SPELLINGS)), max_size=8))
def test_lists_of_uuids(fields: Fields, values: list[tuple[UUID, Any]]) -> None:
    field = documents.uuid_list(json.dumps([spelling(value) for value, spelling in values]))
    assert parsed(fields.read(field, "uuid[]", "to_json($1)::text")) == [str(value) for value, _ in values]


def test_no_list_is_the_empty_list(fields: Fields) -> None:
    for how, kind in ((documents.text_list, "text[]"), (documents.uuid_list, "uuid[]")):
        for value in (None, "[]", " [ ] "):
            assert fields.read(how(value), kind) == "{}"


@pytest.mark.parametrize("how", [documents.text_list, documents.uuid_list])
@pytest.mark.parametrize("document", ["{}", "1", '"a"', "null", "[1]", "[null]", '[["a"]]', "[{}]", "[true]"])
def test_no_list_of_strings(how: Convert, document: str) -> None:
    assert problem(how, document).kind is Kind.MISSHAPEN_JSON


def test_lists_with_what_cannot_be_stored() -> None:
    assert problem(documents.text_list, '["a", "\\u0000"]').kind is Kind.UNSTORABLE_JSON
    assert problem(documents.text_list, '["\\ud800"]').kind is Kind.UNSTORABLE_JSON
    assert problem(documents.text_list, "[NaN]").kind is Kind.UNSTORABLE_JSON
    assert problem(documents.text_list, '["a"').kind is Kind.MALFORMED_JSON
    assert problem(documents.uuid_list, '["platform-team"]').kind is Kind.BAD_UUID


# Columns without a place of their own

NAMES = ("source", "sentiment_score", "flashbulb", "picture", "valid_from")


@given(
    st.none() | st.dictionaries(st.sampled_from([*NAMES, "other"]), JSON, max_size=4),
    st.tuples(
        st.none() | JSON_TEXT,
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.binary(max_size=20),
        st.none() | JSON_TEXT,
    ),
)
def test_loose_columns_go_into_the_metadata(fields: Fields, base: Any, values: tuple[SqliteValue, ...]) -> None:
    document = None if base is None else json.dumps(base)
    field = metadata.with_columns(document, NAMES, values)
    wanted = {} if document is None else parsed(document)
    for name, value in zip(NAMES, values, strict=True):
        if value is not None:
            key = f"{name} (column)" if name in wanted else name
            if isinstance(value, bytes):
                wanted[key] = {"base64": base64.b64encode(value).decode()}
            else:
                wanted[key] = parsed(json.dumps(value))
    assert parsed(fields.read(field, "jsonb")) == wanted


def test_metadata_that_is_no_object_keeps_a_place(fields: Fields) -> None:
    assert parsed(fields.read(metadata.with_columns("[1]", ("source",), ("cli",)), "jsonb")) == {
        "metadata": [1],
        "source": "cli",
    }


@pytest.mark.parametrize("base", ["{", '{"a": NaN}', '"\\u0000"'])
def test_broken_metadata_does_not_cost_the_other_columns(fields: Fields, base: str) -> None:
    found = problem(lambda value: metadata.with_columns(value, ("source",), ("cli",)), base)
    assert found.kind in (Kind.MALFORMED_JSON, Kind.UNSTORABLE_JSON)
    assert found.instead is not None
    assert parsed(fields.read(found.instead, "jsonb")) == {"source": "cli"}


@pytest.mark.parametrize(
    ("value", "arrives"),
    [("a\0b", "a\ufffdb"), (BrokenText(b"caf\xe9"), "caf\ufffd"), (BrokenText(b"\0\xff"), "\ufffd\ufffd")],
)
def test_unstorable_text_in_a_loose_column(fields: Fields, value: SqliteValue, arrives: str) -> None:
    found = problem(lambda base: metadata.with_columns(base, ("source", "ok"), (value, "yes")), '{"a": 1}')
    assert found.kind is Kind.UNSTORABLE_TEXT
    assert "column source" in found.message
    assert found.instead is not None
    assert parsed(fields.read(found.instead, "jsonb")) == {"a": 1, "source": arrives, "ok": "yes"}


def test_infinity_in_a_loose_column(fields: Fields) -> None:
    """JSON has no such number: its name arrives, and each is reported."""
    found = problem(lambda base: metadata.with_columns(base, ("a", "b", "c"), (math.inf, -math.inf, 1.5)), None)
    assert [(one.kind, one.message) for one in (found, *found.also)] == [
        (Kind.BAD_NUMBER, f'its column {name} holds an infinite number, stored as the text "{text}"')
        for name, text in (("a", "inf"), ("b", "-inf"))
    ]
    assert found.instead is not None
    assert parsed(fields.read(found.instead, "jsonb")) == {"a": "inf", "b": "-inf", "c": 1.5}


KEYS = st.text('ab"\\\\:\\u00e9\\n.$', max_size=3) | st.sampled_from(["a (column)", "a (column 2)"])
FIELDS = st.lists(st.tuples(KEYS, st.integers(0, 9)), max_size=4)


@given(FIELDS, st.lists(KEYS, max_size=5, unique=True), st.booleans())
def test_no_key_and_no_column_is_lost(fields: Fields, base: Any, names: list[str], ascii_only: bool) -> None:
    """Whatever they are called: the document's own keys keep their names, and the columns find others."""
    document = "{" + ", ".join(f"{json.dumps(key, ensure_ascii=ascii_only)}: {value}" for key, value in base) + "}"
    values = [f"value {place}" for place in range(len(names))]
    kinds = {Kind.DUPLICATE_JSON_KEY} if len(dict(base)) < len(base) else set()
    try:
        field = metadata.with_columns(document, names, values)
        assert not kinds
    except ValueProblem as found:
        assert {found.kind} == kinds
        field = found.instead or b""
    read = parsed(fields.read(field, "jsonb"))
    assert {key: read.pop(key) for key in dict(base)} == dict(base)
    assert sorted(read.values()) == values
    for key, value in read.items():
        name = names[values.index(value)]
        assert key == name or (key.startswith(f"{name} (column") and (name in dict(base) or name in read))


def test_the_name_of_a_column_that_metadata_has_too(fields: Fields) -> None:
    base = '{"a": 1, "b": 1, "b (column)": 2, "b (column 2)": 3}'
    field = metadata.with_columns(base, ("a", "b", "b (column)", "c"), ("A", "B", None, "C"))
    assert parsed(fields.read(field, "jsonb")) == {
        "a": 1, "b": 1, "b (column)": 2, "b (column 2)": 3, "a (column)": "A", "b (column 3)": "B", "c": "C",
    }  # fmt: skip


# What is too large for JSONB, with a limit that is soon reached


def kept(base: SqliteValue, **columns: Any) -> tuple[Any, list[Kind], list[str]]:
    """What metadata holds where JSONB takes 400 bytes; the problems, by kind and in words."""
    try:
        field = metadata.with_columns(base, [*columns], [*columns.values()], limit=400)
        problems: list[ValueProblem] = []
    except ValueProblem as found:
        field = found.instead or b""
        problems = [found, *found.also]
    document = (payload(field) or b"")[1:]
    assert len(document) <= 400
    return json.loads(document), [each.kind for each in problems], [each.message for each in problems]


def test_the_largest_values_are_left_out_one_after_the_other() -> None:
    assert kept('{"a": 1}', b="x" * 300, c="y" * 60) == ({"a": 1, "b": "x" * 300, "c": "y" * 60}, [], [])
    found, kinds, messages = kept('{"a": 1}', b="x" * 90, c="y" * 301, d="z" * 80, e=b"\0" * 300, f=7)
    assert found == {"a": 1, "b": "x" * 90, "d": "z" * 80, "f": 7}
    assert kinds == [Kind.TOO_LARGE, Kind.TOO_LARGE]
    assert '"e"' in messages[0]  # of 400 letters in base64
    assert '"c"' in messages[1]


@pytest.mark.parametrize("letter", ["x", "é", "\x01", '"', "😀"])
def test_the_limit_counts_bytes_of_the_document(letter: str) -> None:
    size = len(json.dumps(letter, ensure_ascii=False).encode()) - 2
    most = (400 - len('{"b": ""}')) // size
    for count, kinds in ((most, []), (most + 1, [Kind.TOO_LARGE])):
        assert kept(None, b=letter * count)[:2] == ({} if kinds else {"b": letter * count}, kinds)


def test_metadata_that_is_too_large_by_itself() -> None:
    large = json.dumps({"a": "é" * 200})
    found, kinds, _ = kept(large, b="x" * 300, c="a\0")
    assert (found, kinds) == ({"b": "x" * 300, "c": "a\ufffd"}, [Kind.TOO_LARGE, Kind.UNSTORABLE_TEXT])
    for how in (documents.json_document, documents.number_map):
        with pytest.raises(ValueProblem) as caught:
            how('{"a": 1' + " " * 400 + "}", 400)
        assert (caught.value.kind, caught.value.instead) == (Kind.TOO_LARGE, None)
    assert payload(documents.json_document('{"a": 1' + " " * 300 + "}", 400))


# What is too long for an index


@pytest.mark.parametrize("how", [convert.indexed_text, convert.key_text])
@pytest.mark.parametrize("value", ["x" * 2_600, "é" * 1_300, "😀" * 650, "", None, 7])
def test_what_an_index_holds_is_not_cut(how: Convert, value: SqliteValue) -> None:
    assert how(value) == convert.text(value)


@pytest.mark.parametrize(
    ("value", "start"),
    [("x" * 2_601, "x" * 2_600), ("x" + "é" * 1_300, "x" + "é" * 1_299), ("xyz" + "😀" * 650, "xyz" + "😀" * 649)],
)
def test_what_is_too_long_for_an_index_is_cut_between_characters(fields: Fields, value: str, start: str) -> None:
    found = problem(convert.indexed_text, value)
    assert (found.kind, found.whole, found.also) == (Kind.TOO_LONG_FOR_INDEX, value, [])
    assert found.instead is not None
    assert fields.read(found.instead, "text") == start
    found = problem(documents.indexed_text_list, json.dumps(["a", value, "b"]))
    assert (found.kind, found.whole) == (Kind.TOO_LONG_FOR_INDEX, ["a", value, "b"])
    assert found.instead is not None
    assert parsed(fields.read(found.instead, "text[]", "to_json($1)::text")) == ["a", start, "b"]
    found = problem(convert.key_text, value)
    assert (found.kind, found.instead, found.whole) == (Kind.TOO_LONG_FOR_INDEX, None, None)


def test_too_long_and_unstorable_as_well(fields: Fields) -> None:
    found = problem(convert.indexed_text, "a\0" * 2_000)
    assert [found.kind, *(each.kind for each in found.also)] == [Kind.TOO_LONG_FOR_INDEX, Kind.UNSTORABLE_TEXT]
    assert found.whole == "a\ufffd" * 2_000
    assert found.instead is not None
    assert fields.read(found.instead, "text") == "a\ufffd" * 650
    assert problem(convert.indexed_text, "a\0").kind is Kind.UNSTORABLE_TEXT


# What no message says


@given(st.sampled_from([convert.timestamp, convert.float8, convert.int4, convert.vector, documents.json_document,
                        documents.number_map, documents.text_list, convert.text, convert.content]))  # fmt: skip
def test_no_problem_quotes_the_value(how: Convert) -> None:
    for value in ("canary", '{"canary": ', '["canary", 1]', '{"a": "canary"}', "canary\0", BrokenText(b"canary\xff"),
                  '["canary \\u0000"]', b"canary"):  # fmt: skip
        try:
            how(value)
        except ValueProblem as found:
            assert "canary" not in found.message
            assert "canary" not in str(found)
