"""A limit to waiting: no silence of the server, and no link that swallows everything, may hang a run.

TCP alone does not notice a proxy that accepts data and never answers. So a thread watches how long a statement takes,
and when patience ends it shuts the socket down, which ends the wait in libpq with an error.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import NamedTuple

import psycopg

from vestige_tui.core.destination.connect import Connection
from vestige_tui.core.errors import LAST_BATCH_UNKNOWN, Cancelled, DestinationError

ANSWER_TIMEOUT = 120.0
"""Seconds to wait for the answer to one step of a run, index builds aside."""

CANCEL_GRACE = 20.0
"""Seconds that a step may still take after the operator asked to stop."""

_TICK = 0.1
_ASK_AGAIN = 1.0
"""Seconds until the server is asked once more to cancel: it may have been between two statements the first time."""


class Watchdog:
    """Watches over one connection while the block runs; ``cancel`` is the operator's wish to stop."""

    def __init__(self, connection: Connection, cancel: threading.Event, answer_timeout: float = ANSWER_TIMEOUT) -> None:
        self._connection = connection
        self._cancel = cancel
        self._answer_timeout = answer_timeout
        self._deadline: float | None = None
        self._interruptible = False
        self._cut = False
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    @contextmanager
    def step(self, *, long: bool = False) -> Iterator[None]:
        """One step of the run. A ``long`` one has no limit, and is interrupted at the server when it is cancelled.

        Raises ``Cancelled`` or ``DestinationError`` instead of psycopg's error where the watchdog ended the wait.
        """
        self._interruptible = long
        self._deadline = None if long else time.monotonic() + self._answer_timeout
        try:
            if long and self._cancel.is_set():  # asked before there was anything to interrupt
                raise Cancelled
            yield
        except psycopg.errors.QueryCanceled:
            if self._cancel.is_set():
                raise Cancelled from None
            raise
        except psycopg.OperationalError:
            if not self._cut:
                raise
            if self._cancel.is_set():
                raise Cancelled from None
            raise DestinationError(
                f"The server has not answered for {self._answer_timeout:,.0f} seconds.",
                means=LAST_BATCH_UNKNOWN,  # the server may still be at it
                remedy="Check the server, the network, and that nothing locks the tables; then run again: "
                "what has arrived is skipped.",
            ) from None
        finally:
            self._deadline = None
            self._interruptible = False

    def _watch(self) -> None:
        cancelled, asked = False, float("-inf")
        while not self._done.wait(_TICK):
            now = time.monotonic()
            if self._cancel.is_set() and not cancelled:
                cancelled = True
                self._deadline = min(self._deadline or float("inf"), now + CANCEL_GRACE)
            if cancelled and self._interruptible and now > asked + _ASK_AGAIN:
                asked = now
                with suppress(psycopg.Error):
                    self._connection.cancel_safe(timeout=CANCEL_GRACE / 2)
            deadline = self._deadline
            if deadline is not None and time.monotonic() > deadline:
                self._shut_down()
                return

    def _shut_down(self) -> None:
        self._cut = True
        with suppress(psycopg.Error, OSError):
            link = socket.socket(fileno=self._connection.pgconn.socket)
            try:
                link.shutdown(socket.SHUT_RDWR)
            finally:
                link.detach()  # libpq closes it


class Link(NamedTuple):
    """A connection and what watches over it."""

    connection: Connection
    watchdog: Watchdog
