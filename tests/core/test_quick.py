"""What the quick lane accepts is equal by the slow rules, whatever a source holds and a destination has."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.odd_values import IDS, LISTS, OBJECTS, SEED
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import BY_NAME
from vestige_tui.core.verify.expectation import MISSING, Block, Text
from vestige_tui.core.verify.expectation.shapes import shapes
from vestige_tui.core.verify.expectation.values import Lost
from vestige_tui.core.verify.judging import Judge
from vestige_tui.core.verify.meaning import equal
from vestige_tui.core.verify.quick import lane
from vestige_tui.core.verify.same_text import unsettled_documents, unsettled_lists, unsettled_scores
from vestige_tui.core.verify.stored import StoredRows

DIMENSION = 3
SHAPES = shapes(DIMENSION)
TRICKY = {
    PgType.JSONB: [
        "1", "1.0", "[1.0]", "[true]", "[1]", '{"a": 1, "a": "\\u0000"}', '{"a": "\\u0000", "a": 1}', '{"a": 1}',
        '{"a": true}', "0.1", "0.1000000000000000055", "123456789012345678901", "1e400", '{"a": 1e400, "a": 1}',
        '{"a":1}', "-0", "0", '{"a": ": b"}', '{"a":":b"}', '{"a": ":b"}', '{"a": "b, "}', '{"a":"b,"}', '{"a": "b,"}',
        '[": b", "c"]', '[":b","c"]', '[":b", "c"]', '"b, "', '"b,"', '{": a": 1}', '{":a":1}', '{":a": 1}',
        '{"a, ": "b"}', '{"a,":"b"}', '{"a,": "b"}', '{"a": "b"}', '["a, ", "b"]', '["a,","b"]', '["a,", "b"]', '"\\ud83d\\ude00"', "[" * 501 + "]" * 501, '{"a": NaN, "a": 1}', '{"a": null}', "{}",
    ],
    PgType.TEXT_ARRAY: ["[null]", '["null"]', '["a", "b"]', '["a","b"]', '["b","a"]', '[["a"]]', "[2:3]={a,b}", "[]",
                        '[","]', '[", "]', '["a",",","b"]', '["a",", ","b"]', '["a",",", "b"]', '["a,","b"]', '["a, ","b"]',
                        '["a,", "b"]', '["",""]', '["", ""]', '["x,null"]', '["a",null]', '["' + "x" * 2_601 + '"]', '["' + "x" * 2_600 + '"]', '["a", 1]'],
    PgType.TIMESTAMPTZ: ["2026-02-13T24:00:00Z", "2026-02-13T10:11:12.1234567Z", "2026-02-13T10:11:12-00:00",
                         "2026-02-13 10:11:12Z", "2026-02-13T10:11:12.000001+00:00", "9999-12-31T23:59:59.9999999Z"],
    PgType.TEXT: ["", "x" * 2_601, "x" * 650, "member", "private", "a\0b", "A", "a ", "a"],
}  # fmt: skip

OF_ANOTHER_KIND = [None, 1, 1.5, b"{}", b"[]", b"1", Text(b"{\xff}")]
"""What SQLite can hold in any column."""


def distinct_columns() -> list[tuple[str, str]]:
    """A column of every kind."""
    kinds: dict[tuple[object, ...], tuple[str, str]] = {}
    for table, shape in SHAPES.items():
        for name, one in shape.fields.items():
            if name not in shape.key:
                kind = (BY_NAME[table].columns[BY_NAME[table].position(name)].type, one.null, one.allowed, one.indexed)
                kinds.setdefault((*kind, one.rule if name != "embedding" else name), (table, name))
    return [*kinds.values()]


def as_read(value: Any) -> Any:
    """A value of a source as a block has it."""
    if isinstance(value, bytes) and type(value).__name__ == "Text":
        try:
            return value.decode()
        except UnicodeDecodeError:
            return Text(value)
    return value


def as_json(value: Any) -> str:
    """JSON with exact numbers."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {as_json(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_json, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def moment_text(moment: datetime) -> str:
    """A moment as the server writes it in UTC, within Python's calendar."""
    text = moment.astimezone(UTC).isoformat(" ").removesuffix("+00:00")
    return (text.rstrip("0") if "." in text else text) + "+00"


def as_stored(kind: PgType, value: Any) -> Any:
    """An expected value as the destination's side reads it."""
    match kind:
        case PgType.JSONB:
            return as_json(value)
        case _ if value is None:
            return None
        case PgType.UUID:
            return str(value)
        case PgType.TIMESTAMPTZ:
            return moment_text(value)
        case PgType.TEXT_ARRAY | PgType.UUID_ARRAY:
            return json.dumps([*map(str, value)], ensure_ascii=False, separators=(",", ":"))
        case PgType.VECTOR:
            return struct.pack(
                f">HH{len(value) // 4}I", len(value) // 4, 0, *struct.unpack(f"<{len(value) // 4}I", value)
            )
        case PgType.FLOAT8:
            return float(value)
    return value


def may_be_stored(kind: PgType, value: Any) -> bool:
    """Whether the destination's side could read this very value."""
    if not isinstance(value, str):
        return isinstance(value, {PgType.FLOAT8: float, PgType.INT4: int, PgType.INT2: int}.get(kind, ()))
    try:
        parsed = json.loads(value, parse_float=Decimal)
    except ValueError:
        parsed = value
    match kind:
        case PgType.TEXT:
            return "\0" not in value
        case PgType.UUID:
            return value in IDS
        case PgType.JSONB:
            deep = value.startswith("[" * 500)  # too deep for as_json
            return "\\u" not in value and "NaN" not in value and (deep or as_json(parsed) == value)
        case PgType.UUID_ARRAY:
            return isinstance(parsed, list) and {*IDS, None}.issuperset(map(str, parsed))
        case PgType.TEXT_ARRAY:
            return "\\u" not in value and isinstance(parsed, list) and as_json(parsed).replace(", ", ",") == value
    return False


