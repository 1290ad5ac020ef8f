"""The sessions of one run: connections to the destination, each with its watchdog."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

import psycopg

from vestige_tui.core.destination.connection import Connection, connect
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
    def open_more(self, first: Session, wanted: int) -> Iterator[Sequence[Session]]:
        """``first`` and as many others as the server gives, ``wanted`` in all."""
        hurried = replace(self, waits=replace(self.waits, first_answer=self.waits.extra_connection))
        with ExitStack() as stack:
            found = [first]
            while len(found) < wanted:
                try:
                    found.append(stack.enter_context(hurried.open()))
                except psycopg.OperationalError:
                    break
            yield found
