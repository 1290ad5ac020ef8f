from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.commands import VestigeTui
from tests.support.digests import of_destination
from tests.support.hostile import in_wal_mode
from tests.support.servers import Database
from tests.support.sources import Sources, edit
from tests.support.stale import upgraded


def test_for_people(vestige_tui: VestigeTui, small_source: Path) -> None:
    result = vestige_tui("inspect", small_source)
    assert result.code == 0
    for part in (
        str(small_source),
        "version 15",
        "Memories:",
        "registered",
        "Nothing: this file can be copied as it is.",
    ):
        assert part in result.out


def test_for_programs(vestige_tui: VestigeTui, broken_source: Path) -> None:
    result = vestige_tui("inspect", broken_source, "--json")
    document = json.loads(result.out)
    assert result.code == 0
    assert document["format"] == "vestige-tui/source/1"
    assert document["rows"]["knowledge_nodes"] == 60
    assert document["has_v15"] is True
    assert document["model"]["dimension"] == 8
    assert "1 vector of dimension 384 cannot be compared" in document["decisions"][0]


def test_a_published_file_needs_an_upgrade(vestige_tui: VestigeTui, sources: Sources) -> None:
    path = sources.published(13, v15=False, name="published [bold].db")
    result = vestige_tui("inspect", path)
    assert result.code == 0
    assert "published [bold].db" in result.out
    assert "--upgrade-copy" in result.out
    assert "Would not be copied" in result.out


def test_names_that_a_column_shares_with_a_key_of_the_metadata(vestige_tui: VestigeTui, small_source: Path) -> None:
    edit(small_source, 'ALTER TABLE knowledge_nodes ADD COLUMN "it\'s\x1b"')
    edit(
        small_source,
        'UPDATE knowledge_nodes SET "it\'s\x1b" = 1, metadata = ? WHERE rowid < 4',
        ('{"it\'s\\u001b": 1}',),
    )
    result = vestige_tui("inspect", small_source)
    reported = "knowledge_nodes: in 3 rows the metadata has a key \"it's"
    assert reported in result.out
    assert "\x1b" not in result.out
    assert json.loads(vestige_tui("inspect", small_source, "--json").out)["shared_names"] == [
        {"table": "knowledge_nodes", "column": "it's\x1b", "rows": 3}
    ]


def test_what_is_no_vestige_database(vestige_tui: VestigeTui, tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("hello")
    for path in (tmp_path / "x.db", tmp_path / "missing.db", tmp_path):
        result = vestige_tui("inspect", path)
        assert result.code == 4
        assert result.err.startswith("error: ")
        assert result.out == ""


def test_a_stale_file(vestige_tui: VestigeTui, small_source: Path) -> None:
    upgraded(small_source)
    result = vestige_tui("inspect", small_source)
    assert result.code == 0
    for part in ("Stale:", "Vestige 4 has moved on", "--allow-stale-source", "2026-11-20 18:30 UTC"):
        assert part in result.out
    document = json.loads(vestige_tui("inspect", small_source, "--json").out)
    assert document["stale"]["signs"][:2] == ["log/*.seg", "log/strata.key"]
    assert document["stale"]["written"] == "2026-11-20T18:30:00Z"
    assert "--allow-stale-source" in document["decisions"][0]


@pytest.mark.parametrize(("mode", "said"), [("wal", "Journal:       wal\n"), ("delete", "cannot write to the file")])
def test_what_a_copy_means_for_a_program_that_writes(
    vestige_tui: VestigeTui, small_source: Path, mode: str, said: str
) -> None:
    in_wal_mode(small_source, mode)
    assert said in vestige_tui("inspect", small_source).out


def test_digests(vestige_tui: VestigeTui, small_source: Path, copied_database: Database) -> None:
    with copied_database.connect() as connection:
        wanted = of_destination(connection)
    shown = vestige_tui("inspect", small_source, "--digest").out
    assert all(f" {table.rows}  {table.digest}\n" in shown for table in wanted.values())
    document = json.loads(vestige_tui("inspect", small_source, "--digest", "--json").out)
    assert document["digests"] == {
        name: {"rows": table.rows, "digest": table.digest, "parts": table.parts_as_text()}
        for name, table in wanted.items()
    }
