from __future__ import annotations

import json
import os
import re
import signal
import stat
import threading
from pathlib import Path

import pytest

from tests.cli.commands import VestigeTui
from tests.support.servers import Database
from tests.support.sources import Sources
from tests.support.stale import upgraded
from vestige_tui.cli import runner
from vestige_tui.core.embedder import Embedder
from vestige_tui.core.events import Watcher
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.report import MigrationReport
from vestige_tui.core.run.copier import run_sqlite_to_postgres
from vestige_tui.user.settings import embedded_folder, reports_folder


def test_a_clean_copy_and_again(
    vestige_tui: VestigeTui, small_source: Path, database: Database, tmp_path: Path
) -> None:
    for inserted in (30, 0):
        result = vestige_tui.copy(small_source, database, "--report", tmp_path / "report.json")
        assert result.code == 0
        assert "Memories: 30 of 30" in result.err
        assert re.search(r"Memories:\s+30\n", result.out)
        report = json.loads((tmp_path / "report.json").read_text())
        assert report["outcome"] == "clean"
        assert report["memories_copied"] == 30
        assert report["tables"]["knowledge_nodes"]["inserted"] == inserted
    assert database.value("SELECT count(*) FROM knowledge_nodes") == 30
    kept = list(reports_folder().iterdir())
    assert len(kept) == 2
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in kept)


def test_broken_rows_give_exit_code_1(
    vestige_tui: VestigeTui, broken_source: Path, database: Database, tmp_path: Path
) -> None:
    result = vestige_tui.copy(broken_source, database, "--quiet", "--log-file", tmp_path / "run.log")
    assert result.code == 1
    assert result.err == ""
    assert "=== Problems ===" in result.out
    assert "note-7" in result.out
    log = (tmp_path / "run.log").read_text()
    for part in (
        "starting sqlite -> postgres copy",
        "batch_size: 500",
        "WARNING",
        "migrate: complete memories_copied=",
    ):
        assert part in log


