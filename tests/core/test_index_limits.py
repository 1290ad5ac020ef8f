"""Values that no index holds: the row arrives, the field is cut, metadata has the whole, and every index is built."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.core.test_indexes import WANTED, indexes
from tests.support.destination import read_tables
from tests.support.expected import BOOTSTRAP_USER, expected_tables
from tests.support.hostile import dump, foretold_and_copied
from tests.support.runs import TABLES, copy
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids
from vestige_tui.core.report import Outcome
from vestige_tui.core.rows.problems import Kind
from vestige_tui.sample import SampleSpec

NOISE = random.Random(9).randbytes(9_000).hex()[:9_000]
WIDE = "".join(chr(random.Random(place).randrange(0x4E00, 0x9FFF)) for place in range(3_000))
LONG = [NOISE, "x" * 9_000, WIDE, "a" + WIDE]
START = [NOISE[:2_600], "x" * 2_600, WIDE[:866], "a" + WIDE[:866]]  # of three bytes each
EMPTY = SampleSpec(memories=0, edges=0, review_events=0, users=0, groups=0, memberships=0, domains=0,
                   dimension=SMALL_SPEC.dimension, model_name=SMALL_SPEC.model_name,
                   model_hash=SMALL_SPEC.model_hash)  # fmt: skip

Wanted = dict[str, dict[tuple[Any, ...], dict[str, Any]]]


def spoil(source: Path) -> tuple[Wanted, set[tuple[str, str, str, bool]]]:
    """Put long values everywhere; what must arrive, and table, row, field and copied of what must be reported."""
    wanted = expected_tables(source)
    reported: set[tuple[str, str, str, bool]] = set()
    ids = memory_ids(source)

    def memory(column: str, value: object, arrives: object, whole: object) -> None:
        chosen = ids.pop()
        edit(source, f"UPDATE knowledge_nodes SET {column} = ? WHERE id = ?", (value, chosen))
        row = wanted["knowledge_nodes"][(UUID(chosen),)]
        row |= {column: arrives, "metadata": row["metadata"] | {column: whole}}
        reported.add(("knowledge_nodes", chosen, column, True))

    for value, start in zip(LONG, START, strict=True):
        memory("node_type", value, start, value)
        memory("codebase", value, start, value)
        for column in ("tags", "domains"):
            memory(column, json.dumps(["short", value, ""]), ["short", start, ""], ["short", value, ""])
    both = ids[-1]
    edit(source, "UPDATE knowledge_nodes SET metadata = ? WHERE id = ?", ('{"tags": 1, "a": 1.50}', both))
    wanted["knowledge_nodes"][(UUID(both),)]["metadata"] = {"tags": 1, "a": 1.5}
    memory("tags", json.dumps([NOISE]), [NOISE[:2_600]], None)
    wanted["knowledge_nodes"][(UUID(both),)]["metadata"] = {"tags": 1, "a": 1.5, "tags (column)": [NOISE]}
    most = ids.pop()
    edit(source, "UPDATE knowledge_nodes SET node_type = ?, tags = ? WHERE id = ?",
         (NOISE[:2_600], json.dumps([WIDE[:866]]), most))  # fmt: skip
    wanted["knowledge_nodes"][(UUID(most),)] |= {"node_type": NOISE[:2_600], "tags": [WIDE[:866]]}

    party = next(key for key in wanted["users"] if key != (BOOTSTRAP_USER,))
    edit(source, "UPDATE users SET handle = ? WHERE id = ?", (NOISE, str(party[0])))
    row = wanted["users"][party]
    row |= {"handle": NOISE[:2_600], "metadata": row["metadata"] | {"handle": NOISE}}
    reported.add(("users", str(party[0]), "handle", True))
    ((first, second), *_) = edges = [*wanted["edges"]]
    edit(
        source, "UPDATE edges SET edge_type = ? WHERE source_id = ? AND target_id = ?", (NOISE, str(first), str(second))
    )
    wanted["edges"][edges[0]]["edge_type"] = NOISE[:2_600]
    reported.add(("edges", f"{first}→{second}", "edge_type", True))
    (domain, *_) = wanted["domains"]
    edit(source, "UPDATE domains SET id = ? WHERE id = ?", (NOISE, domain[0]))
    del wanted["domains"][domain]
    reported.add(("domains", NOISE[:199] + "…", "id", False))
    return wanted, reported


def test_fresh_or_indexed_the_same_rows_arrive(sources: Sources, database: Database, other_database: Database) -> None:
    source = sources.seed()
    wanted, reported = spoil(source)
    copy(sources.seed(EMPTY, name="empty.db"), other_database)
    assert indexes(other_database).keys() == WANTED.keys()
    reports = [foretold_and_copied(source, where, batch_size=9) for where in (database, other_database)]
    for report in reports:
        assert {(error.table, error.row, error.field, error.copied) for error in report.errors} == reported
        assert {error.kind for error in report.errors} == {Kind.TOO_LONG_FOR_INDEX}
        assert len(report.errors) == len(reported)
        assert (report.outcome, report.tables["domains"].failed) == (Outcome.ERRORS, 1)
        assert NOISE[:30] not in "".join(error.message for error in report.errors)
    found = read_tables(database)
    assert found == wanted
    assert indexes(database).keys() == WANTED.keys()
    assert dump(database, TABLES) == dump(other_database, TABLES)


def test_the_message_says_where_the_rest_is(sources: Sources, database: Database) -> None:
    source = sources.seed()
    spoil(source)
    report = copy(source, database, dry_run=True)
    words = {(error.table, error.field): error.message for error in report.errors}
    assert words[("users", "handle")] == (
        "handle is too long for its index (9,000 bytes), cut to 2,600 bytes; the whole value goes into metadata"
    )
    assert words[("edges", "edge_type")] == (
        "edge_type is too long for its index (9,000 bytes), cut to 2,600 bytes; the rest of it is not copied"
    )
    assert words[("knowledge_nodes", "tags")] == (
        "tags has an item too long for its index (9,000 bytes), cut to 2,600 bytes; the whole value goes into metadata"
    )
    assert words[("domains", "id")] == "id is a key of more than 2,600 bytes"


def test_in_the_published_layout_beside_the_loose_columns(sources: Sources, database: Database) -> None:
    """The code base comes from a tag there."""
    source = sources.published(14)
    wanted = expected_tables(source)["knowledge_nodes"]
    chosen = memory_ids(source)[0]
    tags = [f"codebase:{NOISE}", "b"]
    edit(source, "UPDATE knowledge_nodes SET codebase = NULL, tags = ? WHERE id = ?", (json.dumps(tags), chosen))
    report = foretold_and_copied(source, database)
    assert [(error.row, error.field, error.kind) for error in report.errors] == [
        (chosen, "tags", Kind.TOO_LONG_FOR_INDEX), (chosen, "codebase", Kind.TOO_LONG_FOR_INDEX),
    ]  # fmt: skip
    row = wanted[(UUID(chosen),)]
    assert read_tables(database)["knowledge_nodes"][(UUID(chosen),)] == row | {
        "codebase": NOISE[:2_600],
        "tags": [tags[0][:2_600], "b"],
        "metadata": row["metadata"] | {"tags": tags, "codebase": NOISE},
    }


@pytest.mark.parametrize("metadata", ["[1, 2]", "{", None])
def test_whatever_the_metadata_is(sources: Sources, database: Database, metadata: str | None) -> None:
    source = sources.seed()
    chosen = memory_ids(source)[0]
    edit(source, "UPDATE knowledge_nodes SET metadata = coalesce(?, ''), node_type = ? WHERE id = ?",
         (metadata, NOISE, chosen))  # fmt: skip
    report = foretold_and_copied(source, database)
    kinds = [error.kind for error in report.errors]
    assert kinds == [Kind.TOO_LONG_FOR_INDEX] + [Kind.MALFORMED_JSON] * (metadata != "[1, 2]")
    found = read_tables(database)["knowledge_nodes"][(UUID(chosen),)]["metadata"]
    assert found == ({"metadata": [1, 2]} if metadata == "[1, 2]" else {}) | {"node_type": NOISE}


def test_two_handles_that_are_one_when_cut(sources: Sources, database: Database) -> None:
    source = sources.seed()
    ids = [str(key[0]) for key in expected_tables(source)["groups"]]
    for number, chosen in enumerate(ids[:2]):
        edit(source, "UPDATE groups SET handle = ? WHERE id = ?", (f"{NOISE}{number}", chosen))
    report = foretold_and_copied(source, database)
    found = [(error.row, error.kind, error.copied) for error in report.errors if error.table == "groups"]
    assert found == [(ids[0], Kind.TOO_LONG_FOR_INDEX, True), (ids[1], Kind.ALREADY_TAKEN, False)]
