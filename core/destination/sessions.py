"""The sessions of one run: connections to the destination, each with its watchdog."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

import psycopg

from vestige_tui.core.destination.connection import Connection, connect, unlimited
from vestige_tui.core.destination.waits import DEFAULT_WAITS, Waits
from vestige_tui.core.destination.watchdog import Watchdog
from vestige_tui.core.dsn import Dsn


class Session(NamedTuple):
    """A connection and its watchdog."""

    connection: Connection
    watchdog: Watchdog


@dataclass(frozen=True, slots=True)
class Sessions:
    """Opens sessions at ``dsn``; ``cancel`` is the operator's wish to stop, and ends the waiting in all of them."""

    dsn: Dsn
    cancel: threading.Event
    waits: Waits = DEFAULT_WAITS
    read_only: bool = False

    @contextmanager
    def open(self) -> Iterator[Session]:
        """One session while the block runs. Raises ``psycopg.Error`` or ``RefusedError`` as ``connect`` does."""
        with (
            closing(connect(self.dsn, read_only=self.read_only, waits=self.waits)) as connection,
            Watchdog(connection, self.cancel, self.waits) as watchdog,
        ):
            yield Session(connection, watchdog)

    @contextmanager
    def open_more(self, first: Session, wanted: int, *, pooled: bool = False) -> Iterator[Sequence[Session]]:
        """``first`` and as many others as the server gives, ``wanted`` in all.

        A pooler (``pooled``) gives any number of sessions, and fewer connections: as many sessions are opened as can be
        in a transaction at once. Else one of them would wait while another builds an index, and be turned away.
        """
        patience = self.waits.lent_connection if pooled else self.waits.extra_connection
        hurried = replace(self, waits=replace(self.waits, first_answer=patience))
        with ExitStack() as stack:
            found = [first]
            with ExitStack() as lent:
                if pooled:
                    _begin(first, lent)
                while len(found) < wanted:
                    try:
                        session = stack.enter_context(hurried.open())
                        if pooled:
                            _begin(session, lent)
                    except psycopg.OperationalError:
                        break
                    found.append(session)
            yield found


def _begin(session: Session, until: ExitStack) -> None:
    """Begin a transaction, which needs a connection to the server until it ends."""
    with session.watchdog.step():
        until.enter_context(unlimited(session.connection))  # it is idle while others are opened
