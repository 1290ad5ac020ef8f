"""Rows with problems in words."""

from __future__ import annotations

import json
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from vestige_tui.core.rows.problems import EXPLANATIONS, NIL_UUID, Kind, RowError
from vestige_tui.screens.export import export_rows
from vestige_tui.screens.export_dialog import free_name
from vestige_tui.screens.problems import (
    Filter,
    failed_rows,
    grouped,
    rows_with_problems,
    short_row,
)

UUID = "3f0c1d2e-0000-4000-8000-0000000091a2"
JSON = RowError("knowledge_nodes", UUID, "metadata", Kind.MALFORMED_JSON, "metadata is not valid JSON", copied=True)
BAD_ID = RowError("knowledge_nodes", "note-7", "id", Kind.BAD_UUID, "id is not a UUID: 'note-7'", copied=False)
EDGE = RowError(
    "edges", f"{UUID}→77b10000-0000-4000-8000-000000000002", "target_id", Kind.MISSING_REFERENCE, "m", copied=False
)
NO_ID = replace(BAD_ID, row=NIL_UUID)


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (UUID, "3f0c…91a2"),
        (UUID.replace("-", ""), "3f0c…91a2"),
        ("note-7", "note-7"),
        ("a-name-that-is-long", "a-n…-long"),
        (EDGE.row, "3f0c→77b1"),
        (NIL_UUID, "(no id)"),
        ("→", "→"),
    ],
)
def test_a_row_has_a_short_name(row: str, shown: str) -> None:
    assert short_row(replace(BAD_ID, row=row)) == shown
    assert len(shown) <= 9


def test_one_error_for_many_rows_names_none() -> None:
    error = RowError("scheduling", NIL_UUID, "memory_id", Kind.DANGLING_REFERENCE, "3 rows refer", copied=True)
    assert short_row(error) == "(several)"
    assert failed_rows([error]) == {}


def test_groups_show_rows_that_are_not_copied_first() -> None:
    groups = grouped([JSON, JSON, BAD_ID, EDGE, EDGE])
    assert [(group.kind, group.copied, len(group.errors)) for group in groups] == [
        (Kind.MISSING_REFERENCE, False, 2),
        (Kind.BAD_UUID, False, 1),
        (Kind.MALFORMED_JSON, True, 2),
    ]


def test_a_row_with_two_broken_fields_is_one_row() -> None:
    twice = [JSON, replace(JSON, field="tags"), NO_ID, NO_ID, EDGE]
    assert rows_with_problems(twice, ["knowledge_nodes"]) == 3
    assert rows_with_problems(twice, ["knowledge_nodes", "edges"]) == 4


def test_only_named_rows_that_stayed_behind_are_tried_again() -> None:
    assert failed_rows([JSON, BAD_ID, BAD_ID, NO_ID, EDGE]) == {
        "knowledge_nodes": frozenset({"note-7"}),
        "edges": frozenset({EDGE.row}),
    }


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(), [JSON, BAD_ID, EDGE]),
        (Filter(table="edges"), [EDGE]),
        (Filter(kind=Kind.BAD_UUID), [BAD_ID]),
        (Filter(text="NOTE-7"), [BAD_ID]),
        (Filter(text="connections"), [EDGE]),
        (Filter(text="valid json"), [JSON]),
        (Filter(table="edges", text="note"), []),
    ],
)
def test_filters(wanted: Filter, found: list[RowError]) -> None:
    assert wanted.apply([JSON, BAD_ID, EDGE]) == found


def test_explanations_are_complete() -> None:
    assert set(EXPLANATIONS) == set(Kind)


def test_export_writes_one_object_a_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert export_rows([JSON, replace(BAD_ID, row="\ud800[/]\n")], path) == 2
    first, second = path.read_text().splitlines()
    assert json.loads(first) == {
        "table": "knowledge_nodes",
        "row": UUID,
        "field": "metadata",
        "kind": "malformed_json",
        "message": "metadata is not valid JSON",
        "copied": True,
    }
    assert json.loads(second)["row"] == "\ud800[/]\n"
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_export_overwrites_nothing(tmp_path: Path) -> None:
    path = free_name(tmp_path, "rows")
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        export_rows([JSON], path)
    assert path.read_text() == "mine"
    assert free_name(tmp_path, "rows").name == "rows-2.jsonl"
