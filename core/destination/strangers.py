"""What answers at an address where no PostgreSQL does: many programs say it themselves in their first words."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

from vestige_tui.core.dsn import Dsn
from vestige_tui.core.facts import Stranger

PATIENCE = 1.5
"""Seconds that a program has for its first words, and again for an answer."""

_QUESTION = b"HEAD / HTTP/1.0\r\n\r\n"
"""Sent to a program that says nothing by itself. A web server answers it, most others complain about it."""

_BEGINS = (
    (b"SSH-", Stranger.SSH),
    (b"HTTP/", Stranger.WEB),
    (b"\x15\x03", Stranger.TLS),  # an alert of TLS
    (b"220", Stranger.MAIL_OR_FTP),
    (b"-", Stranger.REDIS),
)
_MYSQL = (b"\x00\x0a", b"\x00\xff")  # after the length of a packet: number 0, a greeting or a refusal


def who_answers(dsn: Dsn) -> Stranger | None:
    """Who listens where ``dsn`` leads; None where nothing does, where it says nothing of itself and hangs up, as
    PostgreSQL would, and where the address is none of TCP.
    """
    place = _place(dsn)
    if place is None:
        return None
    with suppress(OSError), socket.create_connection(place, timeout=PATIENCE) as connection:
        said = _received(connection)
        if said is None:
            connection.sendall(_QUESTION)
            said = _received(connection)
        return _recognised(said)
    return None


def _place(dsn: Dsn) -> tuple[str, int] | None:
    """Host and port; None for a socket file, a service and several hosts."""
    values = dsn.parameters
    host = values.get("hostaddr") or values.get("host") or os.environ.get("PGHOST", "")
    port = values.get("port") or os.environ.get("PGPORT") or "5432"
    if not host or host.startswith(("/", "@")) or "," in host or not port.isdecimal():
        return None
    return host, int(port)


def _received(connection: socket.socket) -> bytes | None:
    """The next bytes; empty where the other side has hung up, None where it says nothing in time."""
    try:
        return connection.recv(64)
    except TimeoutError:
        return None


def _recognised(said: bytes | None) -> Stranger | None:
    if said is None:
        return Stranger.SILENT
    if not said:
        return None
    if said[3:5] in _MYSQL:
        return Stranger.MYSQL
    return next((stranger for begin, stranger in _BEGINS if said.startswith(begin)), Stranger.OTHER)
