"""What a command writes: never over the source, and each output for itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import VestigeTui
from tests.support.servers import Database
from vestige_tui.core.errors import UsageError
from vestige_tui.core.report import MigrationReport
from vestige_tui.user import logs
from vestige_tui.user.saving import save
from vestige_tui.user.settings import reports_folder

PROGRAM = (sys.executable, "-m", "vestige_tui")


def copying(source: Path, database: Database, *more: object) -> list[str]:
    """The command line of a copy."""
    ends = ("migrate", "copy", "--from", "sqlite", "--to", "postgres")
    return [*PROGRAM, *ends, "--sqlite-path", str(source), "--postgres-url", database.url, *map(str, more)]


def in_a_shell(command: list[str], redirections: str) -> subprocess.CompletedProcess[str]:
    """Run it as a shell does, with the redirections of one."""
    return subprocess.run(
        ["bash", "-c", f'"$@" {redirections}', "bash", *command],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# The source is hit by none


@pytest.mark.parametrize("flag", ["--report", "--log-file"])
@pytest.mark.parametrize("how", ["itself", "link", "hard link", "-wal", "backup"])
def test_no_file_hits_the_source(
    vestige_tui: VestigeTui, small_source: Path, database: Database, tmp_path: Path, flag: str, how: str
) -> None:
    other = tmp_path / "other"
    path = {"itself": small_source, "-wal": Path(f"{small_source}-wal")}.get(how, other)
    if how == "link":
        other.symlink_to(small_source)
    elif how == "hard link":
        other.hardlink_to(small_source)
    elif how == "backup":
        path = small_source.with_name(f"{small_source.name}.before-v15-2026-11-29.bak")
    before = small_source.read_bytes()
    files = sorted(small_source.parent.iterdir())
    result = vestige_tui.copy(small_source, database, flag, path)
    assert result.code == 2
    assert "cannot be written to" in result.err
    assert result.err.splitlines()[2] == "Name another file for it."
    assert small_source.read_bytes() == before
    assert sorted(small_source.parent.iterdir()) == files
    assert database.rows("SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []


def test_report_and_log_in_one_file(
    vestige_tui: VestigeTui, small_source: Path, database: Database, tmp_path: Path
) -> None:
    both = tmp_path / "both"
    result = vestige_tui.copy(small_source, database, "--report", both, "--log-file", both)
    assert result.code == 2
    assert "The log cannot be written to" in result.err
    assert "the same file as for the report" in result.err
    assert not both.exists()


def test_both_may_go_to_the_same_device(vestige_tui: VestigeTui, small_source: Path, database: Database) -> None:
    assert vestige_tui.copy(small_source, database, "--report", "/dev/null", "--log-file", "/dev/null").code == 0


def test_the_report_is_checked_once_more_when_it_is_written(
    report: MigrationReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.db").write_bytes(b"memories")
    (tmp_path / "link").symlink_to("x.db")
    with pytest.raises(UsageError, match="the source itself"):
        save(report, tmp_path / "link")
    assert (tmp_path / "x.db").read_bytes() == b"memories"


@pytest.mark.parametrize(("redirection", "inspects"), [(">>", False), ("2>>", True)])
def test_a_stream_that_the_shell_sent_to_the_source(
    small_source: Path, database: Database, redirection: str, *, inspects: bool
) -> None:
    command = [*PROGRAM, "inspect", str(small_source)] if inspects else copying(small_source, database)
    before = small_source.read_bytes()
    done = in_a_shell(command, f"{redirection} '{small_source}'")
    assert done.returncode == 2
    written = small_source.read_bytes()
    assert written.startswith(before)
    if redirection == ">>":
        assert written == before
        assert f"Standard output cannot be written to {small_source}: that is the source itself." in done.stderr


def test_a_report_where_standard_output_goes(small_source: Path, database: Database, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = in_a_shell(copying(small_source, database, "--report", out), f"> '{out}'")
    assert done.returncode == 2
    assert f"The report cannot be written to {out}: that is the same file as for standard output." in done.stderr
    for stream in ("/dev/stdout", "-"):
        done = in_a_shell(copying(small_source, database, "--report", stream, "--quiet"), f"> '{out}'")
        assert done.returncode == 0
        assert json.loads(out.read_text())["memories_copied"] == 30
        assert "=== Vestige migration report ===" in done.stderr
    assert not Path("-").exists()
    log = tmp_path / "log"
    done = in_a_shell(copying(small_source, database, "--log-file", "/dev/stderr"), f"2> '{log}'")
    assert done.returncode == 0
    assert "Memories: 30 of 30" in log.read_text()
    assert "migrate: complete" in log.read_text()


CHECKING = """
import sys
from pathlib import Path
from vestige_tui.cli.outputs import outputs_of
from vestige_tui.core.errors import UsageError
from vestige_tui.core.outputs import check_outputs
for report in (None, Path(sys.argv[1])):
    try:
        check_outputs(None, outputs_of(report_file=report, receipt_file=None, log_file=None))
        print("can be written", file=sys.stderr, flush=True)
    except UsageError as error:
        print(error.what, file=sys.stderr, flush=True)
