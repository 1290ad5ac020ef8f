"""What a session begins with: UTF-8 and no time limit, whatever role, database, service or connection string say."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.support.disturbances import outlast
from tests.support.runs import assert_equal_everywhere, copy
from tests.support.servers import Database
from tests.support.sources import Sources, edit, memory_ids
from vestige_tui.core import events
from vestige_tui.core.destination import indexes as builds
from vestige_tui.core.destination.connection import connect, conninfo
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.probe import probe
from vestige_tui.core.destination.sessions import Sessions
from vestige_tui.core.destination.waits import Waits
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError, RefusedError
from vestige_tui.core.report import Outcome
from vestige_tui.core.rows.tables import Index

LIMITS = (
    "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout",
    "transaction_timeout",
)  # fmt: skip
CORE = Path(__file__).resolve().parents[2] / "core"


def settings(connection: psycopg.Connection, *names: str) -> dict[str, str]:
    """Those settings of a session that its server has."""
    query = "SELECT name, setting FROM pg_settings WHERE name = ANY (%s)"
    return dict(connection.execute(query, ([*names],)).fetchall())


def test_every_connection_is_opened_in_one_place() -> None:
    """One that is opened elsewhere has neither UTF-8 checked nor its time limits lifted."""
    opened = {
        path.relative_to(CORE).as_posix(): found
        for path in CORE.rglob("*.py")
        if (found := re.findall(r"psycopg\.connect\(|ConnectionPool\(|Connection\.connect\(", path.read_text()))
    }
    assert opened == {"destination/connection.py": ["psycopg.connect("]}


# UTF-8

GARBLING: dict[str, Callable[[Database, Path, pytest.MonkeyPatch], Dsn]] = {}


def garbling(by: str) -> Callable[[Callable[[Database, Path, pytest.MonkeyPatch], Dsn]], None]:
    """Name a way in which an operator asks for another encoding."""
    return lambda ask: GARBLING.update({by: ask})


@garbling("the connection string")
def _by_parameter(database: Database, folder: Path, patch: pytest.MonkeyPatch) -> Dsn:
    return database.dsn.with_parameters(client_encoding="latin1")


@garbling("options")
def _by_options(database: Database, folder: Path, patch: pytest.MonkeyPatch) -> Dsn:
    return database.dsn.with_parameters(options="-c client_encoding=latin1")


@garbling("PGCLIENTENCODING")
def _by_environment(database: Database, folder: Path, patch: pytest.MonkeyPatch) -> Dsn:
    patch.setenv("PGCLIENTENCODING", "latin1")
    return database.dsn


@garbling("PGOPTIONS")
def _by_options_of_the_environment(database: Database, folder: Path, patch: pytest.MonkeyPatch) -> Dsn:
    patch.setenv("PGOPTIONS", "-c client_encoding=latin1")
    return database.dsn


@garbling("a service")
def _by_service(database: Database, folder: Path, patch: pytest.MonkeyPatch) -> Dsn:
    file = folder / "services.conf"
    lines = [f"{name}={value}" for name, value in database.dsn.parameters.items()]
    file.write_text("\n".join(["[memories]", *lines, "client_encoding=latin1"]))
    patch.setenv("PGSERVICEFILE", str(file))
    return Dsn.parse("service=memories")


@garbling("the database")
def _by_database(database: Database, folder: Path, patch: pytest.MonkeyPatch) -> Dsn:
    database.execute(f"ALTER DATABASE {database.name} SET client_encoding = latin1")
    return database.dsn


@garbling("the role")
def _by_role(database: Database, folder: Path, patch: pytest.MonkeyPatch) -> Dsn:
    user = database.value("SELECT current_user")
    database.execute(f"ALTER ROLE {user} IN DATABASE {database.name} SET client_encoding = latin1")
    return database.dsn


@pytest.mark.parametrize(("by", "max_connections"), zip(GARBLING, itertools.cycle([4, 1]), strict=False))
def test_text_arrives_as_it_is_whatever_encoding_is_asked_for(
    sources: Sources,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    by: str,
    max_connections: int,
) -> None:
    source = sources.seed()
    edit(source, "UPDATE knowledge_nodes SET content = 'Grüße, 語 and 🧠 ' || rowid, tags = '[\"größe\", \"記憶\"]'")
    edit(source, "UPDATE users SET display_name = 'Zoë ' || rowid")
    dsn = GARBLING[by](database, tmp_path, monkeypatch)
    assert copy(source, dsn, dry_run=True).tables["knowledge_nodes"].inserted == 30
    assert copy(source, dsn, max_connections=max_connections).outcome is Outcome.CLEAN
    readable = replace(database, dsn=database.dsn.with_parameters(client_encoding="utf8"))
    assert_equal_everywhere(source, readable)
    assert readable.value("SELECT content FROM knowledge_nodes WHERE id = %s", (memory_ids(source)[0],)) == (
        "Grüße, 語 and 🧠 1"
    )
    again = copy(source, dsn).tables
    assert (again["knowledge_nodes"].already_present, again["domains"].already_present) == (30, 3)
    assert probe(dsn).usable


def test_a_connection_that_garbles_all_the_same_is_refused(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a pooler that changes it behind libpq's back; also for the sessions of a run."""
    from vestige_tui.core.destination import connection as opening

    monkeypatch.setattr(opening, "conninfo", lambda dsn: conninfo(dsn).replace("utf8", "latin1"))
    for attempt in (lambda: connect(database.dsn), lambda: probe(database.dsn)):
        with pytest.raises(RefusedError, match="does not carry text as UTF-8: the server takes it for LATIN1"):
            attempt()
    with pytest.raises(RefusedError), Sessions(database.dsn, threading.Event()).open():
        pass


