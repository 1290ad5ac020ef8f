"""A file name that is not UTF-8, from the command line to the report."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import VestigeTui
from tests.support.servers import Database
from tests.support.sources import Sources
from vestige_tui.user.settings import reports_folder

NAME = os.fsdecode(b"caf\xe9 \xff.db")
SHOWN = "caf\\udce9 \\udcff.db"


@pytest.fixture
def odd(sources: Sources) -> Path:
    """A source with such a name, in a folder with such a name."""
    return sources.seed(name=str(Path(os.fsdecode(b"d\xe9")) / NAME))


def test_it_can_be_inspected(vestige_tui: VestigeTui, odd: Path) -> None:
    result = vestige_tui("inspect", odd)
    assert result.code == 0
    assert SHOWN in result.out
    document = json.loads(vestige_tui("inspect", "--json", odd).out)
    assert document["path"] == str(odd)
    assert document["rows"]["knowledge_nodes"] == 30


@pytest.mark.parametrize("dry_run", [True, False])
def test_it_can_be_copied(
    vestige_tui: VestigeTui, odd: Path, database: Database, tmp_path: Path, dry_run: bool
) -> None:
    report, log = (tmp_path / os.fsdecode(name) for name in (b"r\xe9.json", b"l\xe9.log"))
    flags = ("--dry-run",) if dry_run else ()
    result = vestige_tui.copy(odd, database, "--report", report, "--log-file", log, *flags)
    assert result.code == 0
    assert SHOWN in result.out
    assert json.loads(report.read_bytes())["source"]["path"] == str(odd)
    (kept,) = reports_folder().iterdir()
    assert json.loads(kept.read_bytes())["memories_copied"] == 30
    assert "caf%E9%20%FF.db?mode=ro" in log.read_text()
    assert not dry_run or database.rows("SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []


@pytest.mark.parametrize("flag", ["--upgrade-copy", "--allow-source-upgrade"])
def test_it_can_be_upgraded(
    vestige_tui: VestigeTui, sources: Sources, database: Database, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own cannot pass such a name on
    old = sources.seed(version=14, name=NAME)
    assert vestige_tui.copy(old, database, flag).code == 0
    assert len(list(old.parent.glob("*.bak"))) == (flag == "--allow-source-upgrade")


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX"])
def test_the_program_itself(odd: Path, database: Database, locale: str) -> None:
    """Its own process, whose title is set, in any locale."""
    ends = ("migrate", "copy", "--from", "sqlite", "--to", "postgres", "--sqlite-path", str(odd))
    command = [sys.executable, "-m", "vestige_tui", *ends, "--postgres-url", database.secret.conninfo()]
    environment = os.environ | {"LC_ALL": locale}
    done = subprocess.run(command, capture_output=True, timeout=120, check=False, env=environment)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    assert SHOWN.encode() in done.stdout
    assert database.value("SELECT count(*) FROM knowledge_nodes") == 30


def test_a_missing_one(vestige_tui: VestigeTui, tmp_path: Path) -> None:
    result = vestige_tui("inspect", tmp_path / NAME)
    assert result.code == 4
    assert f"{SHOWN} does not exist." in result.err


def test_a_connection_string_that_is_not(vestige_tui: VestigeTui, odd: Path) -> None:
    for url in ("host=h password=s3cr3tPW\udce9", "postgresql://u:s3cr3tPW%E9@h/d"):
        result = vestige_tui.copy(odd, url)
        assert result.code == 2
        assert "s3cr3tPW" not in result.said