def test_a_dry_run_writes_nothing(vestige_tui: VestigeTui, broken_source: Path, database: Database) -> None:
    result = vestige_tui.copy(broken_source, database, "--dry-run")
    assert result.code == 1
    assert "nothing was written" in result.out
    assert database.rows("SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []
    assert [path.name.split("-")[1] for path in reports_folder().iterdir()] == ["dry"]


def test_another_model_is_refused(
    vestige_tui: VestigeTui, small_source: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = vestige_tui.copy(small_source, database, "--embedder", "other:384")
    assert refused.code == 3
    assert "source registered : nomic-ai/nomic-embed-text-v1.5 (dim 8" in refused.err
    assert "migrate reembed --model=other" in refused.err
    assert refused.out == ""
    monkeypatch.setenv("VESTIGE_EMBEDDING_MODEL", "qwen3-0.6b")
    assert vestige_tui.copy(small_source, database).code == 3
    right = vestige_tui.copy(small_source, database, "--embedder", "nomic-ai/nomic-embed-text-v1.5:8")
    assert right.code == 0


def test_a_source_from_before_v15_is_refused(vestige_tui: VestigeTui, database: Database, sources: Sources) -> None:
    result = vestige_tui.copy(sources.seed(version=14), database)
    assert result.code == 3
    assert "--allow-source-upgrade" in result.err
    assert "--upgrade-copy" in result.err


@pytest.mark.parametrize(
    "destination",
    [
        "postgresql://bob:s3cr3tPW@127.0.0.1:1/db",
        "host=/nonexistent user=bob password=s3cr3tPW",
        "{} password=s3cr3tPW",
    ],
)
@pytest.mark.usefixtures("takes_any_password")
def test_no_password_anywhere(
    vestige_tui: VestigeTui,
    small_source: Path,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    destination: str,
) -> None:
    monkeypatch.setenv("PGPASSWORD", "fromenv")
    files = ("--log-file", tmp_path / "run.log", "--report", tmp_path / "report.json")
    result = vestige_tui.copy(small_source, destination.format(database.url), *files)
    assert result.code == (0 if destination.startswith("{}") else 4)
    texts = [result.said, (tmp_path / "run.log").read_text(), (tmp_path / "report.json").read_text()]
    texts += [path.read_text() for path in reports_folder().iterdir()]
    for text in texts:
        assert "s3cr3tPW" not in text
        assert "fromenv" not in text


def test_a_missing_source_and_its_report(vestige_tui: VestigeTui, database: Database, tmp_path: Path) -> None:
    result = vestige_tui.copy(tmp_path / "missing.db", database)
    assert result.code == 4
    (path,) = reports_folder().iterdir()
    assert str(path) in result.err
    assert json.loads(path.read_text())["outcome"] == "failed"


def test_a_report_that_cannot_be_kept_is_a_warning(
    vestige_tui: VestigeTui, small_source: Path, database: Database, home: Path
) -> None:
    (home / "state").write_text("a file where a folder should be")
    result = vestige_tui.copy(small_source, database)
    assert result.code == 0
    assert "warning: the report was not saved" in result.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_a_report(
    vestige_tui: VestigeTui,
    small_source: Path,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    def signalled(
        plan: CopyPlan, embedder: Embedder | None, *, on_event: Watcher, cancel: threading.Event
    ) -> MigrationReport:
        def send() -> None:
            os.kill(os.getpid(), number)

        threading.Thread(target=send).start()
        assert cancel.wait(10)
        return run_sqlite_to_postgres(plan, embedder, on_event=on_event, cancel=cancel)

    monkeypatch.setattr(runner, "run_sqlite_to_postgres", signalled)
    inherited = signal.signal(number, signal.default_int_handler)  # a shell has Ctrl-C ignored behind an &
    try:
        result = vestige_tui.copy(small_source, database)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, inherited)
    assert result.code == 130
    assert "finishing this batch" in result.err
    assert "cancelled" in result.out


def test_embedded_keeps_its_data(vestige_tui: VestigeTui, small_source: Path) -> None:
    for already_there in (0, 30):
        result = vestige_tui.copy(small_source, "embedded", "--quiet")
        assert result.code == 0
        assert re.search(rf"Memories +30 +{30 - already_there} +{already_there} ", result.out)
    assert (embedded_folder() / "PG_VERSION").read_text() == "18\n"
    assert not (embedded_folder() / "postmaster.pid").exists()


@pytest.mark.parametrize("flags", [(), ("--dry-run",)])
def test_a_stale_source_is_refused(
    vestige_tui: VestigeTui, small_source: Path, database: Database, flags: tuple[str, ...]
) -> None:
    upgraded(small_source)
    result = vestige_tui.copy(small_source, database, *flags)
    assert result.code == 3
    for part in ("is stale", "2026-11-20 18:30 UTC", "Nothing has been changed", "--allow-stale-source"):
        assert part in result.err
    allowed = vestige_tui.copy(small_source, database, "--allow-stale-source", *flags)
    assert allowed.code == 0
    assert "The source is stale, and copying it is allowed." in " ".join(allowed.out.split())


@pytest.mark.parametrize("flags", [("--dry-run",), ()])
def test_a_copy_that_leaves_a_foreign_key_missing(
    vestige_tui: VestigeTui, small_source: Path, copied_database: Database, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    """Exit code 1, foretold and done, and each in its tense."""
    copied_database.execute("ALTER TABLE edges DROP CONSTRAINT edges_target_id_fkey")
    result = vestige_tui.copy(small_source, copied_database, "--quiet", "--report", tmp_path / "r.json", *flags)
    assert result.code == 1
    said = " ".join(result.out.split())
    if flags:
        assert "incomplete: all rows will arrive, but 1 foreign key will not be enforced" in said
    else:
        assert "incomplete: all rows are there, but 1 foreign key is not enforced" in said
    assert "ALTER TABLE edges ADD FOREIGN KEY (target_id) REFERENCES knowledge_nodes ON DELETE CASCADE;" in said
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["outcome"] == "incomplete"
    assert report["incomplete"] == [
        {"kind": "foreign_key", "name": "edges_target_id_fkey", "table": "edges", "reason": "absent", "sqlstate": None}
    ]


@pytest.mark.parametrize("flags", [("--dry-run",), ()])
def test_a_dry_run_is_refused_as_the_copy_is(
    vestige_tui: VestigeTui, small_source: Path, database: Database, flags: tuple[str, ...]
) -> None:
    """It still reports what it has found."""
    database.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    result = vestige_tui.copy(small_source, database, "--quiet", *flags)
    assert result.code == 3
    assert "default_transaction_read_only is on" in result.err
    assert ("Rows that a copy would bring" in result.out) == bool(flags)
