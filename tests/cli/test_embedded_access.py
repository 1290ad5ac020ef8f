"""Who gets into the embedded server: its owner, and no other user of the machine."""

from __future__ import annotations

import os
import socket
import stat
import time
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from vestige_tui.cli.embedded import _facts
from vestige_tui.core.destination import access, environment
from vestige_tui.core.destination.connection import connect
from vestige_tui.core.destination.embedded import EmbeddedServer
from vestige_tui.core.destination.programs import Programs, SystemUser, server_user
from vestige_tui.core.destination.standing import Standing
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.handover.making import Remark, make_handover
from vestige_tui.core.handover.words import note_in_words

TRUSTING = "local all all trust\nhost all all 127.0.0.1/32 trust\n"
"""The rules of clusters that earlier versions made."""

needs_root = pytest.mark.skipif(server_user(Path("/")) is None, reason="only root can become another user")


def intruding(dsn: Dsn, user: SystemUser, *, until: str) -> bool:
    """Let another user of this machine try, who knows everything but the password: ``in`` is success.

    Returns whether the answer has this in it, soon at least: a server takes a moment to read its rules again.
    """
    known = {name: value for name, value in dsn.parameters.items() if name != "dbname"}
    command = ("psql", "-w", "-A", "-t", "-c", "SELECT 'in'", make_conninfo(**known, dbname="postgres"))
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if until in Programs.find(18).run(Path("/"), *command, user=user, timeout=60).stdout:
            return True
    return False


@needs_root
def test_another_user_does_not_get_in(tmp_path: Path) -> None:
    folder, rules = tmp_path / "pg", tmp_path / "pg" / access.RULES
    stranger = SystemUser(1, 1)
    with EmbeddedServer(folder, tcp=False) as server:
        stand_in = server_user(folder)  # runs the server of root
        assert stand_in is not None
        assert intruding(server.dsn, stand_in, until="Peer authentication failed")
        assert intruding(server.dsn, stranger, until="Permission denied")
        rules.write_text(TRUSTING)
        with connect(server.dsn) as connection:
            connection.execute("SELECT pg_reload_conf()")
        assert intruding(server.dsn, stand_in, until="in\n"), "the attempt itself works"
        with EmbeddedServer(folder):  # one that runs is guarded as soon as this version uses it
            assert intruding(server.dsn, stand_in, until="Peer authentication failed")
        assert (folder / "pg_hba.conf.before").read_text() == TRUSTING
        rules.write_text(TRUSTING)
    with EmbeddedServer(folder, tcp=True) as server:  # as on Windows, with a folder of an earlier version
        for user in (stand_in, stranger):
            assert intruding(server.dsn, user, until="no password supplied")
        with connect(server.dsn) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("postgres",)


def test_over_tcp_the_owner_has_the_password_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "pg"
    monkeypatch.setenv("PGPASSWORD", "of another server")
    with EmbeddedServer(folder, tcp=True) as server:
        dsn = server.dsn
        assert dsn.parameters["host"] == "127.0.0.1"
        assert dsn.parameters["passfile"] == str(folder / "passfile")
        login = access.Login.read(folder)
        assert login is not None
        assert login.password.reveal() not in f"{dsn!r}{dsn.parameters}{login!r}"
        assert stat.S_IMODE((folder / "passfile").stat().st_mode) == 0o600
        with connect(dsn) as connection:
            query = "SELECT type, auth_method FROM pg_hba_file_rules"
            assert connection.execute(query).fetchall() == [("host", "scram-sha-256")]
            assert connection.execute("SHOW unix_socket_directories").fetchone() == ("",)
            verifier = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'").fetchone()
            assert verifier is not None
            assert verifier[0].startswith("SCRAM-SHA-256$")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(Dsn({**dsn.parameters, "passfile": os.devnull}).conninfo())
        monkeypatch.delenv("PGPASSWORD")
        psycopg.connect(Dsn(dsn.parameters).conninfo()).close()  # libpq reads the file
        running = Standing(folder, dsn, kept=True, version="18", size=1)
        assert f"in {folder / 'passfile'}" in {name: str(value) for name, value in _facts(running)}["Password"]
        (note,) = [note for note in make_handover(dsn, None, tmp_path).notes if note.remark is Remark.PASSFILE]
        assert str(folder / "passfile") in note_in_words(note)
    with EmbeddedServer(folder, tcp=True) as server:
        assert server.dsn == dsn, "what Vestige was given still leads there"


@pytest.mark.parametrize("tcp", [False, True])
def test_variables_about_another_server_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tcp: bool
) -> None:
    """Each alone, since one may hide the other; most of these values refuse every connection."""
    named = {option.envvar.decode() for option in Conninfo.get_defaults() if option.envvar}
    values = dict.fromkeys(named | {"PGTZ", "PGDATESTYLE", "PGGEQO", "PGSERVICEFILE", "PGSYSCONFDIR"}, "nonsense")
    values |= {
        "PGCHANNELBINDING": "require",
        "PGGSSENCMODE": "require",
        "PGHOSTADDR": "127.0.0.9",
        "PGPORT": "1",
        "PGREQUIREAUTH": "gss",
        "PGSSLMODE": "require",
        "PGTARGETSESSIONATTRS": "standby",
    }
    with EmbeddedServer(tmp_path / "pg", tcp=tcp) as server:
        for name, value in values.items():
            with monkeypatch.context() as patch:
                patch.setenv(name, value)
                with connect(server.dsn) as connection:
                    query = "SELECT current_user, current_database(), current_setting('application_name')"
                    assert connection.execute(query).fetchone() == ("postgres", "vestige", "vestige-tui"), name
                assert os.environ[name] == value
    assert environment.defaults().keys() >= {"hostaddr", "options", "sslmode", "password"}


def test_rules_that_an_owner_has_set_stay(tmp_path: Path) -> None:
    rules = "local all all scram-sha-256  # trust nobody\n"
    (tmp_path / access.RULES).write_text(rules)
    assert not access.guard(tmp_path, tcp=False, server=None)
    assert (tmp_path / access.RULES).read_text() == rules


def test_a_port_that_is_taken_is_replaced(tmp_path: Path) -> None:
    login = access.Login.new()
    assert login.at_free_port() == login
    with socket.create_server((access.ADDRESS, login.port)):
        other = login.at_free_port()
    assert other.port != login.port
    other.keep(tmp_path)
    assert access.Login.read(tmp_path) == other