def test_what_the_server_receives_is_looked_at(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the encoding alone is not believed."""
    from vestige_tui.core.destination import connection as opening

    monkeypatch.setattr(opening, "_first_answer", lambda _: "é".encode("latin1").hex())
    with pytest.raises(RefusedError, match="does not carry text as UTF-8"):
        connect(database.dsn)


def test_a_database_of_another_encoding_is_named_as_such(database: Database) -> None:
    """There the sample cannot be converted, which is no reason to speak of the connection."""
    name = f"{database.name}_latin1"
    database.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        (refusal,) = probe(database.dsn.with_parameters(dbname=name)).refusals
        assert "stores text as LATIN1" in refusal.what
    finally:
        database.execute(f"DROP DATABASE {name} WITH (FORCE)")


# Time limits


@pytest.mark.parametrize("way", ["database", "role", "options"])
def test_limits_are_lifted_in_every_session(database: Database, way: str) -> None:
    present = settings_of(database)
    dsn = database.dsn
    if way == "options":
        dsn = dsn.with_parameters(options=" ".join(f"-c {name}=5000" for name in present))
    else:
        owner = "DATABASE" if way == "database" else f"ROLE {database.value('SELECT current_user')} IN DATABASE"
        database.execute(*(f"ALTER {owner} {database.name} SET {name} = 5000" for name in present))
    with psycopg.connect(dsn.conninfo(), autocommit=True) as plain:
        assert settings(plain, *LIMITS) == dict.fromkeys(present, "5000")
    opening = Sessions(dsn, threading.Event())
    with opening.open() as first, opening.open_more(first, 3) as opened:
        assert len(opened) == 3
        for session in opened:
            assert settings(session.connection, *LIMITS) == dict.fromkeys(present, "0")
            assert settings(session.connection, "client_connection_check_interval") == {
                "client_connection_check_interval": "2000"
            }


def settings_of(database: Database) -> list[str]:
    """The names of the limits that this server has."""
    with database.connect() as connection:
        return [*settings(connection, *LIMITS)]


def test_an_isolation_of_the_role_does_not_count(small_source: Path, database: Database) -> None:
    database.execute(f"ALTER DATABASE {database.name} SET default_transaction_isolation = 'serializable'")
    with connect(database.dsn) as connection:
        assert settings(connection, "default_transaction_isolation") == {
            "default_transaction_isolation": "read committed"
        }
    assert copy(small_source, database, batch_size=3).outcome is Outcome.CLEAN
    assert_equal_everywhere(small_source, database)


def test_a_copy_outlives_every_limit_of_its_role(
    small_source: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them is shorter than the slowest step: an index that is built, with sessions that are idle meanwhile."""
    definition = builds._definition

    def take_time(destination: Destination, index: Index, *, named: bool) -> sql.Composed:
        made = definition(destination, index, named=named)
        slow = index.name in ("idx_knowledge_nodes_tags", "idx_edges_edge_type")
        return sql.SQL("SELECT pg_sleep(0.7); {}").format(made) if slow else made

    database.execute(*(f"ALTER DATABASE {database.name} SET {name} = 300" for name in settings_of(database)))
    monkeypatch.setattr(builds, "_definition", take_time)
    report = copy(small_source, database)
    assert (report.outcome, report.notices) == (Outcome.CLEAN, [])
    assert_equal_everywhere(small_source, database)
    assert copy(small_source, database, dry_run=True).tables["knowledge_nodes"].already_present == 30


def test_a_dry_run_outlives_a_limit_on_transactions(small_source: Path, copied_database: Database) -> None:
    """It is one transaction, and reading a large source takes its time."""
    copied_database.execute(
        *(f"ALTER DATABASE {copied_database.name} SET {name} = 300" for name in settings_of(copied_database))
    )

    def dawdle(event: events.Event) -> None:
        if isinstance(event, events.TableFinished) and event.table in ("users", "knowledge_nodes"):
            outlast(0.5)

    report = copy(small_source, copied_database, dry_run=True, on_event=dawdle)
    assert report.tables["knowledge_nodes"].already_present == 30


def test_a_lock_is_waited_for_longer_than_the_role_would(small_source: Path, copied_database: Database) -> None:
    """Only by this program's own limit, which is longer."""
    copied_database.execute(
        "DELETE FROM edges",
        f"ALTER DATABASE {copied_database.name} SET lock_timeout = 100",
        f"ALTER DATABASE {copied_database.name} SET statement_timeout = 200",
    )
    with copied_database.connect() as other:
        other.execute("BEGIN")
        other.execute("SET LOCAL statement_timeout = 0")
        other.execute("LOCK TABLE edges IN SHARE MODE")
        threading.Timer(1, other.execute, ("COMMIT",)).start()
        report = copy(small_source, copied_database)
    assert report.tables["edges"].inserted == 20


def test_a_silent_server_is_not_waited_for_without_end(copied_tcp_database: Database) -> None:
    """One that lets clients in, as a pooler does, and then answers no question."""
    from tests.support.proxy import Disruption, proxy_to

    with proxy_to(copied_tcp_database.dsn) as proxy:
        proxy.expect(Disruption.STALL_BEFORE, b"pg_backend_pid")
        with pytest.raises(DestinationError, match="the first query was not answered"):
            probe(proxy.dsn, Waits(first_answer=0.5))
    with suppress(psycopg.Error):
        connect(copied_tcp_database.dsn).close()


@pytest.mark.parametrize(
    ("error", "name"),
    [(psycopg.errors.TransactionTimeout, "transaction_timeout"),
     (psycopg.errors.IdleInTransactionSessionTimeout, "idle_in_transaction_session_timeout"),
     (psycopg.errors.IdleSessionTimeout, "idle_session_timeout"),
     (psycopg.errors.QueryCanceled, "statement_timeout"),
     (psycopg.errors.ProtocolViolation, "query_timeout")],
)  # fmt: skip
def test_the_next_run_is_not_said_to_complete_what_a_limit_ended(
    small_source: Path,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    error: type[psycopg.Error],
    name: str,
) -> None:
    """It would meet the same limit; so the remedy names that."""
    words = {"statement_timeout": "canceling statement due to statement timeout", "query_timeout": "query_timeout"}

    def end(*_: object, **__: object) -> None:
        raise error(words.get(name, ""))

    monkeypatch.setattr(builds, "build", end)
    with pytest.raises(DestinationError) as caught:
        copy(small_source, database)
    assert name in caught.value.what
    assert "the next run would meet the same limit" in caught.value.means
    assert "All rows have arrived" in caught.value.means
    assert "limit" in caught.value.remedy or "to 0" in caught.value.remedy


def test_the_next_run_completes_what_something_else_ended(
    small_source: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: object, **__: object) -> None:
        raise psycopg.errors.AdminShutdown

    with monkeypatch.context() as patch, pytest.raises(DestinationError) as caught:
        patch.setattr(builds, "build", end)
        copy(small_source, database)
    assert "the next run completes them" in caught.value.means
    assert copy(small_source, database).outcome is Outcome.CLEAN
