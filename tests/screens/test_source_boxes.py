"""The boxes of the first step in a spacious terminal, without one."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.support.sources import Sources
from vestige_tui.core.errors import SourceError
from vestige_tui.core.source import contents as contents_module
from vestige_tui.core.source.contents import Contents, contents
from vestige_tui.core.source.describe import describe
from vestige_tui.screens.source_boxes import chart, kinds, stays


def test_a_chart_has_a_bar_for_each_month() -> None:
    made = Contents({"2025-11": 1, "2025-12": 8, "2026-02": 16}, {}, undated=2)
    assert chart(made, 30).plain.split("\n") == [
        "            ███",
        "            ███",
        "    ███     ███",
        "▂▂▂ ███     ███",
        "2025-11  2026-02",
        "at most 16 in 1 month",
        "2 without a date that can be read",
    ]


def test_a_chart_of_many_years_fits_and_one_of_nothing_is_empty() -> None:
    lines = chart(Contents({"0001-01": 3, "2026-12": 3}, {}), 20).plain.split("\n")
    assert [line[0] + line[19] for line in lines[:4]] == ["██"] * 4
    assert max(map(len, lines[:5])) == 20
    assert lines[5] == "at most 3 in 1,216 months"
    assert chart(Contents({}, {}), 20).plain == ""


def test_kinds_are_listed_up_to_six() -> None:
    found = {"fact": 1_200, "": 600} | {f"kind {place}": 1 for place in range(6)}
    lines = [line.plain for line in kinds(found, 33)]
    assert lines[0] == "fact            1,200  ━━━━━━━━━━"
    assert lines[1].startswith("(empty)           600  ━━━━━")
    assert lines[6] == "2 other kinds, 2"


def test_what_stays_is_one_line_each_as_far_as_it_fits() -> None:
    left = {"intentions": 14, "memory_states": 2_000}
    assert [line.plain for line in stays(left, 45)] == [
        "   14  intentions  reminders of things to do",
        "2,000  memory_states",
    ]
    many = {f"table {place}": 1 for place in range(10)}
    assert [line.plain for line in stays(many, 45)][7:] == ["and 3 more; the preview lists all"]


def test_contents_of_a_file_with_odd_values(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sources.seed()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE knowledge_nodes SET created_at = '2026-03-01T00:00:00Z', node_type = 'fact'")
        for place, (made, kind) in enumerate([(b"\xff", b"\xff"), ("2026-13-01", "note"), (1_700_000_000, "note")]):
            connection.execute(
                "UPDATE knowledge_nodes SET created_at = ?, node_type = ? WHERE rowid = ?", (made, kind, place + 1)
            )
    source = describe(path)
    assert contents(source) == Contents({"2026-03": 27}, {"fact": 27, "note": 2, "\ufffd": 1}, undated=3)
    monkeypatch.setattr(contents_module, "_STEPS", 1)
    with pytest.raises(SourceError):
        contents(source, lambda: True)
