"""``vestige-tui embedded start|stop|status``: a server that outlives what started it, and two shells at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from tests.cli.commands import VestigeTui
from vestige_tui.core.destination.embedded import EmbeddedServer
from vestige_tui.core.destination.postmaster import Postmaster

PROGRAM = (sys.executable, "-m", "vestige_tui")


@pytest.fixture
def data(home: Path) -> Path:
    """The data folder of this user's embedded server."""
    return home / "data/vestige-tui/postgres"


def _at_once(*command: str) -> list[subprocess.CompletedProcess[str]]:
    """The same command in two shells, whose output is read to its end: no server may keep it open."""

    def run(_: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*PROGRAM, *command], capture_output=True, text=True, timeout=60, check=False)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(run, range(2)))


def _running(data: Path) -> Postmaster | None:
    return EmbeddedServer(data).running


def test_from_start_to_stop(vestige_tui: VestigeTui, data: Path, small_source: Path) -> None:
    assert vestige_tui("embedded", "stop").code == 0
    before = vestige_tui("embedded", "status")
    assert (before.code, "not running; nothing has been copied" in before.out) == (1, True)
    assert not data.exists()

    one, other = _at_once("embedded", "start")
    assert (one.returncode, other.returncode, one.stdout) == (0, 0, other.stdout), one.stderr + other.stderr
    url = one.stdout.strip()
    started = _running(data)
    assert started is not None

    shell = [*PROGRAM, "embedded", "start"]
    with subprocess.Popen(shell, stdout=subprocess.PIPE, text=True, start_new_session=True) as again:
        assert again.communicate(timeout=60)[0].strip() == url, "safe to repeat"
    with pytest.raises(ProcessLookupError):
        os.killpg(again.pid, signal.SIGHUP)  # nothing is left in the session of the shell

    copied = vestige_tui.copy(small_source, "embedded", "--quiet")
    assert copied.code == 0, copied.said
    assert _running(data) == started, "a copy finds the one that runs, and does not stop it"
    with psycopg.connect(url, application_name="an agent") as agent:
        assert agent.execute("SELECT count(*) FROM knowledge_nodes").fetchone() == (30,)
        with EmbeddedServer(data):
            status = vestige_tui("embedded", "status")
            assert status.code == 0
            assert "PostgreSQL 18." in status.out
            assert f"URL:         {url}\n" in status.out
            assert "an agent (1 connection since 20" in status.out
            assert "vestige-tui (1 connection since 20" in status.out
            assert f" MB in {data}\n" in status.out
            refused = vestige_tui("embedded", "stop")
            assert (refused.code, "vestige-tui is using" in refused.err) == (3, True)
        assert _running(data) == started

    one, other = _at_once("embedded", "stop")
    assert (one.returncode, other.returncode) == (0, 0)
    assert {one.stderr, other.stderr} == {"It has stopped.\n", "It is not running.\n"}
    assert "PostgreSQL 18, not running" in vestige_tui("embedded", "status").out
    assert "database system is shut down" in (data / "server.log").read_text(), "cleanly"


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can give a folder away")
def test_the_server_of_another_user_is_left_alone(vestige_tui: VestigeTui, data: Path, small_source: Path) -> None:
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("18\n")
    os.chown(data, 12_345, 12_345)
    results = [vestige_tui("embedded", command) for command in ("start", "stop", "status")]
    results += [vestige_tui.copy(small_source, "embedded")]
    for result in results:
        assert result.code == 4
        assert f"The embedded PostgreSQL in {data} belongs to the user 12345." in result.err
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]
    assert [path.name for path in data.parent.iterdir()] == [data.name], "no lock that its owner could not take"


def test_a_home_in_which_nothing_can_be_made(vestige_tui: VestigeTui, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a service has it."""
    monkeypatch.setenv("XDG_DATA_HOME", "/dev/null")
    assert "not running; nothing has been copied" in vestige_tui("embedded", "status").out
    started = vestige_tui("embedded", "start")
    assert (started.code, "Its folder cannot be used" in started.err) == (4, True)
