"""The expectation as a stream: in the destination's order, the same in blocks and ranges of any size, sharing nothing
with the copy. What it expects of each value, the tests that compare it with copies say.
"""

from __future__ import annotations

import ast
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import vestige_tui.core.verify.expectation as package
from tests.support.ninth import WHEN, add_ninth_table, note_id, write_notes
from tests.support.odd_sources import OddSource, odd_sources
from tests.support.odd_values import MODEL
from tests.support.servers import Database
from tests.support.sources import memory_ids
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.verify.expectation import Block, Expectation, Key, Text, blocks, keyed, values

DIMENSION = 3
TABLES = ("users", "groups", "group_memberships", "knowledge_nodes", "scheduling", "edges", "review_events", "domains")
SHARED_WITH_THE_COPY = {
    "vestige_tui.core.repairs.document",
    "vestige_tui.core.repairs.document.as_json",
    "vestige_tui.core.repairs.document.fingerprint",
    "vestige_tui.core.rows",
    "vestige_tui.core.rows.tables",
    "vestige_tui.core.rows.pg_types",
}


@contextmanager
def expected(path: Path) -> Iterator[Expectation]:
    with open_source(path) as connection:
        yield Expectation(connection, model=MODEL, dimension=DIMENSION)


def rows(found: Iterator[Block]) -> tuple[list[tuple[Key, object]], Counter[object]]:
    """Every row with its key, and what is left out."""
    blocks_ = [*found]
    left_out = Counter[object](complaint for block in blocks_ for complaint in block.left_out)
    return [(key, block.row(place)) for block in blocks_ for place, key in enumerate(block.keys)], left_out


def write(path: Path, *statements: str | tuple[str, Sequence[Sequence[Any]]]) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            if isinstance(statement, str):
                connection.execute(statement)
            else:
                connection.executemany(*statement)
    return path


def test_it_shares_nothing_with_the_copy() -> None:
    """Of the copy it imports the description of tables alone, and of a column's description it calls no converter."""
    (folder,) = map(Path, package.__path__)
    imported, attributes = set(), set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                imported |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.Attribute):
                attributes.add(node.attr)
    shared = {name for name in imported if name and name.startswith("vestige_tui.") and package.__name__ not in name}
    modules = {name for name in shared if name.rpartition(".")[2].islower()}
    assert modules == SHARED_WITH_THE_COPY
    assert {"row", "rule", "columns"} <= attributes
    assert not {"converter", "copy_format"} & attributes


