"""The users and groups that a memory can belong to: those of the source, and those at the destination."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from psycopg import sql

from vestige_tui.core import events
from vestige_tui.core.destination.sessions import Sessions
from vestige_tui.core.destination.waits import DEFAULT_WAITS, Waits
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.report import DestinationReport
from vestige_tui.core.rows.converters import uuid
from vestige_tui.core.rows.values import ValueProblem
from vestige_tui.core.run.announcer import Announcer
from vestige_tui.core.run.destination_steps import connected, look
from vestige_tui.core.source.layouts import resolve
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.source.repaired_rows import Rows, decoding
from vestige_tui.core.source.shape import read_shape


class Person(NamedTuple):
    """A user or a group, whichever the table holds."""

    id: str
    handle: str


def people(source: Path, dsn: Dsn, table: str, *, waits: Waits = DEFAULT_WAITS) -> list[Person]:
    """The users, or the groups, that a row may refer to, by handle. Raises ``SourceError`` or ``DestinationError``."""
    found = {person.id: person for person in (*_at_destination(dsn, table, waits), *_in_source(source, table))}
    return sorted(found.values(), key=lambda person: (person.handle, person.id))


def _in_source(source: Path, table: str) -> Iterator[Person]:
    with open_source(source) as connection, decoding(connection):
        found = resolve(read_shape(connection)).get(table)
        if found is None:
            return
        for _, (key, handle) in Rows(connection, found).read(["id", "handle"]):
            try:
                yield Person(_spelled(uuid(key)), handle if isinstance(handle, str) else "")
            except ValueProblem:
                continue  # no row can refer to it


def _at_destination(dsn: Dsn, table: str, waits: Waits) -> Iterator[Person]:
    sessions = Sessions(dsn, threading.Event(), waits, read_only=True)
    with connected(sessions) as session:
        destination = look(session, {table: 1}, DestinationReport(dsn.masked), Announcer([], events.ignore))
        if table not in destination.tables:
            return
        query = sql.SQL("SELECT id::text, handle FROM {}").format(sql.Identifier(destination.schema, table))
        with session.watchdog.step():
            rows = session.connection.execute(query).fetchall()
        yield from (Person(*row) for row in rows)


def _spelled(field: bytes) -> str:
    return str(UUID(bytes=field[-16:]))
