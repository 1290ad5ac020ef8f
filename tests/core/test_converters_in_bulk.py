"""Both forms of every converter over the same values: ``many`` gives the fields that ``one`` gives, or none."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestige_tui.core.rows.converter import Constant, Converter
from vestige_tui.core.rows.converters import Uuid, joined_uuids
from vestige_tui.core.rows.documents import JsonDocument, NumberMap, TextList
from vestige_tui.core.rows.metadata import MetadataWithColumns
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import BY_NAME
from vestige_tui.core.rows.values import BrokenText, SqliteValue, ValueProblem

DIMENSION = 3
CONVERTERS = [
    *dict.fromkeys(
        column.converter.for_dimension(dimension)
        for table in BY_NAME.values()
        for column in table.columns
        for dimension in (None, DIMENSION)
    )
]
"""Every converter of every table."""

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


def one_by_one(converter: Converter, values: Sequence[Any]) -> list[bytes] | None:
    """What ``one`` makes of each value; None where it refuses any of them."""
    try:
        return [converter.one(value) for value in values]
    except ValueProblem:
        return None


def in_bulk(converter: Converter, values: Sequence[Any]) -> list[bytes] | None:
    """What ``many`` makes of them."""
    fields = converter.many(values)
    return None if fields is None else [*fields]


@given(st.data())
@pytest.mark.parametrize("converter", CONVERTERS, ids=repr)
def test_both_forms_agree(converter: Converter, data: st.DataObject) -> None:
    likely = usual[converter.type]
    values = data.draw(st.lists(likely, max_size=6) | st.lists(likely | odd, max_size=6))
    assert in_bulk(converter, values) == one_by_one(converter, values)


@given(st.lists(st.tuples(documents | odd, texts | odd), max_size=4))
def test_both_forms_agree_where_metadata_takes_columns_along(values: list[tuple[SqliteValue, ...]]) -> None:
    converter = MetadataWithColumns(names=("mood",))
    assert in_bulk(converter, values) == one_by_one(converter, values)


@pytest.mark.parametrize(
    "documents", [('["a","b"],["c"', '"d"]'), ("[]],[[]", "[]"), ('["a', '"]'), ("[],[]", ""), ("[1", "2]", "[],[]")]
)
def test_documents_that_are_only_valid_together(documents: tuple[str, ...]) -> None:
    """They must not complete each other."""
    for converter in (TextList(), JsonDocument()):
        assert converter.many(documents) is None


@pytest.mark.parametrize(
    "document",
    ['{"a": 1, "a": 1}', '{"a": 1, "a": "\\u003a"}', '{"a": 1, "a": "\\u003A"}', '{"a\\u003a": 1, "a:": 2}',
     '{"b": [{"a": 1, "\\u0061": 2}]}', '{"": 0, "": 0}'],
)  # fmt: skip
def test_a_key_that_comes_twice_is_seen_in_bulk(document: str) -> None:
    """Also where the text has as many colons as without one of the two."""
    for converter in (JsonDocument(), NumberMap()):
        assert converter.many(['{"a": 1}', document]) is None


def test_a_column_that_the_source_does_not_have_is_filled() -> None:
    converter = Constant(field=b"field")
    assert in_bulk(converter, [None, "a"]) == one_by_one(converter, [None, "a"]) == [b"field", b"field"]


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
    found = joined_uuids(moved, len(values))
    if all(usual) and len(usual) == len(values):
        assert found == b"".join(_converted(value) or b"" for value in moved.split(","))
    else:
        assert found is None


def _converted(value: str) -> bytes | None:
    try:
        return Uuid().one(value)
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
        assert Uuid().many(values) is None


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
    assert (JsonDocument().many(documents) is None) is may_repeat