@pytest.mark.parametrize("layout", ["seed", "published"])
def test_any_blocks_and_ranges_give_the_same_rows(layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is odd about the file: repeats, spellings, encodings, views, tables without rowids."""

    @given(
        odd_sources(layout, DIMENSION),
        st.integers(1, 4),
        st.lists(st.text("0123456789abcdef-", max_size=6).filter(bool), max_size=3),
        st.sampled_from([(1, keyed._NARROW), (300, 0), (blocks.BLOCK_BYTES, 0)]),
    )
    @settings(
        max_examples=settings().max_examples // 8,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    def check(odd: OddSource, size: int, cuts: list[str], limits: tuple[int, int]) -> None:
        source = odd.write(tmp_path / "vestige.db")
        monkeypatch.undo()
        with expected(source) as expectation:
            whole = {table: rows(expectation.blocks(table, 1000)) for table in TABLES}
            counts = expectation.counts
        monkeypatch.setattr(blocks, "BLOCK_BYTES", limits[0])
        monkeypatch.setattr(keyed, "_NARROW", limits[1])
        bounds = [None, *((cut,) for cut in sorted({*cuts})), None]
        with expected(source) as expectation:
            for table in TABLES:
                found, left_out = whole[table]
                keys = [key for key, _ in found]
                assert keys == sorted({*keys})
                assert len(found) + left_out.total() == counts.get(table, 0)
                parts = [
                    rows(expectation.blocks(table, size, first=first, last=last)) for first, last in pairwise(bounds)
                ]
                assert [row for part, _ in parts for row in part] == found
                assert sum((lost for _, lost in parts), Counter[object]()) == left_out

    check()


ONE = str(UUID(int=1))
IDS = st.uuids().map(str)
SPELLINGS = (str, str.upper, lambda text: text.replace("-", ""), "{{{}}}".format, "urn:uuid:{}".format)


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
@pytest.mark.parametrize("odd", [False, True], ids=["canonical", "odd"])
def test_the_order_is_that_of_the_destination(encoding: str, odd: bool, tmp_path: Path, database: Database) -> None:
    """Ids, pairs of ids and texts, however the file spells them."""
    spell = st.sampled_from(SPELLINGS if odd else (str,))

    @given(
        st.lists(st.tuples(IDS, IDS, spell), min_size=1, max_size=30, unique_by=lambda pair: UUID(pair[0])),
        st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), max_size=20, unique=True),
    )
    @settings(max_examples=10, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck))
    def check(pairs: list[tuple[str, str, Any]], words: list[str]) -> None:
        path = tmp_path / "vestige.db"
        path.unlink(missing_ok=True)
        write(
            path,
            f"PRAGMA encoding = '{encoding}'",
            "CREATE TABLE edges (source_id TEXT COLLATE NOCASE, target_id TEXT COLLATE NOCASE)",
            ("INSERT INTO edges VALUES (?, ?)", [(spell(one), spell(two)) for one, two, spell in pairs]),
            ("INSERT INTO edges VALUES (?, ?)", [(spell(one), spell(one)) for one, _, spell in pairs]),
            "CREATE TABLE domains (id TEXT COLLATE RTRIM)",
            ("INSERT INTO domains VALUES (?)", [(word,) for word in words]),
        )
        with expected(path) as expectation:
            edges = [key for block in expectation.blocks("edges", 7) for key in block.keys]
            domains = [key for block in expectation.blocks("domains", 7) for key in block.keys]
        ids = [UUID(one) for one, *_ in pairs] * 2
        others = [UUID(two) for _, two, _ in pairs] + ids[: len(pairs)]
        assert (
            edges
            == connection.execute(
                "SELECT a::text, b::text FROM unnest(%s::uuid[], %s::uuid[]) t (a, b) GROUP BY a, b ORDER BY a, b",
                (ids, others),
            ).fetchall()
        )
        assert (
            domains
            == connection.execute('SELECT w FROM unnest(%s::text[]) t (w) ORDER BY w COLLATE "C"', (words,)).fetchall()
        )

    with database.connect() as connection:
        check()


def test_blocks_are_as_large_as_asked_for(tmp_path: Path) -> None:
    """Both sides of a comparison move in step: a repeat or a row without a key makes no block shorter."""
    ids = [f"00000000-0000-4000-8000-{number:012d}" for number in range(100)]
    path = write(
        tmp_path / "vestige.db",
        "CREATE TABLE users (id, handle, mood)",
        ("INSERT INTO users VALUES (?, ?, 1)", [(id_, id_) for id_ in ids]),
        ("INSERT INTO users VALUES (?, ?, 2)", [(id_.upper(), f"{id_} again") for id_ in ids[10:90]]),
        ("INSERT INTO users VALUES (?, ?, 3)", [(f"{ids[0]}{number}", "x") for number in range(25)] + [(None, "y")]),
    )
    with expected(path) as expectation:
        found = [*expectation.blocks("users", 30)]
    assert [len(block) for block in found if len(block)] == [30, 30, 30, 10]
    assert [mood for block in found for mood in block.extra["mood"]] == [1] * 100
    assert Counter(kind for block in found for *_, kind, _ in block.left_out) == {"duplicate_id": 80, "bad_uuid": 26}


@pytest.mark.parametrize("ids", [(ONE[:-1], ONE[-1] + ONE), (f"{ONE},{ONE}",)], ids=["shifted", "joined"])
def test_ids_that_only_look_canonical_when_joined(ids: tuple[str, ...], tmp_path: Path) -> None:
    """A digit too few, and the next with one too many; and two in one."""
    path = write(
        tmp_path / "vestige.db",
        "CREATE TABLE users (id, handle)",
        ("INSERT INTO users VALUES (?, ?)", [(id_, id_) for id_ in ids]),
    )
    with expected(path) as expectation:
        found, left_out = rows(expectation.blocks("users", 10))
    assert (found, left_out.total()) == ([], len(ids))


def test_a_wider_key(tmp_path: Path) -> None:
    """A destination may tell rows apart by more columns than the copy's own tables do."""
    one, two = UUID(int=1), UUID(int=2)
    kinds = ["semantic", "causal", "semantic", None, "x" * 3000]
    path = write(
        tmp_path / "vestige.db",
        "CREATE TABLE edges (source_id, target_id, edge_type, weight)",
        ("INSERT INTO edges VALUES (?, ?, ?, ?)", [(str(one), str(two), kind, n) for n, kind in enumerate(kinds)]),
    )
    with expected(path) as expectation:
        narrow, _ = rows(expectation.blocks("edges", 10))
        (block,) = expectation.blocks("edges", 10, key=("source_id", "target_id", "edge_type"))
    assert [key for key, _ in narrow] == [(str(one), str(two))]
    assert [(key[2], weight) for key, weight in zip(block.keys, block.columns["weight"], strict=True)] == [
        ("causal", 1),
        ("semantic", 0),
        ("x" * 2600, 4),
    ]
    assert [complaint[3] for complaint in block.left_out] == ["duplicate_id", "duplicate_id"]


def test_what_the_source_keeps_out(tmp_path: Path) -> None:
    """Asked of single rows: taken handles, references to what is not there or does not arrive itself, and checks."""
    ada, bob, eve, gone = (str(UUID(int=number)) for number in (10, 11, 12, 13))
    path = write(
        tmp_path / "vestige.db",
        "CREATE TABLE users (id, handle)",
        ("INSERT INTO users VALUES (?, ?)", [(ada, "ada"), (bob, "ada"), (eve, None)]),
        "CREATE TABLE groups (id, handle)",
        ("INSERT INTO groups VALUES (?, 'team')", [(gone,)]),
        "CREATE TABLE group_memberships (user_id, group_id, role)",
        ("INSERT INTO group_memberships VALUES (?, ?, ?)",
         [(ada, gone, "member"), (bob, gone, "admin"), (eve, gone, "member"), (gone, gone, None), (ada, ada, "owner")]),
    )  # fmt: skip
    with expected(path) as expectation:
        users = {key: expectation.may_be_absent("users", key) for key in ((ada,), (bob,), (eve,))}
        found, _ = rows(expectation.blocks("group_memberships", 10))
        memberships = {key: expectation.may_be_absent("group_memberships", key) for key, _ in found}
        assert expectation.made_user is not None
        assert expectation.made_user["handle"] == "local"
    assert users == {
        (ada,): None,
        (bob,): ("users", bob, "handle", "already_taken", False),
        (eve,): ("users", eve, "handle", "missing_value", False),
    }
    assert {key[0]: reason and reason[2:4] for key, reason in memberships.items() if key[1] == gone} == {
        ada: None,
        bob: ("user_id", "missing_reference"),
        eve: ("user_id", "missing_reference"),
        gone: ("user_id", "missing_reference"),
    }
    assert memberships[(ada, ada)] == ("group_memberships", f"{ada}→{ada}", "role", "value_not_allowed", False)


def test_a_ninth_table(small_source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_ninth_table(monkeypatch)
    write_notes(small_source, memory_ids(small_source))
    with expected(small_source) as expectation:
        (block,) = expectation.blocks("notes", 100)
        row = block.row(block.keys.index((note_id(2),)))
        assert expectation.may_be_absent("notes", (note_id(2),)) is None
    assert row.values is not None
    assert (row.values["weight"], row.values["labels"], row.values["metadata"]) == (0.5, ["label 2"], {"mood": "calm"})
    assert row.values["noted_at"].isoformat() == WHEN.replace("Z", "+00:00")


def test_what_is_not_utf8_and_what_no_calendar_has(tmp_path: Path) -> None:
    """TEXT, a BLOB and TEXT that is not UTF-8 are told apart in one column, in a table of any width."""
    ids = [str(UUID(int=number)) for number in range(5)]
    path = write(
        tmp_path / "vestige.db",
        "CREATE TABLE users (id, handle, created_at)",
        ("INSERT INTO users VALUES (?, ?, '0001-01-01T00:00:00+05:00')", [*zip(ids[:2], ["a", b"b"], strict=True)]),
        ("INSERT INTO users VALUES (?, CAST(? AS TEXT), '')", [(ids[2], b"\xff"), (ids[3], b"d" * 2000)]),
    )
    with expected(path) as expectation:
        found = [*expectation.blocks("users", 2)]
        judged = [block.row(place).values for block in found for place in range(len(block))]
    handles = [handle for block in found for handle in block.columns["handle"]]
    assert [type(handle) for handle in handles] == [str, bytes, Text, str]
    assert [row and row["handle"][:2] for row in judged] == ["a", "b", "\ufffd", "dd"]
    assert judged[0] is not None
    before_all = judged[0]["created_at"] - values.EPOCH
    assert before_all // (values.EPOCH.resolution) == -62_135_596_800_000_000 - 5 * 3_600_000_000