"""


@pytest.mark.parametrize(
    ("redirections", "refused"),
    [
        ("> '{0}' 2>&1", False),
        (">> '{0}' 2>&1", False),
        ("2> '{0}' >&2", False),
        ("&> '{0}'", False),
        (">> '{0}' 2>> '{0}'", False),
        ("> '{0}' 2> '{0}'", True),
    ],
)
def test_both_streams_in_one_file(tmp_path: Path, redirections: str, *, refused: bool) -> None:
    """As a file opened once, or to whose end both append: neither overwrites the other. No report goes there, too."""
    out = tmp_path / "out"
    assert in_a_shell([sys.executable, "-c", CHECKING, str(out)], redirections.format(out)).returncode == 0
    streams, report = out.read_text().splitlines()
    assert streams.startswith("Standard error cannot be written to" if refused else "can be written")
    assert ("Standard error" if refused else "The report") + " cannot be written to" in report


def test_a_copy_that_says_everything_in_one_file(small_source: Path, database: Database, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert in_a_shell(copying(small_source, database), f"> '{out}' 2>&1").returncode == 0
    assert "Memories: 30 of 30" in out.read_text()
    assert "=== Rows of the source at the destination ===" in out.read_text()
    assert in_a_shell(copying(small_source, database), f"> '{out}' 2> '{out}'").returncode == 2
    assert "Standard error cannot be written to" in out.read_text()


# Each fails for itself


def test_a_report_on_a_full_disk(vestige_tui: VestigeTui, small_source: Path, database: Database) -> None:
    result = vestige_tui.copy(small_source, database, "--report", "/dev/full", "--quiet")
    assert result.code == 1
    assert result.err == "warning: the report was not saved to /dev/full: No space left on device.\n"
    (kept,) = reports_folder().iterdir()
    assert json.loads(kept.read_text())["outcome"] == "clean"
    assert str(kept) in result.out


def test_the_exit_code_of_the_run_is_kept(vestige_tui: VestigeTui, tmp_path: Path, database: Database) -> None:
    result = vestige_tui.copy(tmp_path / "missing.db", database, "--report", "/dev/full")
    assert result.code == 4
    assert "the report was not saved to /dev/full" in result.err
    assert len(list(reports_folder().iterdir())) == 1


def test_a_log_on_a_full_disk(vestige_tui: VestigeTui, small_source: Path, database: Database, tmp_path: Path) -> None:
    files = ("--log-file", "/dev/full", "--report", tmp_path / "report.json")
    result = vestige_tui.copy(small_source, database, *files, "--quiet")
    assert result.code == 1
    assert result.err == "warning: the log /dev/full is not complete: No space left on device.\n"
    assert "Traceback" not in result.said
    assert json.loads((tmp_path / "report.json").read_text())["memories_copied"] == 30


def test_a_disk_that_fills_up_in_the_middle_of_the_log(
    vestige_tui: VestigeTui, small_source: Path, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = []

    def write(descriptor: int, data: bytes) -> None:
        lines.append(data)
        if len(lines) > 3:
            raise OSError(28, os.strerror(28))
        os.write(descriptor, data)

    monkeypatch.setattr(logs, "write_all", write)
    result = vestige_tui.copy(small_source, database, "--log-file", tmp_path / "run.log", "--quiet")
    assert result.code == 1
    assert result.err.count("is not complete: No space left on device.") == 1
    assert len(lines) == 4
    assert (tmp_path / "run.log").read_bytes() == b"".join(lines[:3])


def test_a_full_disk_under_standard_output(small_source: Path, database: Database, tmp_path: Path) -> None:
    done = in_a_shell(copying(small_source, database, "--report", tmp_path / "report.json"), "> /dev/full")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "warning: standard output is not complete: No space left on device."
    assert "unexpected" not in done.stderr
    assert json.loads((tmp_path / "report.json").read_text())["outcome"] == "clean"
    assert database.value("SELECT count(*) FROM knowledge_nodes") == 30


@pytest.mark.parametrize("arguments", [("inspect", "--json"), ("--help",)])
def test_a_full_disk_under_other_commands(small_source: Path, arguments: tuple[str, ...]) -> None:
    command = [*PROGRAM, *arguments, *([str(small_source)] if "inspect" in arguments else [])]
    done = in_a_shell(command, "> /dev/full")
    assert done.returncode == 1
    assert done.stderr == "warning: standard output is not complete: No space left on device.\n"


@pytest.mark.parametrize("redirections", ["2> /dev/full", ">&- 2>&- <&-", "| head -0; exit ${PIPESTATUS[0]}"])
def test_streams_that_are_full_closed_or_not_read(
    small_source: Path, database: Database, home: Path, redirections: str
) -> None:
    before = small_source.read_bytes()
    done = in_a_shell(copying(small_source, database, "--log-file", home / "run.log"), redirections)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "warning" not in done.stderr
    assert database.value("SELECT count(*) FROM knowledge_nodes") == 30
    (kept,) = (home / "state" / "vestige-tui" / "reports").iterdir()
    assert json.loads(kept.read_text())["outcome"] == "clean"
    assert "migrate: complete" in (home / "run.log").read_text()
    assert small_source.read_bytes() == before


OPENING = """
import os, sys
from vestige_tui.terminal.streams import occupy_standard_descriptors
occupy_standard_descriptors()
sys.exit(os.open(sys.argv[1], os.O_RDONLY))
"""


@pytest.mark.parametrize("redirections", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_no_file_takes_the_number_of_a_closed_stream(tmp_path: Path, redirections: str) -> None:
    """Else it would get what is meant for the terminal."""
    path = tmp_path / "file"
    path.write_text("")
    assert in_a_shell([sys.executable, "-c", OPENING, str(path)], redirections).returncode > 2


def test_an_error_whose_stream_is_full(tmp_path: Path) -> None:
    done = in_a_shell([*PROGRAM, "inspect", str(tmp_path / "missing.db")], "2> /dev/full")
    assert (done.returncode, done.stdout, done.stderr) == (4, "", "")
