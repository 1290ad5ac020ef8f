"""Files that Vestige 4 has moved on from: how they are recognised, and that nothing copies one without permission."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.refusing import nothing_changes, refused
from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import Sources
from tests.support.stale import UPGRADED, WRITTEN, left, set_time, upgraded
from vestige_tui.core.errors import StaleSourceError
from vestige_tui.core.explain import stale_source
from vestige_tui.core.facts import DataState, Sign, Staleness
from vestige_tui.core.report import Outcome
from vestige_tui.core.source.describe import describe
from vestige_tui.core.source.overview import file_overview
from vestige_tui.core.source.stale import staleness

BACKUP = "vestige.db.v3-backup-1764590400000-4711"


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["log/000001.seg"], Staleness((Sign.SEGMENTS,), WRITTEN)),
        (["log/strata.key"], Staleness((Sign.KEY,), WRITTEN)),
        (["log/strata.key", "log/a.seg", "upgrade.log"], Staleness((Sign.SEGMENTS, Sign.KEY, Sign.UPGRADE_LOG), WRITTEN)),
        ([BACKUP], Staleness((Sign.BACKUP,), None)),
        ([BACKUP, "log/a.seg"], Staleness((Sign.SEGMENTS, Sign.BACKUP), WRITTEN)),
        (["upgrade.log"], None),
        (["log/vestige.log", "log/sub/a.seg"], None),
        (["other.db.v3-backup-1-1"], None),
        (["logs/a.seg", "strata.key", "a.seg"], None),
    ],
)  # fmt: skip
def test_signs(small_source: Path, names: list[str], wanted: Staleness | None) -> None:
    left(small_source, *names)
    assert staleness(small_source) == wanted
    assert describe(small_source).stale == wanted
    assert file_overview(small_source).stale == (wanted is not None)


def test_an_empty_folder_of_that_name_is_none(small_source: Path) -> None:
    (small_source.parent / "log").mkdir()
    assert staleness(small_source) is None


def test_a_file_of_that_name_is_none(small_source: Path) -> None:
    (small_source.parent / "log").write_text("started")
    assert staleness(small_source) is None


def test_the_last_segment_counts(small_source: Path) -> None:
    left(small_source, "log/a.seg", when=WRITTEN)
    left(small_source, "log/b.seg", "log/strata.key", when=UPGRADED)
    found = staleness(small_source)
    assert found is not None
    assert found.written == WRITTEN


def test_behind_a_link(small_source: Path, tmp_path: Path) -> None:
    """What counts lies beside the file itself; what lies beside the link says nothing."""
    upgraded(small_source)
    link = tmp_path / "linked" / "memories.db"
    link.parent.mkdir()
    link.symlink_to(small_source)
    assert staleness(link) == staleness(small_source)
    elsewhere = tmp_path / "elsewhere" / "vestige.db"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(small_source.read_bytes())
    link = small_source.with_name("link.db")
    link.symlink_to(elsewhere)
    assert staleness(link) is None


def test_beside_another_name_of_the_same_file(small_source: Path, tmp_path: Path) -> None:
    """A hard link in a folder of its own is no other file."""
    upgraded(small_source)
    link = tmp_path / "linked" / "memories.db"
    link.parent.mkdir()
    link.hardlink_to(small_source)
    assert staleness(link) == staleness(small_source) is not None


def test_an_older_vestige_that_came_back(small_source: Path) -> None:
    """It wrote into the file after the backup, and the log is gone. A log that is still there counts all the same."""
    left(small_source, BACKUP, when=WRITTEN)
    set_time(small_source, WRITTEN + timedelta(days=1))
    assert staleness(small_source) is None
    left(small_source, "log/a.seg")
    set_time(small_source, WRITTEN + timedelta(days=1))
    assert staleness(small_source) == Staleness((Sign.SEGMENTS,), WRITTEN)


def test_what_is_in_the_wal_was_written_after_the_backup(small_source: Path) -> None:
    with closing(sqlite3.connect(small_source, isolation_level=None)) as vestige:
        vestige.execute("PRAGMA journal_mode = WAL")
        vestige.execute("UPDATE domains SET label = 'new'")
        left(small_source, BACKUP)
        assert staleness(small_source) is None
        set_time(small_source.with_name("vestige.db-wal"), UPGRADED)
        assert staleness(small_source) == Staleness((Sign.BACKUP,), None)


def test_a_log_that_may_not_be_looked_into(small_source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can hold anything."""
    log = small_source.parent / "log"
    log.mkdir()
    look = Path.iterdir

    def refuse(folder: Path) -> object:
        if folder == log:
            raise PermissionError
        return look(folder)

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert staleness(small_source) == Staleness((Sign.CLOSED_LOG,), None)


def test_words() -> None:
    said = stale_source(Staleness((Sign.SEGMENTS, Sign.KEY), WRITTEN), datetime(2026, 11, 1, 9, 5, tzinfo=UTC))
    assert "(log/*.seg, log/strata.key)" in said
    assert said.endswith("the file last changed on 2026-11-01 09:05 UTC, its log on 2026-11-20 18:30 UTC.")
    assert stale_source(Staleness((Sign.BACKUP,), None), WRITTEN).endswith("on 2026-11-20 18:30 UTC.")


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_stale_source_is_refused(small_source: Path, database: Database, dry_run: bool) -> None:
    upgraded(small_source)
    error = refused(small_source, database.dsn, database, dry_run=dry_run)
    assert isinstance(error, StaleSourceError)
    assert error.state is DataState.NOTHING_CHANGED
    assert error.stale == staleness(small_source)
    assert "--allow-stale-source" in error.remedy
    assert "2026-11-01 12:00 UTC" in error.what


def test_it_is_refused_before_anything_else(sources: Sources, database: Database) -> None:
    """Also before its upgrade in place."""
    source = upgraded(sources.published(13, v15=False))
    before = source.read_bytes()
    with nothing_changes(database), pytest.raises(StaleSourceError):
        copy(source, database, allow_source_upgrade=True)
    assert source.read_bytes() == before
    assert not [*source.parent.glob("*.bak")]


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_stale_source_that_is_allowed(small_source: Path, database: Database, dry_run: bool) -> None:
    """The report says so."""
    upgraded(small_source)
    report = copy(small_source, database, allow_stale_source=True, dry_run=dry_run)
    assert (report.outcome, report.memories_copied) == (Outcome.CLEAN, 30)
    (notice,) = report.notices
    assert notice.startswith("The source is stale, and copying it is allowed. Vestige 4 has moved on")
    document = json.loads(report.to_json())
    assert document["source"]["stale"] == {
        "signs": ["log/*.seg", "log/strata.key", "*.v3-backup-*", "upgrade.log"],
        "written": "2026-11-20T18:30:00Z",
    }
    assert document["plan"]["allow_stale_source"] is True


def test_any_other_source_needs_no_permission(small_source: Path, database: Database) -> None:
    report = copy(small_source, database, allow_stale_source=True)
    assert report.notices == []
    document = json.loads(report.to_json())
    assert "stale" not in document["source"]
    assert document["plan"]["allow_stale_source"] is True


def test_an_upgraded_copy_is_as_stale_as_the_file(sources: Sources, database: Database) -> None:
    """The private copy lies elsewhere: what lies beside the operator's own file counts."""
    source = upgraded(sources.published(13, v15=False))
    with pytest.raises(StaleSourceError):
        copy(source, database, upgrade_copy=True)
    report = copy(source, database, upgrade_copy=True, allow_stale_source=True)
    assert report.source.stale == staleness(source)
    assert sum(notice.startswith("The source is stale") for notice in report.notices) == 1
