"""Both sides of a difference, read on demand: what the source says, and what is stored."""

from __future__ import annotations

import struct
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.destination import fingerprint
from tests.support.servers import Database
from tests.support.sources import Sources, edit, memory_ids, query
from vestige_tui.core.errors import SourceError
from vestige_tui.core.plan import VerificationPlan
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.run.both_sides import read_sides
from vestige_tui.core.run.verification import run_verification
from vestige_tui.core.verify import value_text
from vestige_tui.core.verify.result import Difference, DifferenceKind
from vestige_tui.core.verify.sides import EXCERPT, Excerpt, FieldSides


def _found(source: Path, database: Database) -> dict[tuple[str, str | None], Difference]:
    """What a verification finds, by table and field."""
    report = run_verification(VerificationPlan(source, database.dsn))
    return {(each.table, each.field): each for each in report.comparison.differences}


def _field(source: Path, database: Database, difference: Difference) -> FieldSides:
    sides = read_sides(source, database.dsn, difference)
    assert sides.in_source
    assert sides.at_destination
    (field,) = sides.fields
    return field


def _texts(field: FieldSides) -> tuple[str | None, str | None, int | None]:
    source, stored = (side.text if side is not None else None for side in (field.source, field.stored))
    return source, stored, field.first


def test_both_sides_of_values_of_every_type(small_source: Path, copied_database: Database) -> None:
    memory = memory_ids(small_source)[3]
    edit(
        small_source,
        'UPDATE knowledge_nodes SET content = \'one two\', tags = \'["a", "b"]\', metadata = \'{"b": 1.50, "a": {"c": []}}\','
        " created_at = '2026-02-13T10:11:12.123456Z', codebase = 'harbor' WHERE id = ?",
        (memory,),
    )
    copied_database.execute(
        "ALTER TABLE knowledge_nodes DISABLE TRIGGER ALL;"
        "UPDATE knowledge_nodes SET content = 'one  two', tags = '{a,B}', codebase = NULL,"
        """ metadata = '{"a": {"c": [true]}, "b": 1.5}', created_at = '2026-02-13 10:11:12.123457+00',"""
        f" owner_user_id = owner_user_id WHERE id = '{memory}'"
    )
    before = fingerprint(copied_database)
    found = _found(small_source, copied_database)

    def texts(name: str) -> tuple[str | None, str | None, int | None]:
        return _texts(_field(small_source, copied_database, found["knowledge_nodes", name]))

    assert texts("content") == ("one two", "one  two", 4)
    assert texts("tags") == ('[\n  "a",\n  "b"\n]', '[\n  "a",\n  "B"\n]', 12)
    mine, theirs, first = texts("metadata")
    assert mine == '{\n  "a": {\n    "c": []\n  },\n  "b": 1.5\n}'
    assert theirs == '{\n  "a": {\n    "c": [\n      true\n    ]\n  },\n  "b": 1.5\n}'
    assert first == mine.index("]")
    assert texts("created_at") == ("2026-02-13 10:11:12.123456 UTC", "2026-02-13 10:11:12.123457 UTC", 25)
    assert texts("codebase") == ("harbor", None, None)
    assert fingerprint(copied_database) == before


def test_one_bit_of_a_vector_and_of_a_number(small_source: Path, copied_database: Database) -> None:
    (blob,) = next(row for row in query(small_source, "SELECT embedding FROM knowledge_nodes") if row[0])
    elements = [*struct.unpack(f"<{len(blob) // 4}f", blob)]
    (bits,) = struct.unpack("<I", blob[4:8])
    (elements[1],) = struct.unpack("<f", struct.pack("<I", bits ^ 1))
    copied_database.execute(
        f"UPDATE knowledge_nodes SET embedding = '[{','.join(map(repr, elements))}]' WHERE embedding ="
        f" '[{','.join(map(repr, struct.unpack(f'<{len(blob) // 4}f', blob)))}]';"
        "UPDATE edges SET weight = weight + 1 WHERE ctid = (SELECT min(ctid) FROM edges)"
    )
    found = _found(small_source, copied_database)
    field = _field(small_source, copied_database, found["knowledge_nodes", "embedding"])
    assert field.source is not None
    assert field.stored is not None
    mine, theirs = field.source.text.split(), field.stored.text.split()
    assert [place for place, pair in enumerate(zip(mine, theirs, strict=True)) if pair[0] != pair[1]] == [2]
    assert mine[0] == "1"
    weight = _field(small_source, copied_database, found["edges", "weight"])
    assert weight.source is not None
    assert weight.stored is not None
    assert float(weight.stored.text) == float(weight.source.text) + 1


