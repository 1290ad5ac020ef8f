"""Every broken value there is, each with what must become of it: kind, field, whether the row arrives, and as what.

One source holds them all, each in a memory (or another row) of its own, so that a fault of one would show in others.
"""

from __future__ import annotations

import json
import os
import random
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.support.destination import Row, read_tables
from tests.support.expected import BOOTSTRAP_USER, expected_tables
from tests.support.hostile import (
    Complaint,
    complaint,
    complaints,
    foretold_and_copied,
    loosen,
)
from tests.support.runs import TABLES, copy, only_error
from tests.support.servers import Database, Server
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids, query
from vestige_tui.core.kinds import Kind
from vestige_tui.core.report import NIL_UUID, MigrationReport

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOBODY = "99999999-9999-4999-8999-999999999999"
NOWHERE = "88888888-8888-4888-8888-888888888888"
WHEN = "2026-02-13T10:11:12Z"
DEEP = 100_000


class Raw(bytes):
    """TEXT with these bytes, which need not be UTF-8."""


@dataclass(frozen=True)
class Case:
    """A value in a column of one row, and what must become of it. ``kind`` None: nothing is wrong with it."""

    name: str
    column: str
    value: object
    kind: Kind | None
    arrives: object = None
    copied: bool = True


def memory(name: str, column: str, value: object, kind: Kind | None, arrives: object = None) -> Case:
    """A flaw that costs the memory that one field."""
    return Case(name, column, value, kind, arrives)


def lost(name: str, column: str, value: object, kind: Kind) -> Case:
    """A flaw with which the memory cannot exist in PostgreSQL."""
    return Case(name, column, value, kind, copied=False)


def floats(*values: float) -> bytes:
    """A vector as Vestige stores it."""
    return struct.pack(f"<{len(values)}f", *values)


SURROGATES = '["\\ud83d\\ude00"]'
UPPER_GROUPS = json.dumps([NOBODY.upper(), "{" + NOWHERE + "}"])
DEEPEST = '{"a":' * 500 + "1" + "}" * 500
ZEROS = [0.0] * 6
LARGEST = floats(*[3.4028234663852886e38] * 8)
REPEATED = "seven words that are repeated for ever " * 130_000
ENDLESS_URL = "http://" + "a/" * 400_000
UNIQUE_WORDS = random.Random(5).randbytes(2_200_000).hex(" ", 6).replace(" ", " q")[:5_000_000]

