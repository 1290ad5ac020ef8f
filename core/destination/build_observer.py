"""Watching an index build from another connection: how far it is, and whether the server works at it at all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import psycopg

from vestige_tui.core.destination import indexes
from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.indexes import Observed
from vestige_tui.core.destination.sessions import Session, Sessions


class BuildObserver:
    """Looks at the session that builds. It uses the first of ``others``, or else opens a session of its own, and
    replaces one that breaks. ``close`` closes those that it has opened.
    """

    def __init__(self, others: Sequence[Session], sessions: Sessions) -> None:
        self._sessions = sessions
        self._session = others[0] if others else None
        self._opened = ExitStack()
        self._next_attempt = 0.0

    def close(self) -> None:
        """Close what it has opened."""
        self._opened.close()

    def look(self, builder: Connection) -> Observed | None:
        """What the session of ``builder`` does; None where the server has no free connection just now.

        Raises ``Cancelled``, or ``DestinationError`` where the server does not answer.
        """
        try:
            session = self._connected()
            if session is None:
                return None
            with session.watchdog.step():
                return indexes.observe(session.connection, builder)
        except psycopg.errors.ConnectionTimeout:
            return Observed(working=False, fraction=None)  # the server accepts a connection and does not answer
        except psycopg.OperationalError:
            return None

    def _connected(self) -> Session | None:
        """A session that is not broken. After a failure it waits a while before the next attempt."""
        waits = self._sessions.waits
        if self._session is not None and self._session.connection.closed:
            self._session = None
            self._opened.close()
        if self._session is None and waits.clock() >= self._next_attempt:
            self._next_attempt = waits.clock() + waits.reconnect
            self._session = self._opened.enter_context(self._sessions.open())
        return self._session
