"""Testing a connection: what is reported, and that nothing is written."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import psycopg
import pytest

from tests.support.roles import role
from tests.support.servers import Database, Server
from vestige_tui.core.destination import strangers
from vestige_tui.core.destination.checks import server_refusals
from vestige_tui.core.destination.connection import ends_here
from vestige_tui.core.destination.inspection import is_pglite
from vestige_tui.core.destination.probe import create_database, database_name, probe
from vestige_tui.core.destination.server_errors import explain_connecting
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError
from vestige_tui.core.facts import Obstacle, Stranger


def test_an_empty_database_is_usable(bare_database: Database) -> None:
    found = probe(bare_database.dsn)
    assert found.usable
    assert found.destination.server.database == bare_database.name
    assert (found.rows, found.destination.registered) == ({}, None)
    assert found.destination.privileges.create
    assert found.destination.privileges.temporary
    assert found.destination.pgvector_version


def test_a_probe_writes_nothing(bare_database: Database) -> None:
    catalog = (
        "SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_extension)"
    )
    before = bare_database.rows(catalog)
    probe(bare_database.dsn)
    assert bare_database.rows(catalog) == before


@pytest.mark.parametrize(
    ("host", "address", "ends"),
    [
        ("/run/postgresql", "", True),
        ("@abstract", "", True),
        ("localhost", "127.0.0.1", True),
        ("localhost", "::1", True),
        ("localhost", "::ffff:127.0.0.1", True),
        ("db.example", "::ffff:192.0.2.7", False),
        ("db.example", "192.0.2.7", False),
        ("db.example", "2001:db8::7", False),
        ("localhost.example", "", False),
    ],
)
def test_what_ends_on_this_machine(host: str, address: str, ends: bool) -> None:
    assert ends_here(host, address) is ends


def test_a_connection_over_loopback_ends_on_this_machine(tcp_database: Database) -> None:
    found = probe(tcp_database.dsn).destination.server
    assert (found.local, found.tls) == (True, None)


def test_rows_at_the_destination_are_counted(database: Database) -> None:
    database.execute(
        "CREATE TABLE domains (id text PRIMARY KEY, label text, centroid vector, top_terms text[],"
        " memory_count integer, created_at timestamptz)",
        "INSERT INTO domains (id) VALUES ('a'), ('b')",
    )
    found = probe(database.dsn)
    assert found.rows == {"domains": 2}
    assert found.destination.vector_schema == "public"


def test_tables_that_do_not_fit_are_a_refusal(database: Database) -> None:
    database.execute("CREATE TABLE domains (id integer PRIMARY KEY)")
    found = probe(database.dsn)
    assert not found.usable
    assert "domains" in found.refusals[0].what


def test_a_missing_database_is_reported_and_can_be_created(server: Server) -> None:
    missing = server.dsn.with_parameters(dbname='not there; "yet"')
    with pytest.raises(DestinationError) as failure:
        probe(missing)
    assert failure.value.obstacle is Obstacle.DATABASE_MISSING
    try:
        assert create_database(missing) == 'not there; "yet"'
        assert create_database(missing), "a second time does no harm"
        assert probe(missing).usable
    finally:
        with server.administer() as connection:
            connection.execute('DROP DATABASE "not there; ""yet"""')


@pytest.mark.parametrize(
    ("parameters", "obstacle"),
    [
        ({"host": "127.0.0.1", "port": "1"}, Obstacle.REFUSED),
        ({"host": "no-such-host.invalid"}, Obstacle.UNKNOWN_HOST),
        ({"host": "/nowhere"}, Obstacle.REFUSED),
    ],
)
def test_each_obstacle_has_a_reason(parameters: dict[str, str], obstacle: Obstacle) -> None:
    with pytest.raises(DestinationError) as failure:
        probe(Dsn(parameters | {"user": "nobody", "dbname": "nothing", "password": "canary-7f3a"}))
    assert failure.value.obstacle is obstacle
    assert "canary" not in str(failure.value)