MEMORIES = [
    # JSON that is none, of the wrong shape, or that JSONB refuses
    memory("tags cut short", "tags", '["a", "b', Kind.MALFORMED_JSON, []),
    memory("tags in Python", "tags", "['a']", Kind.MALFORMED_JSON, []),
    memory("tags empty", "tags", "", Kind.MALFORMED_JSON, []),
    memory("tags with trailing comma", "tags", '["a",]', Kind.MALFORMED_JSON, []),
    memory("tags with a NUL in them", "tags", '["a\0"]', Kind.MALFORMED_JSON, []),
    memory("tags that are not UTF-8", "tags", Raw(b'["caf\xe9"]'), Kind.UNSTORABLE_JSON, []),
    memory("tags with a surrogate as bytes", "tags", Raw(b'["\xed\xa0\x80"]'), Kind.UNSTORABLE_JSON, []),
    memory("tags that are an object", "tags", '{"a": 1}', Kind.MISSHAPEN_JSON, []),
    memory("tags that are a number", "tags", 17, Kind.MISSHAPEN_JSON, []),
    memory("tags that are null", "tags", "null", Kind.MISSHAPEN_JSON, []),
    memory("tags with a null among them", "tags", '["a", null]', Kind.MISSHAPEN_JSON, []),
    memory("tags within tags", "tags", '["a", ["b"]]', Kind.MISSHAPEN_JSON, []),
    memory("tags with \\u0000", "tags", '["a\\u0000b"]', Kind.UNSTORABLE_JSON, []),
    memory("tags with half a pair", "tags", '["\\ud83d"]', Kind.UNSTORABLE_JSON, []),
    memory("tags with the other half", "tags", '["\\ude00\\ud83d"]', Kind.UNSTORABLE_JSON, []),
    memory("tags that nest deep", "tags", "[" * DEEP + "]" * DEEP, Kind.UNSTORABLE_JSON, []),
    memory("tags with a whole pair", "tags", SURROGATES, None, ["\U0001f600"]),
    memory("tags with a backslash before u0000", "tags", '["\\\\u0000"]', None, ["\\u0000"]),
    memory("tags after a newline", "tags", '\r\n\t ["a"]\n', None, ["a"]),
    memory("tags that are NULL", "tags", None, None, []),
    memory("tags in a BLOB", "tags", b'["a"]', None, ["a"]),
    memory("metadata NaN", "metadata", '{"a": [NaN]}', Kind.UNSTORABLE_JSON, {}),
    memory("metadata Infinity", "metadata", '{"a": Infinity}', Kind.UNSTORABLE_JSON, {}),
    memory("metadata -Infinity", "metadata", '{"a": -Infinity}', Kind.UNSTORABLE_JSON, {}),
    memory("metadata number too long", "metadata", '{"a": 1e999999}', Kind.UNSTORABLE_JSON, {}),
    memory("metadata key with half a pair", "metadata", '{"\\udfff": 1}', Kind.UNSTORABLE_JSON, {}),
    memory("metadata 501 deep", "metadata", '{"a":' * 501 + "1" + "}" * 501, Kind.UNSTORABLE_JSON, {}),
    memory("metadata 500 deep", "metadata", DEEPEST, None, json.loads(DEEPEST)),
    memory("metadata brackets in a string", "metadata", json.dumps({"a": "[" * 9_000}), None, {"a": "[" * 9_000}),
    memory("metadata two documents", "metadata", '{"a": 1} {"b": 2}', Kind.MALFORMED_JSON, {}),
    memory("metadata with a byte order mark", "metadata", '\ufeff{"a": 1}', Kind.MALFORMED_JSON, {}),
    memory("metadata after a space", "metadata", ' {"a": 1}', None, {"a": 1}),
    memory("metadata a list", "metadata", '["a"]', None, ["a"]),
    memory("metadata twice the same key", "metadata", '{"a": 1, "a": 2}', None, {"a": 2}),
    memory("metadata 400 digits", "metadata", '{"a": ' + "7" * 400 + "}", None, {"a": int("7" * 400)}),
    memory("metadata of 2 MB", "metadata", json.dumps({"a": "ü" * 2_000_000}), None, {"a": "ü" * 2_000_000}),
    memory("domains a string", "domains", '"rust"', Kind.MISSHAPEN_JSON, []),
    memory("scores a list", "domain_scores", "[]", Kind.MISSHAPEN_JSON, {}),
    memory("score a word", "domain_scores", '{"a": "high"}', Kind.MISSHAPEN_JSON, {}),
    memory("score true", "domain_scores", '{"a": true}', Kind.MISSHAPEN_JSON, {}),
    memory("score null", "domain_scores", '{"a": null}', Kind.MISSHAPEN_JSON, {}),
    memory("score NaN", "domain_scores", '{"a": NaN}', Kind.UNSTORABLE_JSON, {}),
    memory("scores cut short", "domain_scores", '{"a": 0.', Kind.MALFORMED_JSON, {}),
    # Text
    memory("content with NUL", "content", "a\0b\0", Kind.UNSTORABLE_TEXT, "a\ufffdb\ufffd"),
    memory("content NUL alone", "content", "\0", Kind.UNSTORABLE_TEXT, "\ufffd"),
    memory("content in Latin-1", "content", Raw(b"caf\xe9"), Kind.UNSTORABLE_TEXT, "caf\ufffd"),
    memory("content with an overlong NUL", "content", Raw(b"a\xc0\x80b"), Kind.UNSTORABLE_TEXT, "a\ufffd\ufffdb"),
    memory("content with a surrogate", "content", Raw(b"a\xed\xa0\x80b"), Kind.UNSTORABLE_TEXT, "a\ufffd\ufffd\ufffdb"),
    memory("content beyond Unicode", "content", Raw(b"\xf4\x90\x80\x80"), Kind.UNSTORABLE_TEXT, "\ufffd" * 4),
    memory("content a space", "content", " ", None, " "),
    memory("content of 5 MB", "content", REPEATED, None, REPEATED),
    memory("content of 5 MB, no word twice", "content", UNIQUE_WORDS, None, UNIQUE_WORDS),
    memory("content one word of 3 MB", "content", "x" * 3_000_000, None, "x" * 3_000_000),
    memory("content a URL without end", "content", ENDLESS_URL, None, ENDLESS_URL),
    memory("content with noncharacters", "content", "\ufffe\uffff\U0010ffff", None, "\ufffe\uffff\U0010ffff"),
    memory("content a number", "content", 12, None, "12"),
    lost("content empty", "content", "", Kind.EMPTY_CONTENT),
    lost("content NULL", "content", None, Kind.EMPTY_CONTENT),
    lost("content an empty BLOB", "content", b"", Kind.EMPTY_CONTENT),
    memory("type NULL", "node_type", None, Kind.MISSING_VALUE, "fact"),
    memory("type in Latin-1", "node_type", Raw(b"\xe9"), Kind.UNSTORABLE_TEXT, "\ufffd"),
    memory("type empty", "node_type", "", None, ""),
    memory("code base with NUL", "codebase", "a\0", Kind.UNSTORABLE_TEXT, "a\ufffd"),
    memory("code base a number", "codebase", 7, None, "7"),
    # Vectors: the model makes eight dimensions
    memory("vector empty", "embedding", b"", Kind.BAD_VECTOR, None),
    memory("vector of 33 bytes", "embedding", bytes(33), Kind.BAD_VECTOR, None),
    memory("vector of 3 bytes", "embedding", b"abc", Kind.BAD_VECTOR, None),
    memory("vector as JSON", "embedding", "[1, 2, 3, 4, 5, 6, 7, 8]", Kind.BAD_VECTOR, None),
    memory("vector a number", "embedding", 8, Kind.BAD_VECTOR, None),
    memory("vector of 7", "embedding", floats(*[1.0] * 7), Kind.WRONG_DIMENSION, None),
    memory("vector of 9", "embedding", floats(*[1.0] * 9), Kind.WRONG_DIMENSION, None),
    memory("vector of 20,000", "embedding", bytes(80_000), Kind.WRONG_DIMENSION, None),
    memory("vector NaN", "embedding", floats(*[0.0] * 7, float("nan")), Kind.BAD_VECTOR, None),
    memory("vector Infinity", "embedding", floats(float("inf"), *[0.0] * 7), Kind.BAD_VECTOR, None),
    memory("vector both infinities", "embedding", floats(float("inf"), -float("inf"), *ZEROS), Kind.BAD_VECTOR, None),
    memory("vector NaN with a payload", "embedding", b"\x01\x00\xa0\x7f" + bytes(28), Kind.BAD_VECTOR, None),
    memory("vector of the largest floats", "embedding", LARGEST, None, LARGEST),
    memory("vector of zeros", "embedding", bytes(32), None, bytes(32)),
    memory("vector of the smallest floats", "embedding", b"\x01\0\0\x80" * 8, None, b"\x01\0\0\x80" * 8),
    # Times: three forms are known, all others are named and not guessed
    *(
        memory(f"created {text!r:.40}", "created_at", text, Kind.BAD_TIMESTAMP, EPOCH)
        for text in (
            "13.02.2026", "02/13/2026", "2026-02-13", "now", "today", "infinity", "-infinity", "epoch", "2026",
            "2026-02-13T10:11:12", "2026-02-13T10:11Z", "2026-02-13 10:11", "2026-02-13 10:11:12+01:00",
            "2026-02-13 10:11:12Z", "2026-02-13T10:11:12z", "2026-02-13t10:11:12Z", "2026-02-13T10:11:12 Z",
            "2026-02-13T10:11:12+01", "2026-02-13T10:11:12+0100", "2026-02-13T10:11:12+00:60",
            "2026-02-13T10:11:12+24:00", "2026-02-13T10:11:12−01:00", "2026-02-13T10:11:12,5Z",
            "2026-02-13T10:11:12.Z", "2026-02-13T10:11:12.1234567890Z", "2026-02-30T10:11:12Z",
            "2026-13-01T10:11:12Z", "2026-00-10T10:11:12Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z",
            "+2026-02-13T10:11:12Z", "2026-02-13T24:00:00Z", "2026-02-13T10:60:00Z", "2026-02-13T23:59:60Z",
            " 2026-02-13T10:11:12Z", "2026-02-13T10:11:12Z\n", "2026-02-13T10:11:12Z\0", "２０２６-02-13T10:11:12Z",
            "1770977472", 1770977472, 1770977472.5, "20260213T101112Z", "2026-W07-5", "2026-044",
            "Fri, 13 Feb 2026 10:11:12 +0000", Raw(b"\xff"), b"2026-02-13T10:11:12Z",
        )
    ),
    memory("created never", "created_at", "", Kind.MISSING_VALUE, EPOCH),
    memory("created NULL", "created_at", None, Kind.MISSING_VALUE, EPOCH),
    *(
        memory(f"created {text}", "created_at", text, None, wanted)
        for text, wanted in (
            ("2026-02-13T10:11:12.999999999+00:00", datetime(2026, 2, 13, 10, 11, 12, 999_999, tzinfo=UTC)),
            ("2026-02-13T10:11:12.1234567+00:00", datetime(2026, 2, 13, 10, 11, 12, 123_456, tzinfo=UTC)),
            ("2026-02-13T10:11:12.000000999Z", datetime(2026, 2, 13, 10, 11, 12, tzinfo=UTC)),
            ("2026-02-13T10:11:12.1Z", datetime(2026, 2, 13, 10, 11, 12, 100_000, tzinfo=UTC)),
            ("2026-02-13 10:11:12", datetime(2026, 2, 13, 10, 11, 12, tzinfo=UTC)),
            ("2026-02-13T00:30:00+05:45", datetime(2026, 2, 12, 18, 45, tzinfo=UTC)),
            ("1969-12-31T23:59:59.999999999Z", datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
            ("1999-12-31T23:59:59.999999999Z", datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
            ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
            ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        )
    ),
    # Owner, visibility, groups
    memory("owner a name", "owner_user_id", "me", Kind.BAD_UUID, BOOTSTRAP_USER),
    memory("owner NULL", "owner_user_id", None, Kind.BAD_UUID, BOOTSTRAP_USER),
    memory("owner in bytes", "owner_user_id", bytes(16), Kind.BAD_UUID, BOOTSTRAP_USER),
    memory("owner without hyphens", "owner_user_id", BOOTSTRAP_USER.hex, None, BOOTSTRAP_USER),
    lost("owner nobody", "owner_user_id", NOBODY, Kind.MISSING_REFERENCE),
    memory("visibility NULL", "visibility", None, Kind.MISSING_VALUE, "private"),
    lost("visibility secret", "visibility", "secret", Kind.VALUE_NOT_ALLOWED),
    lost("visibility in capitals", "visibility", "Private", Kind.VALUE_NOT_ALLOWED),
    lost("visibility empty", "visibility", "", Kind.VALUE_NOT_ALLOWED),
    memory("groups by name", "shared_with_groups", '["platform"]', Kind.BAD_UUID, []),
    memory("groups with one bad among them", "shared_with_groups", json.dumps([NOBODY, "x"]), Kind.BAD_UUID, []),
    memory("groups an object", "shared_with_groups", '{"g": 1}', Kind.MISSHAPEN_JSON, []),
    memory("groups numbers", "shared_with_groups", "[1]", Kind.MISSHAPEN_JSON, []),
    memory("groups cut short", "shared_with_groups", '["', Kind.MALFORMED_JSON, []),
    memory("groups in other spellings", "shared_with_groups", UPPER_GROUPS, None, [UUID(NOBODY), UUID(NOWHERE)]),
]  # fmt: skip
"""One memory each, in a file that has no constraints left."""

BAD_IDS: list[object] = [
    "note-7", "", None, 7, b"x" * 16, NOBODY[:-1], NOBODY + "0", "{" + NOBODY, NOBODY + "}", "(" + NOBODY + ")",
    NOBODY.replace("-", "_"), NOBODY.replace("9", "g"), NOBODY.replace("9", "９"), " " + NOBODY, NOBODY + "\n",
    NOBODY + "\0", "urn:uid:" + NOBODY, "99999999-99994999-8999-999999999999", Raw(NOBODY.encode() + b"\xff"),
    "0x" + UUID(NOBODY).hex, "-" + UUID(NOBODY).hex + "---",
]  # fmt: skip
SPELLINGS: list[Callable[[str], str]] = [
    str.upper,
    lambda text: text.replace("-", ""),
    lambda text: "{" + text + "}",
    lambda text: "{" + text.replace("-", "").upper() + "}",
    lambda text: "urn:uuid:" + text,
    lambda text: "URN:UUID:" + text.upper(),
]


@dataclass
class Moved:
    """One source with all of it, its copy, and the ids of the rows by the name of their case."""

    report: MigrationReport
    found: dict[str, dict[tuple[Any, ...], Row]]
    wanted: dict[str, dict[tuple[Any, ...], Row]]
    ids: dict[str, str]
    errors: dict[tuple[str, str], list[Complaint]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for error in self.report.errors:
            self.errors.setdefault((error.table, error.row), []).append(complaint(error))


def put(source: Path, table: str, column: str, value: object, where: str, key: object) -> None:
    """Set one field, whatever its type."""
    place = "CAST(? AS TEXT)" if isinstance(value, Raw) else "?"
    stored = bytes(value) if isinstance(value, Raw) else value
    assert edit(source, f'UPDATE "{table}" SET "{column}" = {place} WHERE {where} = ?', (stored, key)) == 1


@pytest.fixture(scope="module")
def moved(source_cache: Path, tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Moved]:
    """The whole of it, foretold by a dry run and then copied."""
    sources = Sources(source_cache, tmp_path_factory.mktemp("hostile"))
    spec = replace(
        SMALL_SPEC, memories=len(MEMORIES) + len(BAD_IDS) + 2 * len(SPELLINGS) + 20, edges=0, review_events=0
    )
    source = sources.seed(spec)
    wanted = expected_tables(source)
    loosen(source, "knowledge_nodes", "scheduling")
    waiting = memory_ids(source)
    ids = {}
    for case in MEMORIES:
        chosen = ids[case.name] = waiting.pop()
        if not case.copied:
            edit(source, "DELETE FROM scheduling WHERE memory_id = ?", (chosen,))
        put(source, "knowledge_nodes", case.column, case.value, "id", chosen)
    for number, bad in enumerate(BAD_IDS):
        chosen = waiting.pop()
        edit(source, "DELETE FROM scheduling WHERE memory_id = ?", (chosen,))
        put(source, "knowledge_nodes", "content", f"bad id {number}", "id", chosen)
        put(source, "knowledge_nodes", "id", bad, "id", chosen)
    for number, spelling in enumerate(SPELLINGS):
        ids[f"spelling {number}"], ids[f"collides {number}"] = first, second = waiting.pop(), waiting.pop()
        put(source, "knowledge_nodes", "id", spelling(first), "id", first)  # what refers to it spells it canonically
        edit(source, "DELETE FROM scheduling WHERE memory_id = ?", (second,))
        put(source, "knowledge_nodes", "created_at", "2030-01-01 00:00:00", "id", second)
        put(source, "knowledge_nodes", "id", SPELLINGS[number - 1](first), "id", second)
    with server.database() as database:
        report = foretold_and_copied(source, database, batch_size=7)
        yield Moved(report, read_tables(database), wanted, ids)


@pytest.mark.parametrize("case", MEMORIES, ids=lambda case: case.name)
def test_one_field_of_a_memory(moved: Moved, case: Case) -> None:
    chosen = moved.ids[case.name]
    told = moved.errors.get(("knowledge_nodes", chosen), [])
    if case.kind is None:
        assert told == []
    else:
        assert told == [("knowledge_nodes", chosen, case.column, case.kind.value, case.copied)]
    found = moved.found["knowledge_nodes"].get((UUID(chosen),))
    if not case.copied:
        assert found is None
    else:
        assert found == moved.wanted["knowledge_nodes"][(UUID(chosen),)] | {case.column: case.arrives}
        assert moved.found["scheduling"][(UUID(chosen),)] == moved.wanted["scheduling"][(UUID(chosen),)]


def test_ids_that_are_none(moved: Moved) -> None:
    told = [error for error in moved.report.errors if error.kind is Kind.BAD_UUID and error.field == "id"]
    assert len(told) == len(BAD_IDS)
    assert not any(error.copied for error in told)
    assert sum(error.row == NIL_UUID for error in told) == 2  # no id, and an empty one
    assert not [row for row in moved.found["knowledge_nodes"].values() if row["content"].startswith("bad id")]


@pytest.mark.parametrize("number", range(len(SPELLINGS)))
def test_an_id_in_any_spelling_is_found_by_what_refers_to_it(moved: Moved, number: int) -> None:
    chosen = UUID(moved.ids[f"spelling {number}"])
    assert moved.found["knowledge_nodes"][(chosen,)] == moved.wanted["knowledge_nodes"][(chosen,)]
    assert moved.found["scheduling"][(chosen,)] == moved.wanted["scheduling"][(chosen,)]


@pytest.mark.parametrize("number", range(len(SPELLINGS)))
def test_ids_that_are_one_once_canonical(moved: Moved, number: int) -> None:
    """The earlier one stays, and the later one is told."""
    label = SPELLINGS[number - 1](moved.ids[f"spelling {number}"])
    assert moved.errors[("knowledge_nodes", label)] == [
        ("knowledge_nodes", label, "id", Kind.DUPLICATE_ID.value, False)
    ]


def test_nothing_else_is_said_and_nobody_is_missing(moved: Moved) -> None:
    """The neighbours of all these rows arrived untouched, and every memory that is missing is named."""
    broken = sum(case.kind is not None for case in MEMORIES) + len(BAD_IDS) + len(SPELLINGS)
    assert len(moved.report.errors) == broken
    assert len(moved.found["knowledge_nodes"]) == moved.report.memories_copied
    gone = sum(not case.copied for case in MEMORIES) + len(BAD_IDS) + len(SPELLINGS)
    assert moved.report.tables["knowledge_nodes"].failed == gone
    assert moved.report.tables["knowledge_nodes"].repaired == broken - gone


# The other tables

A, B, C = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222",
           "33333333-3333-4333-8333-333333333333")  # fmt: skip


@pytest.fixture
def loose(sources: Sources) -> Path:
    """A source whose tables take everything."""
    source = sources.seed()
    loosen(source, *TABLES)
    return source


def insert(source: Path, table: str, *rows: tuple[object, ...]) -> None:
    """Add rows to a table of the source."""
    for row in rows:
        places = ", ".join("CAST(? AS TEXT)" if isinstance(value, Raw) else "?" for value in row)
        stored = tuple(bytes(value) if isinstance(value, Raw) else value for value in row)
        edit(source, f'INSERT INTO "{table}" VALUES ({places})', stored)


def told(report: MigrationReport, table: str) -> set[tuple[str, str | None, str, bool]]:
    """Row, field, kind and whether it arrived, of the errors of a table, each of which came once."""
    found = [
        (error.row, error.field, error.kind.value, error.copied) for error in report.errors if error.table == table
    ]
    assert len(found) == len(set(found))
    return set(found)


def test_users(loose: Path, database: Database) -> None:
    insert(
        loose, "users",
        (A, "ada", "Ada\0", WHEN, "{}"),
        (A.upper(), "again", None, WHEN, "{}"),
        (B, "ada", "the second one of that handle", WHEN, "{}"),
        (C, None, None, WHEN, "{}"),
        ("44444444-4444-4444-8444-444444444444", "local", None, WHEN, "{}"),
        ("55555555-5555-4555-8555-555555555555", Raw(b"b\xe9a"), None, "yesterday", "[oops"),
        ("somebody", "sb", None, WHEN, "{}"),
        (None, "none", None, WHEN, "{}"),
        ("66666666-6666-4666-8666-666666666666", 12, 13, None, '{"a": 1}'),
    )  # fmt: skip
    report = foretold_and_copied(loose, database, batch_size=2)
    assert told(report, "users") == {
        (A, "display_name", "unstorable_text", True),
        (A.upper(), "id", "duplicate_id", False),
        (B, "handle", "already_taken", False),
        (C, "handle", "missing_value", False),
        ("44444444-4444-4444-8444-444444444444", "handle", "already_taken", False),
        ("55555555-5555-4555-8555-555555555555", "handle", "unstorable_text", True),
        ("55555555-5555-4555-8555-555555555555", "created_at", "bad_timestamp", True),
        ("55555555-5555-4555-8555-555555555555", "metadata", "malformed_json", True),
        ("somebody", "id", "bad_uuid", False),
        (NIL_UUID, "id", "bad_uuid", False),
        ("66666666-6666-4666-8666-666666666666", "created_at", "missing_value", True),
    }
    found = read_tables(database)["users"]
    assert (found[(UUID(A),)]["handle"], found[(UUID(A),)]["display_name"]) == ("ada", "Ada\ufffd")
    assert found[(UUID("55555555-5555-4555-8555-555555555555"),)] == {
        "id": UUID("55555555-5555-4555-8555-555555555555"), "handle": "b\ufffda", "display_name": None,
        "created_at": EPOCH, "metadata": {},
    }  # fmt: skip
    numbered = found[(UUID("66666666-6666-4666-8666-666666666666"),)]
    assert (numbered["handle"], numbered["display_name"], numbered["created_at"]) == ("12", "13", EPOCH)


def test_groups_and_memberships(loose: Path, database: Database) -> None:
    ((user,), *_) = query(loose, "SELECT id FROM users WHERE handle <> 'local'")
    insert(
        loose, "groups", (A, "one", None, WHEN, "null"), (B, "one", None, WHEN, "{}"), ("x", "two", None, WHEN, "{}")
    )
    insert(
        loose, "group_memberships",
        (user, A, "admin", "13.2.2026"),
        (user.upper(), "{" + A + "}", "member", WHEN),
        (user, B, "member", WHEN),
        (user, NOWHERE, "member", WHEN),
        (NOBODY, A, "member", WHEN),
        (str(BOOTSTRAP_USER), A, "owner", WHEN),
        (user, "team", "member", WHEN),
        (None, A, "member", WHEN),
        (None, None, "member", WHEN),
    )  # fmt: skip
    insert(loose, "group_memberships", (str(BOOTSTRAP_USER), C, None, WHEN))
    insert(loose, "groups", (C, "three", None, WHEN, "{}"))
    report = foretold_and_copied(loose, database, batch_size=3)
    assert told(report, "groups") == {
        (B, "handle", "already_taken", False),
        ("x", "id", "bad_uuid", False),
    }
    assert told(report, "group_memberships") == {
        (f"{user}→{A}", "joined_at", "bad_timestamp", True),
        (f"{user.upper()}→{{{A}}}", "user_id", "duplicate_id", False),
        (f"{user}→{B}", "group_id", "missing_reference", False),
        (f"{user}→{NOWHERE}", "group_id", "missing_reference", False),
        (f"{NOBODY}→{A}", "user_id", "missing_reference", False),
        (f"{BOOTSTRAP_USER}→{A}", "role", "value_not_allowed", False),
        (f"{user}→team", "group_id", "bad_uuid", False),
        (f"→{A}", "user_id", "bad_uuid", False),
        (NIL_UUID, "user_id", "bad_uuid", False),
        (f"{BOOTSTRAP_USER}→{C}", "role", "missing_value", True),
    }
    assert read_tables(database)["groups"][(UUID(A),)]["metadata"] is None  # JSON's null is storable JSON
    assert read_tables(database)["group_memberships"][(UUID(user), UUID(A))]["joined_at"] == EPOCH


NUMBERS: list[tuple[str, object, str | None, object]] = [
    ("stability", "much", "bad_number", 1.0),
    ("stability", "2.5", None, 2.5),
    ("stability", " 3e2 ", None, 300.0),
    ("stability", "1e", "bad_number", 1.0),
    ("stability", "0x10", "bad_number", 1.0),
    ("stability", "nan", "bad_number", 1.0),
    ("stability", "1_000", "bad_number", 1.0),
    ("stability", b"2.5", "bad_number", 1.0),
    ("stability", None, "missing_value", 1.0),
    ("stability", 9e999, None, float("inf")),
    ("stability", 5e-324, None, 5e-324),
    ("difficulty", None, "missing_value", 5.0),
    ("retrievability", "", "bad_number", 1.0),
    ("reps", "7", None, 7),
    ("reps", " -7 ", None, -7),
    ("reps", "seven", "bad_number", 0),
    ("reps", 3.0, None, 3),
    ("reps", 3.5, "bad_number", 0),
    ("reps", 2**31, "bad_number", 0),
    ("reps", -(2**31), None, -(2**31)),
    ("reps", 2**62, "bad_number", 0),
    ("reps", "9" * 30, "bad_number", 0),
    ("reps", 1e300, "bad_number", 0),
    ("lapses", None, "missing_value", 0),
    ("last_review", "yesterday", "bad_timestamp", None),
    ("last_review", "", None, None),
    ("next_review", 1770977472, "bad_timestamp", None),
]


def test_scheduling(sources: Sources, database: Database) -> None:
    source = sources.seed(replace(SMALL_SPEC, memories=len(NUMBERS) + 3))
    wanted = expected_tables(source)["scheduling"]
    edit(source, "CREATE TABLE untyped (memory_id, stability, difficulty, retrievability, last_review, next_review,"
                 " reps, lapses)")  # fmt: skip
    edit(source, "INSERT INTO untyped SELECT * FROM scheduling")
    edit(source, "DROP TABLE scheduling")
    edit(source, "ALTER TABLE untyped RENAME TO scheduling")
    errors = set()
    for chosen, (column, value, kind, arrives) in zip(memory_ids(source), NUMBERS, strict=False):
        put(source, "scheduling", column, value, "memory_id", chosen)
        wanted[(UUID(chosen),)][column] = arrives
        if kind is not None:
            errors.add((chosen, column, kind, True))
    last = memory_ids(source)[-1]
    insert(source, "scheduling", (last.upper(), 1, 1, 1, None, None, 1, 1), (NOBODY, 1, 1, 1, None, None, 1, 1),
           ("note", 1, 1, 1, None, None, 1, 1))  # fmt: skip
    report = foretold_and_copied(source, database, batch_size=4)
    assert told(report, "scheduling") == errors | {
        (last.upper(), "memory_id", "duplicate_id", False),
        (NOBODY, "memory_id", "missing_reference", False),
        ("note", "memory_id", "bad_uuid", False),
    }
    assert read_tables(database)["scheduling"] == wanted


def test_edges(loose: Path, database: Database) -> None:
    first, second, third, fourth, *_ = memory_ids(loose)
    edit(loose, "DELETE FROM edges")
    insert(
        loose, "edges",
        (first, second, "causal", "strong", WHEN),
        (first, third, None, 0.5, None),
        (first, first, "self", 9e999, "2026-01-01 00:00:00"),
        (first.upper(), second, "again", 0.5, WHEN),
        (second, first, "back", "0.25", WHEN),
        (second, NOBODY, "causal", 0.5, WHEN),
        (NOBODY, second, "causal", 0.5, WHEN),
        (second, "there", "causal", 0.5, WHEN),
        (third, None, "causal", 0.5, WHEN),
        (fourth, second, Raw(b"\xff"), b"1", "soon"),
    )  # fmt: skip
    report = foretold_and_copied(loose, database, batch_size=3)
    assert told(report, "edges") == {
        (f"{first}→{second}", "weight", "bad_number", True),
        (f"{first}→{third}", "edge_type", "missing_value", True),
        (f"{first}→{third}", "created_at", "missing_value", True),
        (f"{first.upper()}→{second}", "source_id", "duplicate_id", False),
        (f"{second}→{NOBODY}", "target_id", "missing_reference", False),
        (f"{NOBODY}→{second}", "source_id", "missing_reference", False),
        (f"{second}→there", "target_id", "bad_uuid", False),
        (f"{third}→", "target_id", "bad_uuid", False),
        (f"{fourth}→{second}", "edge_type", "unstorable_text", True),
        (f"{fourth}→{second}", "weight", "bad_number", True),
        (f"{fourth}→{second}", "created_at", "bad_timestamp", True),
    }
    found = {
        key: (row["edge_type"], row["weight"], row["created_at"]) for key, row in read_tables(database)["edges"].items()
    }
    at = datetime(2026, 2, 13, 10, 11, 12, tzinfo=UTC)
    ids = [UUID(text) for text in (first, second, third, fourth)]
    assert found == {
        (ids[0], ids[1]): ("causal", 1.0, at),
        (ids[0], ids[2]): ("semantic", 0.5, EPOCH),
        (ids[0], ids[0]): ("self", float("inf"), datetime(2026, 1, 1, tzinfo=UTC)),
        (ids[1], ids[0]): ("back", 0.25, at),
        (ids[3], ids[1]): ("\ufffd", 1.0, EPOCH),
    }


def test_review_events(loose: Path, database: Database) -> None:
    first, second, *_ = memory_ids(loose)
    edit(loose, "DELETE FROM review_events")
    insert(
        loose, "review_events",
        (A, first, WHEN, 0.5, 0.9, 3, "review", "{}"),
        ("{" + A.upper() + "}", second, WHEN, 0.5, 0.9, 3, "review", "{}"),
        (B, first, "", "half", None, 40_000, None, "{"),
        (C, NOBODY, WHEN, 0.5, 0.9, 3, "review", "{}"),
        (NOWHERE, None, WHEN, 0.5, 0.9, 3, "review", "{}"),
        ("event 1", first, WHEN, 0.5, 0.9, 3, "review", "{}"),
        (NOBODY, first.upper(), WHEN, None, None, "4", "promote", '{"a": [1, {"b": null}]}'),
    )  # fmt: skip
    report = foretold_and_copied(loose, database, batch_size=2)
    assert told(report, "review_events") == {
        ("{" + A.upper() + "}", "id", "duplicate_id", False),
        (B, "occurred_at", "missing_value", True),
        (B, "retrievability_before", "bad_number", True),
        (B, "rating", "bad_number", True),
        (B, "kind", "missing_value", True),
        (B, "metadata", "malformed_json", True),
        (C, "memory_id", "missing_reference", False),
        (NOWHERE, "memory_id", "bad_uuid", False),
        ("event 1", "id", "bad_uuid", False),
    }
    found = read_tables(database)["review_events"]
    assert found.keys() == {(UUID(A),), (UUID(B),), (UUID(NOBODY),)}
    assert found[(UUID(B),)] == {
        "id": UUID(B), "memory_id": UUID(first), "occurred_at": EPOCH, "retrievability_before": None,
        "retrievability_after": None, "rating": None, "kind": "review", "metadata": {},
    }  # fmt: skip
    assert (found[(UUID(NOBODY),)]["rating"], found[(UUID(NOBODY),)]["metadata"]) == (4, {"a": [1, {"b": None}]})


def test_domains(sources: Sources, database: Database) -> None:
    """Their ids are texts: what was apart in SQLite may become one in PostgreSQL, and then the later one is told."""
    source = sources.seed()
    edit(source, "DROP TABLE domains")
    edit(source, "CREATE TABLE domains (id PRIMARY KEY, label, centroid, top_terms, memory_count, created_at)")
    insert(
        source, "domains",
        ("a\0", "first of a kind", None, "[]", 0, WHEN),
        ("a\ufffd", "it was a replacement character already", None, "[]", 0, WHEN),
        (Raw(b"a\xff"), "not UTF-8", None, "[]", 0, WHEN),
        (1, "a number", None, "[]", 0, WHEN),
        ("1", "the same as text", None, "[]", 0, WHEN),
        (None, "none", None, "[]", 0, WHEN),
        ("", "empty", floats(float("nan")), '{"a": 1}', "many", "soon"),
        ("b", None, floats(1.0, 2.0), None, None, None),
        ("c", "C", bytes(4 * 16_001), "[]", 2**40, WHEN),
    )  # fmt: skip
    report = foretold_and_copied(source, database, batch_size=2)
    assert complaints(report) == Counter(
        ("domains", row, column, kind, kind != "duplicate_id")
        for row, column, kind in (
            ("a\0", "id", "unstorable_text"),
            ("a\ufffd", "id", "duplicate_id"),
            ("a\ufffd", "id", "duplicate_id"),
            ("1", "id", "duplicate_id"),
            (NIL_UUID, "centroid", "bad_vector"),
            (NIL_UUID, "top_terms", "misshapen_json"),
            (NIL_UUID, "memory_count", "bad_number"),
            (NIL_UUID, "created_at", "bad_timestamp"),
            ("b", "label", "missing_value"),
            ("b", "memory_count", "missing_value"),
            ("b", "created_at", "missing_value"),
            ("c", "centroid", "bad_vector"),
            ("c", "memory_count", "bad_number"),
        )
    ) + Counter([("domains", NIL_UUID, "id", "missing_value", False)])
    found = {key[0]: row["label"] for key, row in read_tables(database)["domains"].items()}
    assert found == {"a\ufffd": "first of a kind", "1": "a number", "": "empty", "b": "", "c": "C"}
    assert report.tables["domains"].failed == 4
    assert sum(error.kind is Kind.DUPLICATE_ID for error in report.errors) == 3


# Kinds that need another stage


def test_a_trigger_of_the_destination(loose: Path, copied_database: Database) -> None:
    """Only the server knows it, so no dry run can foretell it; it costs the one row and nothing else."""
    chosen = memory_ids(loose)[4]
    copied_database.execute(
        "TRUNCATE knowledge_nodes CASCADE",
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF NEW.id = '{chosen}' THEN RAISE EXCEPTION 'no: %', NEW.content; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    report = copy(loose, copied_database, batch_size=6)
    assert told(report, "knowledge_nodes") == {(chosen, None, "refused_by_server", False)}
    assert report.memories_copied == 29


def test_vectors_of_another_model(sources: Sources, database: Database) -> None:
    source = sources.published(13)
    ids = [row[0] for row in query(source, "SELECT node_id FROM node_embeddings ORDER BY node_id")]
    for chosen in ids[:5]:
        edit(source, "UPDATE node_embeddings SET model = 'all-MiniLM-L6-v2' WHERE node_id = ?", (chosen,))
    report = foretold_and_copied(source, database)
    error = only_error(report)
    assert (error.row, error.field, error.kind, error.copied) == (NIL_UUID, "embedding", Kind.OTHER_MODEL, True)
    assert "5 embeddings were made by all-MiniLM-L6-v2" in error.message
    found = read_tables(database)["knowledge_nodes"]
    assert {key for key, row in found.items() if row["embedding"]} == {(UUID(chosen),) for chosen in ids[5:]}


def test_no_vector_is_dropped_without_a_word(sources: Sources, database: Database) -> None:
    """Whatever stands where the model's name belongs: its vectors either arrive or are counted in an error."""
    source = sources.published(13)
    loosen(source, "node_embeddings")
    ids = [row[0] for row in query(source, "SELECT node_id FROM node_embeddings ORDER BY node_id")]
    garbled: list[object] = [b"\xff\xfe", Raw(b"nomic\xff"), "", 7, None, "nomic-ai/nomic-embed-text-v1.5\0"]
    for chosen, value in zip(ids, garbled, strict=False):
        put(source, "node_embeddings", "model", value, "node_id", chosen)
    report = foretold_and_copied(source, database)
    missing = len(ids) - database.value("SELECT count(embedding) FROM knowledge_nodes")
    assert {error.kind for error in report.errors} == {Kind.OTHER_MODEL}
    assert sum(int(error.message.split()[0]) for error in report.errors) == missing
    assert missing == len(garbled) - 1  # no name at all is taken for the registered model's


# Values that are sound, and longer than an index takes

LONG = os.urandom(4_000).hex()
"""Eight thousand characters that no compression makes fit into a third of a page."""


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("node_type", LONG),
        ("codebase", LONG),
        ("tags", json.dumps([LONG])),
        ("domains", json.dumps([LONG])),
        ("node_type", random.Random(100_000).randbytes(800_000).hex(" ", 8)),
    ],
    ids=["node_type", "codebase", "tags", "domains", "node_type of 1.6 MB"],
)
def test_a_value_too_long_for_an_index_stops_nothing(
    sources: Sources, database: Database, column: str, value: str
) -> None:
    """The run ends with a report, the dry run foretold it, and the memory is there, with the next run as well."""
    source = sources.seed()
    chosen = memory_ids(source)[3]
    edit(source, f"UPDATE knowledge_nodes SET {column} = ? WHERE id = ?", (value, chosen))
    foretold_and_copied(source, database)
    assert database.value("SELECT count(*) FROM knowledge_nodes WHERE id = %s", (chosen,)) == 1
    database.rows("DELETE FROM knowledge_nodes WHERE id = %s RETURNING 1", (chosen,))
    foretold_and_copied(source, database)
    assert database.value("SELECT count(*) FROM knowledge_nodes WHERE id = %s", (chosen,)) == 1


def test_an_edge_type_too_long_for_an_index_stops_nothing(sources: Sources, database: Database) -> None:
    source = sources.seed()
    edit(source, "UPDATE edges SET edge_type = ? WHERE rowid = 1", (LONG,))
    assert copy(source, database).memories_copied == 30


# What the dry run foretells


def test_of_two_faults_in_one_row_the_same_one_is_told(sources: Sources, database: Database) -> None:
    """The server names the check before the reference, and the first reference before the second."""
    source = sources.seed()
    chosen = memory_ids(source)[3]
    edit(source, "UPDATE knowledge_nodes SET visibility = 'secret', owner_user_id = ? WHERE id = ?", (NOBODY, chosen))
    loosen(source, "edges", "group_memberships")
    insert(source, "edges", (NOBODY, NOWHERE, "causal", 0.5, WHEN))
    insert(source, "group_memberships", (NOBODY, NOWHERE, "owner", WHEN), (NOWHERE, NOBODY, "member", WHEN))
    foretold_and_copied(source, database)


def test_a_destination_that_has_lost_its_users(small_source: Path, copied_database: Database) -> None:
    """A copy makes the bootstrap user anew before anything else, and the dry run counts with that."""
    copied_database.execute("TRUNCATE users CASCADE")
    foretold_and_copied(small_source, copied_database)


def test_every_kind_was_seen() -> None:
    """The cases above know every kind there is; a new one needs its own."""
    told_by_memories = {case.kind for case in MEMORIES if case.kind}
    told_elsewhere = {
        Kind.DUPLICATE_ID, Kind.ALREADY_TAKEN, Kind.BAD_NUMBER, Kind.OTHER_MODEL, Kind.REFUSED_BY_SERVER,
    }  # fmt: skip
    assert told_by_memories | told_elsewhere == set(Kind)
