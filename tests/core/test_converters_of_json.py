"""Converters of JSON, and of what metadata takes along: judged by PostgreSQL's own reading, and by plain Python."""

from __future__ import annotations

import base64
import json
import math
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.converting import SPELLINGS, converted, parsed, problem
from tests.support.fields import Fields, payload
from vestige_tui.core.rows.converter import Converter
from vestige_tui.core.rows.documents import EMPTY_OBJECT, JsonDocument, NumberMap, TextList, UuidList
from vestige_tui.core.rows.metadata import MetadataWithColumns
from vestige_tui.core.rows.problems import Kind
from vestige_tui.core.rows.values import BrokenText, SqliteValue, ValueProblem

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
    assert parsed(fields.read(converted(JsonDocument(), document), "jsonb")) == parsed(document)
    assert converted(JsonDocument(), document.encode()) == converted(JsonDocument(), document)


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
        field = converted(JsonDocument(), document)
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
        ("1e+000000000200000", Kind.UNSTORABLE_JSON),
        ("9" * 140_000, Kind.UNSTORABLE_JSON),
        ("[" * 100_000 + "]" * 100_000, Kind.UNSTORABLE_JSON),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, Kind.UNSTORABLE_JSON),
        ("[" * 100_000, Kind.UNSTORABLE_JSON),
    ],
)
def test_json_that_cannot_be_stored(document: SqliteValue, kind: Kind) -> None:
    found = problem(JsonDocument(), document)
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
    assert parsed(fields.read(converted(JsonDocument(), document), "jsonb")) == parsed(document)


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
            field = converted(JsonDocument(), document)
        except ValueProblem as found:
            assert found.kind is Kind.UNSTORABLE_JSON
            assert exponent > 15_000
        else:
            assert parsed(fields.read(field, "jsonb")) == parsed(document)


def test_no_json_is_the_empty_object() -> None:
    for converter in (JsonDocument(), NumberMap()):
        assert converted(converter, None) == EMPTY_OBJECT == b"\0\0\0\x03\x01{}"


@given(st.dictionaries(JSON_TEXT, NUMBER, max_size=6))
def test_maps_of_numbers(fields: Fields, value: dict[str, float]) -> None:
    document = json.dumps(value)
    assert parsed(fields.read(converted(NumberMap(), document), "jsonb")) == parsed(document)


@pytest.mark.parametrize(
    "document", ["[]", "1", "null", '{"a": "1"}', '{"a": null}', '{"a": true}', '{"a": [1]}', '"a"']
)
def test_no_map_of_numbers(document: str) -> None:
    assert problem(NumberMap(), document).kind is Kind.MISSHAPEN_JSON


@given(st.lists(JSON_TEXT, max_size=8), st.booleans())
def test_lists_of_text(fields: Fields, values: list[str], ascii_only: bool) -> None:
    field = converted(TextList(), json.dumps(values, ensure_ascii=ascii_only))
    assert parsed(fields.read(field, "text[]", "to_json($1)::text")) == values


@given(st.lists(st.tuples(st.uuids(), st.sampled_from(SPELLINGS)), max_size=8))
def test_lists_of_uuids(fields: Fields, values: list[tuple[UUID, Any]]) -> None:
    field = converted(UuidList(), json.dumps([spelling(value) for value, spelling in values]))
    assert parsed(fields.read(field, "uuid[]", "to_json($1)::text")) == [str(value) for value, _ in values]


def test_no_list_is_the_empty_list(fields: Fields) -> None:
    for converter, kind in ((TextList(), "text[]"), (UuidList(), "uuid[]")):
        for value in (None, "[]", " [ ] "):
            assert fields.read(converted(converter, value), kind) == "{}"


@pytest.mark.parametrize("converter", [TextList(), UuidList()])
@pytest.mark.parametrize("document", ["{}", "1", '"a"', "null", "[1]", "[null]", '[["a"]]', "[{}]", "[true]"])
def test_no_list_of_strings(converter: Converter, document: str) -> None:
    assert problem(converter, document).kind is Kind.MISSHAPEN_JSON


def test_lists_with_what_cannot_be_stored() -> None:
    assert problem(TextList(), '["a", "\\u0000"]').kind is Kind.UNSTORABLE_JSON
    assert problem(TextList(), '["\\ud800"]').kind is Kind.UNSTORABLE_JSON
    assert problem(TextList(), "[NaN]").kind is Kind.UNSTORABLE_JSON
    assert problem(TextList(), '["a"').kind is Kind.MALFORMED_JSON
    assert problem(UuidList(), '["platform-team"]').kind is Kind.BAD_UUID


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
    field = converted(MetadataWithColumns(names=NAMES), (document, *values))
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
    assert parsed(fields.read(converted(MetadataWithColumns(names=("source",)), ("[1]", "cli")), "jsonb")) == {
        "metadata": [1],
        "source": "cli",
    }


@pytest.mark.parametrize("base", ["{", '{"a": NaN}', '"\\u0000"'])
def test_broken_metadata_does_not_cost_the_other_columns(fields: Fields, base: str) -> None:
    found = problem(MetadataWithColumns(names=("source",)), (base, "cli"))
    assert found.kind in (Kind.MALFORMED_JSON, Kind.UNSTORABLE_JSON)
    assert found.instead is not None
    assert parsed(fields.read(found.instead, "jsonb")) == {"source": "cli"}


@pytest.mark.parametrize(
    ("value", "arrives"),
    [("a\0b", "a\ufffdb"), (BrokenText(b"caf\xe9"), "caf\ufffd"), (BrokenText(b"\0\xff"), "\ufffd\ufffd")],
)
def test_unstorable_text_in_a_loose_column(fields: Fields, value: SqliteValue, arrives: str) -> None:
    found = problem(MetadataWithColumns(names=("source", "ok")), ('{"a": 1}', value, "yes"))
    assert found.kind is Kind.UNSTORABLE_TEXT
    assert "column source" in found.message
    assert found.instead is not None
    assert parsed(fields.read(found.instead, "jsonb")) == {"a": 1, "source": arrives, "ok": "yes"}


def test_infinity_in_a_loose_column(fields: Fields) -> None:
    """JSON has no such number: its name arrives, and each is reported."""
    found = problem(MetadataWithColumns(names=("a", "b", "c")), (None, math.inf, -math.inf, 1.5))
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
        field = converted(MetadataWithColumns(names=(*names,)), (document, *values))
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
    field = converted(MetadataWithColumns(names=("a", "b", "b (column)", "c")), (base, "A", "B", None, "C"))
    assert parsed(fields.read(field, "jsonb")) == {
        "a": 1, "b": 1, "b (column)": 2, "b (column 2)": 3, "a (column)": "A", "b (column 3)": "B", "c": "C",
    }  # fmt: skip


# What is too large for JSONB, with a limit that is soon reached


def kept(base: SqliteValue, **columns: Any) -> tuple[Any, list[Kind], list[str]]:
    """What metadata holds where JSONB takes 400 bytes; the problems, by kind and in words."""
    try:
        field = converted(MetadataWithColumns(names=(*columns,), limit=400), (base, *columns.values()))
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
    for converter in (JsonDocument(limit=400), NumberMap(limit=400)):
        refused = problem(converter, '{"a": 1' + " " * 400 + "}")
        assert (refused.kind, refused.instead) == (Kind.TOO_LARGE, None)
    assert payload(converted(JsonDocument(limit=400), '{"a": 1' + " " * 300 + "}"))