@pytest.mark.parametrize(
    ("first", "answer", "stranger", "named"),
    [
        (b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", Stranger.WEB, "but a web server."),
        (b"", b"\x15\x03\x03\x00\x02\x02\x46", Stranger.TLS, "but a server that speaks TLS only"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", b"", Stranger.SSH, "but an SSH server."),
        (b"J\x00\x00\x00\x0a8.0.36\x00", b"", Stranger.MYSQL, "but MySQL or MariaDB."),
        (b"", b"-ERR unknown command\r\n", Stranger.REDIS, "but Redis or Valkey."),
        (b"220 ready\r\n", b"", Stranger.MAIL_OR_FTP, "but a mail or FTP server."),
        (b"hello", b"", Stranger.OTHER, "What answers at that address is no PostgreSQL."),
    ],
)
def test_what_is_no_postgresql_is_named(
    first: bytes, answer: bytes, stranger: Stranger, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "PATIENCE", 0.3)
    with _program(first, answer) as port, pytest.raises(DestinationError) as failure:
        probe(Dsn({"host": "127.0.0.1", "port": str(port), "user": "u", "connect_timeout": "5"}))
    assert failure.value.obstacle is Obstacle.NOT_POSTGRESQL
    assert failure.value.stranger is stranger
    assert named in failure.value.what


def test_a_program_that_hangs_up_may_be_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "PATIENCE", 0.3)
    with _program(b"", b"") as port:
        assert strangers.who_answers(Dsn({"host": "127.0.0.1", "port": str(port)})) is None
    for parameters in ({"host": "/run"}, {"service": "x"}, {"host": "a,b"}, {"host": "127.0.0.1", "port": "1"}):
        assert strangers.who_answers(Dsn(parameters)) is None


def test_a_server_that_says_nothing_is_given_up() -> None:
    with _silent_port() as port, pytest.raises(DestinationError) as failure:
        probe(Dsn({"host": "127.0.0.1", "port": str(port), "user": "u", "connect_timeout": "2"}))
    assert failure.value.obstacle is Obstacle.SILENT


@pytest.mark.parametrize(
    ("words", "obstacle"),
    [
        ("FATAL:  client connections exceeded (max_user_client_connections)", Obstacle.CLIENTS_FULL),  # PgBouncer
        ("FATAL:  could not get connection from the pool - AllServersDown", Obstacle.POOL_FULL),  # PgCat
        ("FATAL:  Max client connections reached", Obstacle.CLIENTS_FULL),  # Supavisor
        ("FATAL:  (ECHECKOUTTIMEOUT) unable to check out connection from the pool after 15000ms", Obstacle.POOL_FULL),
        ("FATAL:  sorry, too many clients already", Obstacle.NO_SLOT),  # PostgreSQL
    ],
)
def test_a_pooler_that_is_full(words: str, obstacle: Obstacle) -> None:
    assert explain_connecting(psycopg.OperationalError(words), Dsn({"host": "h"})).obstacle is obstacle


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        ("PostgreSQL 18.6 (PGlite 0.5.14) on wasm32-unknown-emscripten, compiled by emcc 6.0.5, 32-bit", True),
        ("PostgreSQL 16.4 on x86_64-pc-linux-gnu, compiled by emcc (Emscripten gcc/clang-like replacement) 3.1", True),
        ("PostgreSQL 18.4 on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14) 12.2.0, 64-bit", False),
    ],
)
def test_pglite_is_recognised(build: str, expected: bool) -> None:
    assert is_pglite(build) == expected


def test_pglite_is_refused_and_nothing_else_of_it(database: Database) -> None:
    """It has one session for all connections: no lock would keep a second copy out."""
    found = probe(database.dsn).destination
    pglite = replace(found, pgvector_version="", server=replace(found.server, pglite=True))
    assert ["PGlite" in refusal.what for refusal in server_refusals(pglite, to_read=True)] == [True]


def test_an_unknown_user_is_reported(server: Server) -> None:
    if not server.dsn.parameters.get("host", "").startswith("/"):
        pytest.skip("another server may refuse logins without a password")
    with pytest.raises(DestinationError) as failure:
        probe(server.dsn.with_parameters(user="nobody_here"))
    assert failure.value.obstacle is Obstacle.UNKNOWN_USER


def test_a_role_that_may_do_nothing_is_told_everything_at_once(server: Server, bare_database: Database) -> None:
    if not server.is_superuser:
        pytest.skip("needs a server on which roles can be made")
    bare_database.execute(
        "CREATE TABLE domains (id integer PRIMARY KEY)",
        f'REVOKE ALL ON DATABASE "{bare_database.name}" FROM public',
        "REVOKE CREATE ON SCHEMA public FROM public",
    )
    with role(bare_database, "GRANT CONNECT ON DATABASE {database} TO {role}") as dsn:
        found = probe(dsn)
    assert not found.usable
    may = found.destination.privileges
    assert not any((may.create, may.temporary, may.extension))
    unfit, lacking = found.refusals
    assert "domains.id is integer" in unfit.what
    assert "The role may not do what a copy needs" in lacking.what
    assert "read and insert into domains" in lacking.what


@pytest.mark.parametrize(
    ("parameters", "name"),
    [({"dbname": "a", "user": "b"}, "a"), ({"user": "b"}, "b")],
)
def test_the_name_of_the_database_is_what_libpq_takes(parameters: dict[str, str], name: str) -> None:
    assert database_name(Dsn(parameters)) == name


@contextmanager
def _program(first: bytes, answer: bytes) -> Iterator[int]:
    """A port at which a program says something at once, or when it has received something; then it hangs up."""

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.sendall(first)
            connection.recv(100)
            connection.sendall(answer)

    def accept(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=accept, args=(listening,), daemon=True).start()
        yield listening.getsockname()[1]


@contextmanager
def _silent_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]