def block_of(table: str, column: str, values: list[Any]) -> Block:
    """Rows with these values in one column."""
    shape = SHAPES[table]
    columns = {name: [MISSING if one.empty is not Lost else "x"] * len(values) for name, one in shape.fields.items()}
    return Block(table, shape, [["x"] * len(values)], columns | {column: values}, {}, range(len(values)))


@pytest.mark.parametrize(("table", "column"), distinct_columns())
def test_every_pair_of_tricky_values(table: str, column: str) -> None:
    """Each as the source has it, beside each other one as the destination could have it."""
    kind = BY_NAME[table].columns[BY_NAME[table].position(column)].type
    field = SHAPES[table].fields[column]
    judge = Judge(BY_NAME[table], SHAPES[table].key, DIMENSION, None)
    for value in [*TRICKY.get(kind, []), *OF_ANOTHER_KIND]:
        block = block_of(table, column, [value])
        for stored in [None, *filter(lambda other: may_be_stored(kind, other), TRICKY.get(kind, []))]:
            if not judge._suspects(column, field, block, StoredRows({column: [stored]}, [0], [False], 0)):
                values = block.row(0, [column]).values
                assert values is not None
                assert equal(kind, values[column], stored), (value, stored)


@pytest.mark.parametrize(("table", "column"), distinct_columns())
def test_what_is_accepted_is_equal(table: str, column: str) -> None:
    kind = BY_NAME[table].columns[BY_NAME[table].position(column)].type
    shape = SHAPES[table]
    tricky = st.sampled_from(TRICKY.get(kind, [None]))
    source = st.one_of(SEED[table][column].map(as_read), tricky, OBJECTS.map(as_read) | LISTS.map(as_read))
    judge = Judge(BY_NAME[table], shape.key, DIMENSION, None)

    ways = st.sampled_from(["own", "other", "as it is", "as another is"])

    @given(st.lists(st.tuples(source, source, ways), min_size=1, max_size=3))
    @settings(max_examples=settings().max_examples // 4)
    def check(rows: list[tuple[Any, Any, str]]) -> None:
        mine = block_of(table, column, [row[0] for row in rows])
        others = block_of(table, column, [row[1] for row in rows])
        stored: list[Any] = []
        for place, (value, another, how) in enumerate(rows):
            judged = (others if how == "other" else mine).row(place, [column])
            found = {"as it is": value, "as another is": another}.get(how)
            is_stored = may_be_stored(kind, found)
            stored.append(found if is_stored else as_stored(kind, judged.values[column]) if judged.values else None)
        read = StoredRows({column: stored}, [*range(len(rows))], [False] * len(rows), 0)
        suspected = judge._suspects(column, shape.fields[column], mine, read)
        for place in {*range(len(rows))}.difference(suspected):
            judged = mine.row(place, [column])
            assert judged.values is not None
            assert equal(kind, judged.values[column], stored[place])

    check()


@pytest.mark.parametrize(
    ("settle", "source", "stored", "left"),
    [
        (unsettled_documents, ['{"a":"b","c":[1]}', "{}", "[ ]"], ['{"a": "b", "c": [1]}', "{}", "[]"], [2]),
        (unsettled_documents, ['{"b":1,"a":2}', '{"a": 1}'], ['{"a": 2, "b": 1}', '{"a": 1}'], [0]),
        (unsettled_documents, ["1" * 1_000, "1" * 1_001, None], ["1" * 1_000, "1" * 1_001, "{}"], [0, 1, 2]),
        (unsettled_scores, ['{"a":0.5}', "{}"], ['{"a": 0.5}', "{}"], []),
        (unsettled_scores, ['{"a":0.5}', "1"], ['{"a": 0.5}', "1"], [0, 1]),
        (partial(unsettled_lists, longest=9), ['["a","b"]', '["a", "b"]', "[]"], ['["a","b"]', '["a","b"]', "[]"], [1]),
        (partial(unsettled_lists, longest=10), ['["a", "b"]', "[]", "[]"], ['["a","b"]', "[]", "[]"], []),
    ],
)
def test_which_texts_settle_it(
    settle: Callable[[list[Any], list[Any]], list[int]], source: list[Any], stored: list[Any], left: list[int]
) -> None:
    """What is not settled here is parsed, which is slow and as right."""
    assert settle(source, stored) == left


@pytest.mark.parametrize("fraction", ["", ".5", ".050", ".000", ".123456", ".123400", ".1234567", ".000000999"])
@pytest.mark.parametrize(("between", "zone"), [("T", "Z"), ("T", "+00:00"), (" ", ""), ("T", "+05:30")])
def test_moments_of_one_shape(fraction: str, between: str, zone: str) -> None:
    source = [f"2026-02-1{day}{between}10:00:0{day}{fraction}{zone}" for day in range(3)]
    kept = fraction[:7].rstrip("0").rstrip(".")
    stored = [f"2026-02-1{day} 10:00:0{day}{kept}+00" for day in range(3)]
    settled = [] if zone != "+05:30" else [0, 1, 2]
    assert lane(PgType.TIMESTAMPTZ)(source, stored) == settled
    assert lane(PgType.TIMESTAMPTZ)(source, [*stored[:2], stored[2].replace("+00", "1+00")]) == (settled or [2])
