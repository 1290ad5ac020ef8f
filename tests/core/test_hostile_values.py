"""Every broken value there is, each with what must become of it: kind, field, whether the row arrives, and as what.

One source holds them all, each in a memory (or another row) of its own, so that an error in one would show in others.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.support.destination import Row, read_tables
from tests.support.expected import BOOTSTRAP_USER, expected_tables
from tests.support.flaws import EPOCH, NOBODY, NOWHERE, Raw, floats, put
from tests.support.hostile import (
    Complaint,
    complaint,
    foretold_and_copied,
    loosen,
)
from tests.support.servers import Server
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids
from vestige_tui.core.report import MigrationReport
from vestige_tui.core.rows.problems import NIL_UUID, Kind

DEEP = 100_000


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
    memory("metadata twice the same key", "metadata", '{"a": 1, "a": 2}', Kind.DUPLICATE_JSON_KEY, {"a": 2}),
    memory("metadata twice a key, escaped", "metadata", '{"b:": 1, "b\\u003a": 2}', Kind.DUPLICATE_JSON_KEY, {"b:": 2}),
    memory("metadata twice a key, deep", "metadata", '[{"a": {"b": 1, "b": [":"]}}]', Kind.DUPLICATE_JSON_KEY,
           [{"a": {"b": [":"]}}]),
    memory("metadata with escaped colons", "metadata", '{"b\\u003a": "\\u003A:"}', None, {"b:": "::"}),
    memory("scores twice the same key", "domain_scores", '{"a": "high", "a": 2}', Kind.DUPLICATE_JSON_KEY, {"a": 2}),
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
    reported = moved.errors.get(("knowledge_nodes", chosen), [])
    if case.kind is None:
        assert reported == []
    else:
        assert reported == [("knowledge_nodes", chosen, case.column, case.kind.value, case.copied)]
    found = moved.found["knowledge_nodes"].get((UUID(chosen),))
    if not case.copied:
        assert found is None
    else:
        assert found == moved.wanted["knowledge_nodes"][(UUID(chosen),)] | {case.column: case.arrives}
        assert moved.found["scheduling"][(UUID(chosen),)] == moved.wanted["scheduling"][(UUID(chosen),)]


def test_ids_that_are_none(moved: Moved) -> None:
    reported = [error for error in moved.report.errors if error.kind is Kind.BAD_UUID and error.field == "id"]
    assert len(reported) == len(BAD_IDS)
    assert not any(error.copied for error in reported)
    assert sum(error.row == NIL_UUID for error in reported) == 2  # no id, and an empty one
    assert not [row for row in moved.found["knowledge_nodes"].values() if row["content"].startswith("bad id")]


@pytest.mark.parametrize("number", range(len(SPELLINGS)))
def test_an_id_in_any_spelling_is_found_by_what_refers_to_it(moved: Moved, number: int) -> None:
    chosen = UUID(moved.ids[f"spelling {number}"])
    assert moved.found["knowledge_nodes"][(chosen,)] == moved.wanted["knowledge_nodes"][(chosen,)]
    assert moved.found["scheduling"][(chosen,)] == moved.wanted["scheduling"][(chosen,)]


@pytest.mark.parametrize("number", range(len(SPELLINGS)))
def test_ids_that_are_one_once_canonical(moved: Moved, number: int) -> None:
    """The earlier one stays, and the later one is reported."""
    label = SPELLINGS[number - 1](moved.ids[f"spelling {number}"])
    assert moved.errors[("knowledge_nodes", label)] == [
        ("knowledge_nodes", label, "id", Kind.DUPLICATE_ID.value, False)
    ]


def test_nothing_else_is_reported_and_no_row_is_missing(moved: Moved) -> None:
    """The neighbours of all these rows arrived untouched, and every memory that is missing is named."""
    broken = sum(case.kind is not None for case in MEMORIES) + len(BAD_IDS) + len(SPELLINGS)
    assert len(moved.report.errors) == broken
    assert len(moved.found["knowledge_nodes"]) == moved.report.memories_copied
    gone = sum(not case.copied for case in MEMORIES) + len(BAD_IDS) + len(SPELLINGS)
    assert moved.report.tables["knowledge_nodes"].failed == gone
    assert moved.report.tables["knowledge_nodes"].repaired == broken - gone


def test_every_kind_was_seen() -> None:
    """The cases above know every kind there is; a new one needs its own."""
    told_by_memories = {case.kind for case in MEMORIES if case.kind}
    told_elsewhere = {
        Kind.DUPLICATE_ID, Kind.ALREADY_TAKEN, Kind.BAD_NUMBER, Kind.OTHER_MODEL, Kind.REFUSED_BY_SERVER,
        Kind.DANGLING_REFERENCE, Kind.TOO_LARGE, Kind.TOO_LONG_FOR_INDEX, Kind.STALE_VECTOR,
        Kind.DIFFERS_AT_DESTINATION, Kind.GONE_AT_DESTINATION,
    }  # fmt: skip
    assert told_by_memories | told_elsewhere == set(Kind)
