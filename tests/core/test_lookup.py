"""One row of a source, found by the label that the report gives it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.sources import Sources, edit, memory_ids, query
from vestige_tui.core.errors import SourceError
from vestige_tui.core.rows.problems import NIL_UUID
from vestige_tui.core.source.row_lookup import EXCERPT, FoundValue, find_row


def _values(source: Path, table: str, label: str) -> dict[str, FoundValue]:
    row = find_row(source, table, label)
    assert row is not None
    return {value.column: value for value in row}


@pytest.mark.parametrize("version", [7, 13, 28])
def test_a_memory_is_found_in_every_layout(sources: Sources, version: int) -> None:
    source = sources.published(version, v15=False)
    label = memory_ids(source)[3]
    assert _values(source, "knowledge_nodes", label)["id"].start == label


def test_values_are_described_by_type_and_size(small_source: Path) -> None:
    label = memory_ids(small_source)[0]
    edit(
        small_source,
        "UPDATE knowledge_nodes SET content = ?, embedding = ?, codebase = NULL, node_type = 7 WHERE id = ?",
        ("é" * 10_000, b"\x01\xff" * 2_000, label),
    )
    values = _values(small_source, "knowledge_nodes", label)
    assert values["content"] == FoundValue("content", "text", 20_000, "é" * (EXCERPT // 2))
    assert values["embedding"].type == "blob"
    assert values["embedding"].size == 4_000
    assert values["embedding"].start.startswith("01ff01ff")
    assert values["codebase"] == FoundValue("codebase", "null", 0, "")
    assert values["node_type"].start == "7"


def test_broken_text_and_nul_are_shown_whole(small_source: Path) -> None:
    label = memory_ids(small_source)[0]
    edit(
        small_source,
        "UPDATE knowledge_nodes SET content = CAST(x'61ff00620a' AS TEXT) WHERE id = ?",
        (label,),
    )
    assert _values(small_source, "knowledge_nodes", label)["content"].start == "a\ufffd\0b\n"


def test_rows_with_two_keys_are_found_by_both(small_source: Path) -> None:
    ((source_id, target_id),) = query(small_source, "SELECT source_id, target_id FROM edges LIMIT 1")
    values = _values(small_source, "edges", f"{source_id}→{target_id}")
    assert values["target_id"].start == target_id
    assert find_row(small_source, "edges", f"{source_id}→{source_id}") is None


@pytest.mark.parametrize("label", ["a→b", "x' OR 1=1 --", "[/]\x1b[2J", "42"])
def test_a_strange_id_is_found(small_source: Path, label: str) -> None:
    edit(small_source, "UPDATE knowledge_nodes SET id = ? WHERE id = ?", (label, memory_ids(small_source)[0]))
    assert _values(small_source, "knowledge_nodes", label)["id"].start == label


def test_a_row_without_an_id_is_found_by_the_nil_uuid(small_source: Path) -> None:
    edit(small_source, "UPDATE knowledge_nodes SET id = '' WHERE id = ?", (memory_ids(small_source)[0],))
    assert _values(small_source, "knowledge_nodes", NIL_UUID)["id"].start == ""


def test_scheduling_of_the_published_layout_is_the_memory_itself(sources: Sources) -> None:
    source = sources.published(13, v15=False)
    label = memory_ids(source)[0]
    assert _values(source, "scheduling", label)["stability"].type == "real"


def test_what_is_not_there_is_none(sources: Sources) -> None:
    source = sources.published(13, v15=False)
    assert find_row(source, "knowledge_nodes", "nobody") is None
    assert find_row(source, "users", "nobody") is None, "the file has no such table"


def test_a_lost_source_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        find_row(tmp_path / "gone.db", "edges", "a")
