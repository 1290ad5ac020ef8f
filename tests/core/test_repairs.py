"""Repairs: broken rows arrive as an operator wants them, and the source stays as it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.support.destination import read_tables
from tests.support.runs import TABLES, copy, counts
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids, query
from vestige_tui.core.plan import VerificationPlan
from vestige_tui.core.repairs.document import Repair, Repairs
from vestige_tui.core.repairs.errors import Flaw, RepairsError
from vestige_tui.core.report import Outcome
from vestige_tui.core.run.verification import run_verification
from vestige_tui.core.source.describe import describe_open
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.source.repaired_rows import Rows, decoding
from vestige_tui.core.verify.report import VerificationReport
from vestige_tui.core.verify.result import VerificationOutcome

NEW = "11111111-2222-4333-8444-55555555555a"
OTHER = "11111111-2222-4333-8444-55555555555b"
NOBODY = "99999999-9999-4999-8999-999999999999"
WORDS = "Typed anew."
MEMORIES = "knowledge_nodes"
NONE = dict.fromkeys(TABLES, 0)


def of(*entries: tuple[str, str, dict[str, Any] | str]) -> Repairs:
    """Repairs by table and row: new values, or the reason why a row is left out."""
    return Repairs(
        tuple(
            Repair(table, row, leave_out=what) if isinstance(what, str) else Repair(table, row, what)
            for table, row, what in entries
        )
    )


def verified(source: Path, database: Database, repairs: Repairs) -> VerificationReport:
    return run_verification(VerificationPlan(source, database.dsn, repairs=repairs))


def marked(source: Path, repair: Repair, row: int = 0) -> Repair:
    """A repair with the fingerprint of its row."""
    with open_source(source) as connection:
        table = describe_open(connection, source).sources[repair.table]
        with decoding(connection):
            found = Rows(connection, table).found({repair.row})[repair.row]
        return replace(repair, fingerprint=found[row].fingerprint)


def refused(source: Path, database: Database, repairs: Repairs) -> list[tuple[Flaw, str | None, str | None]]:
    """What is wrong with repairs, found before anything is written; a dry run and a verification find it, too."""
    with pytest.raises(RepairsError) as caught:
        copy(source, database, repairs=repairs)
    assert read_tables(database) == {}
    found = [(problem.flaw, problem.row, problem.field) for problem in caught.value.problems]
    with pytest.raises(RepairsError) as again:
        copy(source, database, repairs=repairs, dry_run=True)
    assert again.value.problems == caught.value.problems
    return found


def mended(source: Path) -> tuple[Repairs, dict[str, dict[str, Any]]]:
    """A repair for each broken row of the demo, and what the destination should have, by the id there."""
    listed = query(
        source, "SELECT id, metadata, shared_with_groups, content, visibility, length(embedding) FROM knowledge_nodes"
    )
    usual = max({row[5] for row in listed} - {None}, key=[row[5] for row in listed].count)
    wanted: dict[str, tuple[str, dict[str, Any]]] = {}
    for row, metadata, groups, content, visibility, size in listed:
        if row in ("note-7", "note-8"):
            fresh = NEW if row == "note-7" else OTHER
            wanted[fresh] = row, {"id": fresh}
        elif content == "":
            wanted[row] = row, {"content": WORDS}
        elif visibility == "secret":
            wanted[row] = row, {"visibility": "group"}
        elif size not in (usual, None):
            wanted[row] = row, {"embedding": None}
        elif groups in ('["platform-team"]', '{"groups": "all"}'):
            wanted[row] = row, {"shared_with_groups": []}
        elif not metadata.startswith("{") or not metadata.endswith("}") or "'" in metadata or ",]" in metadata:
            wanted[row] = row, {"metadata": {"a": 1, "b": ["ü", None]}}
    repairs = of(*((MEMORIES, row, values) for row, values in wanted.values()))
    return repairs, {row: values for row, (_, values) in wanted.items()}


def test_every_broken_row_of_the_demo_arrives(sources: Sources, database: Database, other_database: Database) -> None:
    """With the values of the repairs, verified as equal; the same file gives the same elsewhere."""
    source = sources.seed(replace(SMALL_SPEC, broken_rows=True))
    before = source.read_bytes()
    assert copy(source, database, dry_run=True).outcome is Outcome.ERRORS
    repairs, wanted = mended(source)
    assert len(repairs.entries) == 12
    report = copy(source, database, repairs=repairs)
    assert (report.outcome, report.verified, report.errors) == (Outcome.CLEAN, True, [])
    assert (report.repaired_by_operator, report.left_out_by_operator) == ({MEMORIES: 12}, {})
    assert report.memories_copied == SMALL_SPEC.memories
    tables = read_tables(database)
    for row, values in wanted.items():
        there = tables[MEMORIES][(UUID(row),)]
        assert {name: there[name] for name in values} == values | ({"id": UUID(row)} if "id" in values else {})
    assert verified(source, database, repairs).outcome is VerificationOutcome.EQUAL
    assert verified(source, database, Repairs()).outcome is VerificationOutcome.DIFFERENT
    assert copy(source, other_database, dry_run=True, repairs=repairs).outcome is Outcome.CLEAN
    elsewhere = sources.seed(replace(SMALL_SPEC, broken_rows=True), name="elsewhere.db")
    copy(elsewhere, other_database, repairs=repairs)
    assert read_tables(other_database) == tables
    again = copy(source, database, repairs=repairs)
    assert (again.outcome, counts(again, "inserted")) == (Outcome.CLEAN, NONE)
    assert source.read_bytes() == before


def rename(source: Path, table: str, old: str, new: str) -> None:
    """Give a row an id that is no UUID, in every row that refers to it."""
    columns = {
        "knowledge_nodes": [
            ("knowledge_nodes", "id"),
            ("scheduling", "memory_id"),
            ("edges", "source_id"),
            ("edges", "target_id"),
            ("memory_connections", "source_id"),
            ("memory_connections", "target_id"),
            ("review_events", "memory_id"),
            ("node_embeddings", "node_id"),
        ],
        "users": [("users", "id"), ("group_memberships", "user_id"), ("knowledge_nodes", "owner_user_id")],
        "groups": [("groups", "id"), ("group_memberships", "group_id")],
    }
    there = {
        (name, column)
        for name, column in query(source, "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c")
    }
    for name, column in columns[table]:
        if (name, column) in there:
            edit(source, f'UPDATE "{name}" SET "{column}" = ? WHERE "{column}" = ?', (new, old))
    if table == "groups":
        edit(source, "UPDATE knowledge_nodes SET shared_with_groups = replace(shared_with_groups, ?, ?)", (old, new))


@pytest.mark.parametrize("layout", ["seed", "published", "old"])
def test_a_new_id_goes_into_every_row_that_refers_to_the_old_one(
    layout: str, sources: Sources, database: Database, other_database: Database
) -> None:
    """The destination is as if the ids had been these from the start; a verification reads an old file as it is."""
    old = layout == "old"
    source = sources.seed(version=14) if old else sources.seed() if layout == "seed" else sources.published(30)
    edges = "memory_connections" if layout == "published" else "edges"
    memory = query(source, f"SELECT source_id FROM {edges}")[0][0]
    renamed = [(MEMORIES, memory, NEW, "note-7")]
    if layout == "seed":
        group, user = (query(source, f"SELECT id FROM {table} ORDER BY id DESC")[0][0] for table in ("groups", "users"))
        renamed += [("groups", group, OTHER, "team"), ("users", user, NOBODY, "someone")]
    for table, before, after, _ in renamed:
        rename(source, table, before, after)
    copy(source, database, upgrade_copy=old)
    for table, _, after, broken in renamed:
        rename(source, table, after, broken)
    bytes_before = source.read_bytes()
    repairs = of(*((table, broken, {"id": after}) for table, _, after, broken in renamed))
    report = copy(source, other_database, repairs=repairs, upgrade_copy=old)
    assert (report.outcome, report.errors, report.verified) == (Outcome.CLEAN, [], True)
    assert report.repaired_by_operator == {table: 1 for table, *_ in renamed}
    assert without_moment(read_tables(other_database)) == without_moment(read_tables(database))
    assert read_tables(other_database)[MEMORIES][(UUID(NEW),)]["embedding"] is not None
    assert verified(source, other_database, repairs).outcome is VerificationOutcome.EQUAL
    assert source.read_bytes() == bytes_before


def without_moment(tables: dict[str, Any]) -> dict[str, Any]:
    """The date of an owner that an upgrade makes is that of the upgrade."""
    return tables | {"users": {key: {**row, "created_at": None} for key, row in tables["users"].items()}}


@pytest.mark.parametrize("layout", ["seed", "published"])
def test_a_row_left_out_takes_along_what_depends_on_it(layout: str, sources: Sources, database: Database) -> None:
    """Neither is an error, and both are counted; a second run finds the rest there."""
    source = sources.seed() if layout == "seed" else sources.published(30)
    edges = "edges" if layout == "seed" else "memory_connections"
    memory = query(source, f"SELECT source_id FROM {edges}")[0][0]
    counted = {
        MEMORIES: 1,
        "scheduling": 1,
        "edges": query(source, f"SELECT count(*) FROM {edges} WHERE ? IN (source_id, target_id)", (memory,))[0][0],
    }
    if layout == "seed":
        reviews = query(source, "SELECT count(*) FROM review_events WHERE memory_id = ?", (memory,))[0][0]
        counted |= {"review_events": reviews} if reviews else {}
    repairs = of((MEMORIES, memory, "empty on purpose"))
    foretold = copy(source, database, repairs=repairs, dry_run=True)
    report = copy(source, database, repairs=repairs)
    for each in (foretold, report):
        assert (each.outcome, each.errors, each.left_out_by_operator) == (Outcome.CLEAN, [], counted)
        assert each.memories_copied == SMALL_SPEC.memories - 1
    assert report.verified
    tables = read_tables(database)
    assert (UUID(memory),) not in tables[MEMORIES]
    found = verified(source, database, repairs)
    assert (found.outcome, found.left_out_by_operator) == (VerificationOutcome.EQUAL, counted)
    again = copy(source, database, repairs=repairs)
    assert (again.outcome, counts(again, "inserted")) == (Outcome.CLEAN, NONE)
    assert read_tables(database) == tables


def test_of_two_rows_with_one_id_the_marked_one_is_meant(sources: Sources, database: Database) -> None:
    """What refers to the id stays with the other one; a mark that fits no row any more is refused."""
    source = sources.seed()
    first, second = memory_ids(source)[:2]
    edit(source, "CREATE TABLE loose AS SELECT * FROM knowledge_nodes")
    edit(source, "DROP TABLE knowledge_nodes")
    edit(source, "ALTER TABLE loose RENAME TO knowledge_nodes")
    content = query(source, "SELECT content FROM knowledge_nodes WHERE id = ?", (second,))[0][0]
    edit(source, "UPDATE knowledge_nodes SET id = ? WHERE id = ?", (first, second))
    for table in ("scheduling", "edges", "review_events"):
        edit(
            source,
            f"DELETE FROM {table} WHERE {'memory_id = ?1' if table != 'edges' else '?1 IN (source_id, target_id)'}",
            (second,),
        )
    plain = Repair(MEMORIES, first, {"id": NEW})
    assert refused(source, database, Repairs((plain,))) == [(Flaw.SEVERAL_ROWS, first, None)]
    repairs = Repairs((marked(source, plain, row=1),))
    report = copy(source, database, repairs=repairs)
    assert (report.outcome, report.errors, report.verified) == (Outcome.CLEAN, [], True)
    tables = read_tables(database)
    assert tables[MEMORIES][(UUID(NEW),)]["content"] == content
    assert ((UUID(first),) in tables["scheduling"], (UUID(NEW),) in tables["scheduling"]) == (True, False)
    edit(source, "UPDATE knowledge_nodes SET content = 'edited' WHERE content = ?", (content,))
    with pytest.raises(RepairsError) as caught:
        verified(source, database, repairs)
    assert [problem.flaw for problem in caught.value.problems] == [Flaw.ROW_CHANGED]


TOO_DEEP = json.loads("[" * 501 + "]" * 501)

REFUSALS: dict[str, tuple[str, str, dict[str, Any] | str, Flaw, str | None]] = {
    "table": ("memories", "MEMORY", {"content": WORDS}, Flaw.UNKNOWN_TABLE, None),
    "field": (MEMORIES, "MEMORY", {"contents": WORDS}, Flaw.UNKNOWN_FIELD, "contents"),
    "row": (MEMORIES, "note-9", {"content": WORDS}, Flaw.UNKNOWN_ROW, None),
    "row to leave out": ("edges", "MEMORY", "gone", Flaw.UNKNOWN_ROW, None),
    "empty content": (MEMORIES, "MEMORY", {"content": ""}, Flaw.VALUE, "content"),
    "null": (MEMORIES, "MEMORY", {"metadata": None}, Flaw.VALUE, "metadata"),
    "number for text": (MEMORIES, "MEMORY", {"content": 7}, Flaw.VALUE, "content"),
    "NUL": (MEMORIES, "MEMORY", {"content": "a\0b"}, Flaw.VALUE, "content"),
    "surrogate": (MEMORIES, "MEMORY", {"content": "\ud800"}, Flaw.VALUE, "content"),
    "JSON with NUL": (MEMORIES, "MEMORY", {"metadata": {"a": "\0"}}, Flaw.VALUE, "metadata"),
    "not a list": (MEMORIES, "MEMORY", {"tags": {"a": 1}}, Flaw.VALUE, "tags"),
    "not UUIDs": (MEMORIES, "MEMORY", {"shared_with_groups": ["team"]}, Flaw.VALUE, "shared_with_groups"),
    "too long": (MEMORIES, "MEMORY", {"node_type": "x" * 3000}, Flaw.VALUE, "node_type"),
    "not allowed": (MEMORIES, "MEMORY", {"visibility": "secret"}, Flaw.VALUE, "visibility"),
    "vector": (MEMORIES, "MEMORY", {"embedding": [1.0]}, Flaw.VALUE, "embedding"),
    "date": (MEMORIES, "MEMORY", {"created_at": "yesterday"}, Flaw.VALUE, "created_at"),
    "truth": ("scheduling", "MEMORY", {"reps": True}, Flaw.VALUE, "reps"),
    "fraction": ("scheduling", "MEMORY", {"reps": 1.5}, Flaw.VALUE, "reps"),
    "too large": ("scheduling", "MEMORY", {"reps": 1 << 40}, Flaw.VALUE, "reps"),
    "infinite": ("scheduling", "MEMORY", {"stability": float("inf")}, Flaw.VALUE, "stability"),
    "not a UUID": (MEMORIES, "MEMORY", {"id": "note-8"}, Flaw.VALUE, "id"),
    "too deep": (MEMORIES, "MEMORY", {"metadata": TOO_DEEP}, Flaw.VALUE, "metadata"),
    "taken id": (MEMORIES, "MEMORY", {"id": "OTHER"}, Flaw.KEY_TAKEN, "id"),
    "taken handle": ("users", "USER", {"handle": "local"}, Flaw.KEY_TAKEN, "handle"),
    "owner": (MEMORIES, "MEMORY", {"owner_user_id": NOBODY}, Flaw.NO_SUCH_REFERENCE, "owner_user_id"),
    "bootstrap user": ("users", "00000000-0000-0000-0000-000000000001", "gone", Flaw.NEEDED, None),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_repair_that_does_not_fit_is_refused(case: str, small_source: Path, database: Database) -> None:
    memory, other = memory_ids(small_source)[:2]
    user = query(small_source, "SELECT id FROM users WHERE handle <> 'local'")[0][0]
    names = {"MEMORY": memory, "OTHER": other.upper(), "USER": user}
    table, row, what, flaw, field = REFUSALS[case]
    row = names.get(row, row)
    values = (
        what
        if isinstance(what, str)
        else {name: names.get(value, value) if isinstance(value, str) else value for name, value in what.items()}
    )
    assert refused(small_source, database, of((table, row, values))) == [(flaw, row, field)]


def test_two_repairs_that_clash_are_refused(small_source: Path, database: Database) -> None:
    """Two of one row, however it is marked, and two that give rows the same id."""
    first, second = memory_ids(small_source)[:2]
    twice = Repair(MEMORIES, first, {"content": WORDS})
    assert refused(small_source, database, Repairs((twice, twice))) == [(Flaw.REPEATED, first, None)]
    assert refused(small_source, database, Repairs((twice, marked(small_source, twice)))) == [
        (Flaw.REPEATED, first, None)
    ]
    both = of((MEMORIES, first, {"id": NEW}), (MEMORIES, second, {"id": NEW}))
    assert refused(small_source, database, both) == [(Flaw.KEY_TAKEN, first, "id"), (Flaw.KEY_TAKEN, second, "id")]


@pytest.mark.parametrize("kind", ["without rowid", "view"])
def test_rows_without_a_number_are_repaired(kind: str, sources: Sources, database: Database) -> None:
    """They are found by their key; one gets a new id, one another value, and one is left out."""
    source = sources.seed()
    moved, changed, gone = memory_ids(source)[:3]
    edit(source, "ALTER TABLE knowledge_nodes RENAME TO stored")
    if kind == "view":
        edit(source, "CREATE VIEW knowledge_nodes AS SELECT * FROM stored")
    else:
        columns = ", ".join(
            name for (name,) in query(source, "SELECT name FROM pragma_table_info('stored') WHERE name <> 'id'")
        )
        edit(source, f"CREATE TABLE knowledge_nodes (id TEXT PRIMARY KEY, {columns}) WITHOUT ROWID")
        edit(source, f"INSERT INTO knowledge_nodes (id, {columns}) SELECT id, {columns} FROM stored")
        edit(source, "DROP TABLE stored")
    repairs = of(
        (MEMORIES, moved, {"id": NEW}), (MEMORIES, gone, "not wanted"), (MEMORIES, changed, {"tags": ["a", "ü"]})
    )
    copy(source, database, repairs=Repairs(repairs.entries[:2]), verify=False)
    report = copy(source, database, repairs=repairs)
    assert (report.outcome, report.errors, report.verified) == (Outcome.CLEAN, [], True)
    assert report.mended == {MEMORIES: 1}
    memories = read_tables(database)[MEMORIES]
    assert (UUID(NEW),) in memories
    assert not {(UUID(moved),), (UUID(gone),)} & memories.keys()
    assert memories[(UUID(changed),)]["tags"] == ["a", "ü"]
    again = copy(source, database, repairs=repairs)
    assert (again.outcome, counts(again, "inserted")) == (Outcome.CLEAN, NONE)


def test_no_source_is_upgraded_for_repairs_that_do_not_fit(sources: Sources, database: Database) -> None:
    source = sources.seed(version=14)
    before = source.read_bytes(), sorted(source.parent.iterdir())
    with pytest.raises(RepairsError):
        copy(source, database, repairs=of((MEMORIES, "note-9", {"content": WORDS})), allow_source_upgrade=True)
    assert (source.read_bytes(), sorted(source.parent.iterdir())) == before
    memory = memory_ids(source)[0]
    shared = of((MEMORIES, memory, {"visibility": "public"}))
    report = copy(source, database, repairs=shared, upgrade_copy=True)
    assert (report.outcome, report.verified) == (Outcome.CLEAN, True)
    assert verified(source, database, shared).outcome is VerificationOutcome.EQUAL
    assert verified(source, database, Repairs()).comparison.tables[MEMORIES].different == 1
    assert source.read_bytes() == before[0]
    assert read_tables(database)[MEMORIES][(UUID(memory),)]["visibility"] == "public"
