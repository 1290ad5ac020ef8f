"""Limits how long a run waits for the server, so that neither a silent server nor a broken network can hang it.

TCP alone does not notice a proxy that accepts data and never answers. So a thread watches how long a statement takes,
and at the limit it shuts the socket down, which ends the wait in libpq with an error.

Only time in which this process runs is counted. While it is suspended (Ctrl-Z, a closed laptop) the server may answer,
and the answer waits in the socket.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

import psycopg

from vestige_tui.core.destination.waits import DEFAULT_WAITS, Waits
from vestige_tui.core.errors import Cancelled, DestinationError
from vestige_tui.core.facts import DataState

if TYPE_CHECKING:
    from vestige_tui.core.destination.connection import Connection

_TICK = 0.1
_LONGEST_TICK = 1.0
"""Seconds that one tick counts at most: where more have passed since the last one, the process was suspended."""

_ASK_AGAIN = 1.0
"""Seconds between two requests to cancel: at the first one, the server may have been between two statements."""


class RunningTime:
    """Counts the seconds in which this process runs: the system's clock goes on while a process is suspended.

    ``tick`` must be called at least once a second.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = clock()
        self.seconds = 0.0

    def tick(self) -> None:
        """Add the time since the last tick."""
        now = self._clock()
        self.seconds += min(now - self._last, _LONGEST_TICK)
        self._last = now


class Watchdog:
    """Watches over one connection while the block runs; ``cancel`` is the operator's wish to stop."""

    def __init__(
        self,
        connection: Connection,
        cancel: threading.Event,
        waits: Waits = DEFAULT_WAITS,
    ) -> None:
        self._connection = connection
        self._cancel = cancel
        self._waits = waits
        self._time = RunningTime(waits.clock)
        self._lock = threading.Lock()
        self._step: _Step | None = None
        self._interrupted = False
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
    def step(self, *, long: bool = False, cancellable: bool = False) -> Iterator[None]:
        """One step of the run. A ``long`` step has no time limit. Cancelling a step that is ``long`` or ``cancellable``
        cancels its statement at the server.

        Raises ``Cancelled`` or ``DestinationError`` instead of psycopg's error where the watchdog ended the wait.
        """
        with self._lock:
            self._step = _Step(self.now, long, long or cancellable)
        try:
            if self._step.cancellable and self._stopping:  # cancelled before the statement began
                raise Cancelled
            yield
        except psycopg.errors.QueryCanceled:
            if self._stopping:
                raise Cancelled from None
            raise
        except psycopg.OperationalError:
            if not self._cut:
                raise
            if self._stopping:
                raise Cancelled(unknown=True) from None
            raise DestinationError(
                f"The server has not answered for {self._waits.answer:,.0f} seconds.",
                state=DataState.LAST_BATCH_UNKNOWN,  # the server may still be working on it
                remedy="Check the server, the network, and that nothing locks the tables; then run again: "
                "what has arrived is skipped.",
            ) from None
        finally:
            with self._lock:
                self._step = None

    def interrupt(self) -> None:
        """Have the server cancel the current long step, whose result is no longer needed."""
        self._interrupted = True

    @property
    def now(self) -> float:
        """The watchdog's clock: seconds in which the process has run since the watchdog began."""
        return self._time.seconds

    def silent_since(self, moment: float) -> None:
        """Note that the server has not worked on the current step since that moment of ``now``."""
        with self._lock:
            step = self._step
            if step is not None and self.now - max(moment, step.started) > self._waits.answer:
                self._shut_down()

    @property
    def _stopping(self) -> bool:
        return self._interrupted or self._cancel.is_set()

    def _watch(self) -> None:
        stopping_since, asked = float("inf"), float("-inf")
        while not self._done.wait(_TICK):
            self._time.tick()
            now = self.now
            if self._stopping:
                stopping_since = min(stopping_since, now)
            step = self._step
            if step is None:
                continue
            if step.cancellable and stopping_since <= now and now > asked + _ASK_AGAIN:
                asked = now
                with suppress(psycopg.Error):
                    self._connection.cancel_safe(timeout=self._waits.cancel_grace / 2)
            limit = float("inf") if step.long else step.started + self._waits.answer
            limit = min(limit, max(step.started, stopping_since) + self._waits.cancel_grace)
            with self._lock:
                if self._step is step and now > limit:
                    self._shut_down()
                    return

    def _shut_down(self) -> None:
        self._cut = True
        with suppress(psycopg.Error, OSError):
            endpoint = socket.socket(fileno=self._connection.pgconn.socket)
            try:
                endpoint.shutdown(socket.SHUT_RDWR)
            finally:
                endpoint.detach()  # libpq closes it


class _Step(NamedTuple):
    started: float
    long: bool
    cancellable: bool