def test_a_missing_row_has_the_sources_side(small_source: Path, copied_database: Database) -> None:
    ((source_id, target_id),) = query(small_source, "SELECT source_id, target_id FROM edges LIMIT 1")
    copied_database.execute(f"DELETE FROM edges WHERE source_id = '{source_id}' AND target_id = '{target_id}'")
    missing = _found(small_source, copied_database)["edges", None]
    assert missing.kind is DifferenceKind.MISSING
    sides = read_sides(small_source, copied_database.dsn, missing)
    assert (sides.in_source, sides.at_destination) == (True, False)
    values = {field.field: field.source and field.source.text for field in sides.fields}
    assert (values["source_id"], values["target_id"]) == (source_id, target_id)
    assert all(field.stored is None and not field.equal for field in sides.fields)


def test_what_has_been_corrected_since_is_equal(small_source: Path, copied_database: Database) -> None:
    memory = memory_ids(small_source)[0]
    difference = Difference("knowledge_nodes", memory, "content", DifferenceKind.DIFFERENT, (memory,))
    field = _field(small_source, copied_database, difference)
    assert field.equal
    assert field.source == field.stored
    assert field.first is None


def test_a_row_that_is_gone_from_the_source(small_source: Path, copied_database: Database) -> None:
    memory = memory_ids(small_source)[0]
    edit(small_source, "DELETE FROM knowledge_nodes WHERE id = ?", (memory,))
    difference = Difference("knowledge_nodes", memory, "content", DifferenceKind.DIFFERENT, (memory,))
    sides = read_sides(small_source, copied_database.dsn, difference)
    assert (sides.in_source, sides.at_destination) == (False, True)


def test_a_source_that_is_gone(small_source: Path, copied_database: Database) -> None:
    memory = memory_ids(small_source)[0]
    small_source.unlink()
    with pytest.raises(SourceError):
        read_sides(
            small_source,
            copied_database.dsn,
            Difference("knowledge_nodes", memory, "content", DifferenceKind.DIFFERENT, (memory,)),
        )


def test_of_a_long_value_the_surroundings_of_the_difference(small_source: Path, copied_database: Database) -> None:
    memory = memory_ids(small_source)[0]
    edit(small_source, "UPDATE knowledge_nodes SET content = ? WHERE id = ?", ("a" * 90_000, memory))
    copied_database.execute(f"UPDATE knowledge_nodes SET content = repeat('a', 50000) || 'b' WHERE id = '{memory}'")
    difference = Difference("knowledge_nodes", memory, "content", DifferenceKind.DIFFERENT, (memory,))
    field = _field(small_source, copied_database, difference)
    assert field.source == Excerpt("a" * EXCERPT, 48_000, 90_000 - 48_000 - EXCERPT)
    assert field.stored == Excerpt("a" * 2_000 + "b", 48_000, 0)
    assert field.first == 2_000


def test_of_an_old_file_the_values_that_the_upgrade_gives(sources: Sources, database: Database) -> None:
    """Nothing is at the destination, where even the tables are missing."""
    source = sources.published(13, v15=False)
    memory = memory_ids(source)[0]
    difference = Difference("knowledge_nodes", memory, None, DifferenceKind.MISSING, (memory,))
    sides = read_sides(source, database.dsn, difference)
    assert (sides.in_source, sides.at_destination) == (True, False)
    values = {field.field: field.source and field.source.text for field in sides.fields}
    assert values["visibility"] == "private"
    assert values["id"] == memory


@given(st.floats(width=32, allow_nan=False))
def test_a_float32_is_read_back(value: float) -> None:
    assert struct.pack("f", float(value_text.float32(value))) == struct.pack("f", value)


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, Decimal("1.0")), (Decimal("1.50e1"), 15.0), (0.1, Decimal("0.10")), ({"a": 1, "b": 2}, {"b": 2, "a": 1})],
)
def test_equal_json_has_one_text(one: object, other: object) -> None:
    assert value_text.document(one) == value_text.document(other)


def test_json_that_is_nested_very_deeply() -> None:
    deep: object = 1
    for _ in range(900):
        deep = [deep]
    assert value_text.document(deep).count("[") == 900


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("2000-01-01 00:00:00.5+00", "2000-01-01 00:00:00.500000 UTC"),
        ("infinity", "infinity"),
        ("4714-11-24 00:00:00+00 BC", "-211,813,488,000,000,000 microseconds from 2000-01-01"),  # the server's first
        ("294276-12-31 23:59:59.999999+00", "9,223,371,331,199,999,999 microseconds from 2000-01-01"),  # and last
    ],
)
def test_moments(stored: str, shown: str) -> None:
    assert value_text.stored_text(PgType.TIMESTAMPTZ, stored) == shown
