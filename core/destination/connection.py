"""Opens connections: every session of this program begins here, with UTF-8 and without the server's time limits."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from ipaddress import ip_address
from typing import Any

import psycopg
from psycopg import IsolationLevel, sql

from vestige_tui.core.destination.environment import defaults, without_variables
from vestige_tui.core.destination.waits import DEFAULT_WAITS, Waits
from vestige_tui.core.destination.watchdog import Watchdog
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError, RefusedError

Connection = psycopg.Connection[tuple[Any, ...]]

APPLICATION = "vestige-tui"
"""How our sessions call themselves, unless the connection string says otherwise."""

CONNECT_TIMEOUT = 10
"""Seconds to wait for a server, unless the connection string or ``PGCONNECT_TIMEOUT`` says otherwise."""

CLIENT_CHECK_MS = 2_000
"""How often a busy server checks that this program is still connected. Without that it would finish an index build for
a client that was killed, and keep the lock of its copy until then.
"""

PASSWORD_WANTED = "no password supplied"  # noqa: S105  (libpq's words)
"""What libpq says where a server asks for a password and it finds none. An error has only words where several addresses
were tried, such as the two of ``localhost``.
"""

_LIMITS = {
    "statement_timeout": 0,
    "lock_timeout": 0,
    "idle_in_transaction_session_timeout": 0,
    "idle_session_timeout": 0,
    "transaction_timeout": 17_00_00,
}
"""The time limits that a role, a database or a connection string can set, and the server version that brought each."""

_SAMPLE = "é語🧠"
"""Letters of two, three and four bytes in UTF-8."""


class NoFirstAnswer(psycopg.errors.ConnectionTimeout):
    """The login went through, and the first query was not answered in time: a server that hangs, or a full pool."""


def conninfo(dsn: Dsn) -> str:
    """The connection string for libpq: the operator's settings, and ours where the operator gives none.

    The encoding is always ours. In the start-up message it overrides ``options``, service file, environment, role and
    database, and a pooler respects it.
    """
    ours: dict[str, str | int] = {
        "application_name": APPLICATION,
        "connect_timeout": CONNECT_TIMEOUT,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 4,
        "tcp_user_timeout": 30_000,  # milliseconds until unacknowledged data means a dead connection
    }
    if dsn.isolated:
        ours = defaults() | ours
    elif timeout := os.environ.get("PGCONNECT_TIMEOUT"):
        ours["connect_timeout"] = timeout
    return dsn.with_parameters(client_encoding="utf8").conninfo(**ours)


def connect(dsn: Dsn, *, read_only: bool = False, waits: Waits = DEFAULT_WAITS) -> Connection:
    """Open one session, in autocommit mode. ``read_only`` makes the server itself refuse every write.

    Where the server asks for a password that libpq finds nowhere, the late one of ``dsn`` is looked for. Raises
    ``psycopg.Error`` where there is no connection, ``psycopg.errors.ConnectionTimeout`` where nothing answers in
    time (``NoFirstAnswer`` after the login), ``RefusedError`` where text would be garbled, and what looking for the
    password raises.
    """
    connection = _open(dsn)
    try:
        _begin(connection, waits.first_answer)
        if read_only:
            _refuse_writes(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _open(dsn: Dsn) -> Connection:
    try:
        return _log_in(dsn)
    except psycopg.OperationalError as error:
        late = dsn.late_password
        if late is None or PASSWORD_WANTED not in str(error) or late.look() is None:
            raise
    return _log_in(dsn)


def _log_in(dsn: Dsn) -> Connection:
    with without_variables() if dsn.isolated else nullcontext():
        return psycopg.connect(conninfo(dsn), autocommit=True, prepare_threshold=None)


def _begin(connection: Connection, first_answer: float) -> None:
    """Begin a session: verify that text travels as UTF-8, and lift the limits of role and database."""
    connection.isolation_level = IsolationLevel.READ_COMMITTED
    encoding = connection.info.parameter_status("client_encoding") or "none"
    if encoding.upper() != "UTF8":
        raise _garbling(encoding)
    try:
        with Watchdog(connection, threading.Event(), Waits(answer=first_answer)) as watchdog, watchdog.step():
            received = _first_answer(connection)
    except DestinationError:
        raise NoFirstAnswer from None
    if received not in (None, _SAMPLE.encode().hex()):
        raise _garbling("another encoding")


def _garbling(taken_for: str) -> RefusedError:
    return RefusedError(
        f"This connection does not carry text as UTF-8: the server takes it for {taken_for}.",
        remedy="Something between this program and the server changes client_encoding. Correct it there, or connect to "
        "the server itself.",
    )


def _first_answer(connection: Connection) -> str | None:
    """Apply the settings of a session, and return the sample as the server received it, in hexadecimal digits of its
    UTF-8; None where the database cannot hold the sample.

    It is one query, since each answer of a distant server takes time. A session that a pooler has lent keeps its own
    settings: it goes to another client next.
    """
    info = connection.info
    sample = sql.Literal(_SAMPLE) if info.parameter_status("server_encoding") == "UTF8" else sql.SQL("NULL")
    query = sql.SQL(
        "SELECT pg_catalog.encode(pg_catalog.convert_to({}, 'UTF8'::pg_catalog.name), 'hex'::pg_catalog.text),"
        " CASE WHEN pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) {} THEN ROW({}) END"
    ).format(sample, info.backend_pid, _settings(info.server_version, local=False))
    row = connection.execute(query).fetchone()
    return str(row[0]) if row and row[0] is not None else None


def _settings(server_version: int, *, local: bool) -> sql.Composed:
    """Expressions that apply the settings of a session, or of one transaction (``local``).

    Only on some systems can a server notice that a client is gone; on others it refuses that setting.
    """
    values = {name: "0" for name, since in _LIMITS.items() if server_version >= since}
    values["exit_on_error"] = "off"  # the session must survive a refused row
    if not local:
        values["default_transaction_isolation"] = IsolationLevel.READ_COMMITTED.name.replace("_", " ").lower()
    expressions = [_set(name, value, local=local) for name, value in values.items()]
    check = _set("client_connection_check_interval", f"{CLIENT_CHECK_MS}ms", local=local)
    expressions.append(
        sql.SQL("CASE WHEN pg_catalog.version() OPERATOR(pg_catalog.~) 'linux|darwin|bsd' THEN {} END").format(check)
    )
    return sql.SQL(", ").join(expressions)


def _set(name: str, value: str, *, local: bool) -> sql.Composed:
    return sql.SQL("pg_catalog.set_config({}, {}, {})").format(name, value, local)


@contextmanager
def unlimited(connection: Connection, snapshot: str | None = None) -> Iterator[None]:
    """A transaction without the time limits of role and database, even in a session that a pooler has lent.

    It may import the ``snapshot`` that another transaction has exported: both then see the same rows.
    """
    with connection.transaction():
        if snapshot is not None:  # before any query
            connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(snapshot))
        connection.execute(sql.SQL("SELECT {}").format(_settings(connection.info.server_version, local=True)))
        yield


def has_limits(connection: Connection) -> bool:
    """Whether a session begins with a time limit of role, database or server."""
    query = "SELECT EXISTS (SELECT FROM pg_settings WHERE name = ANY (%s) AND reset_val <> '0')"
    row = connection.execute(query, ([*_LIMITS],)).fetchone()
    return bool(row and row[0])


def _refuse_writes(connection: Connection) -> None:
    """Have the server refuse every write: by the session's default, and in every transaction that psycopg opens."""
    if not behind_pooler(connection):  # there the session is lent, and its settings would go to another client
        connection.execute("SET default_transaction_read_only = on")
    connection.read_only = True


def behind_pooler(connection: Connection) -> bool:
    """Whether a pooler such as PgBouncer sits in between: the process that answers is not the one connected to.

    Behind it the session may change between two transactions, so neither temporary tables nor session locks last.
    """
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return row is not None and row[0] != connection.info.backend_pid


def ends_here(host: str, address: str) -> bool:
    """Whether a connection ends on this machine: at a socket in the file system, or at a loopback address. A forwarder
    that listens there, such as a tunnel, may send everything on.

    ``host`` and ``address`` are what libpq says of it.
    """
    if host.startswith(("/", "@")):
        return True
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
