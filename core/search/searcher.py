"""Asks one store, question by question. The newest question counts: an older one is cancelled at the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeVar
from uuid import UUID

import psycopg

from vestige_tui.core.destination.connection import Connection, connect
from vestige_tui.core.destination.server_errors import explain_connecting, explained
from vestige_tui.core.destination.waits import Waits
from vestige_tui.core.destination.watchdog import Watchdog
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import Cancelled, DestinationError, MigrationError, RefusedError, UsageError
from vestige_tui.core.facts import DataState
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.search import memory
from vestige_tui.core.search.answering import LONGEST, answer, settle
from vestige_tui.core.search.answers import Answer, Meaning, Memory, Question
from vestige_tui.core.search.shape import Shape, look

_WAITS = Waits(answer=LONGEST + 5.0)
_T = TypeVar("_T")


class Searcher:
    """Opens a session at the first question and keeps it. One question at a time; ``interrupt`` from any thread."""

    def __init__(self, dsn: Dsn, waits: Waits = _WAITS) -> None:
        self._dsn = dsn
        self._waits = waits
        self._asking = threading.Lock()
        self._connection: Connection | None = None
        self._shape: Shape | None = None
        self._busy: Connection | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(
        self, question: Question, meaning: Meaning | None = None, *, wanted: Callable[[], bool] = lambda: True
    ) -> Answer:
        """Answer a question; by meaning only with ``meaning``, the vector of its words.

        Raises ``Cancelled`` once it is not ``wanted`` any more, ``DestinationError`` and ``RefusedError``.
        """

        def work(connection: Connection) -> Answer:
            return answer(connection, self._look(connection), question, meaning)

        return self._carry_out(work, wanted)

    def read(self, id_: str, *, wanted: Callable[[], bool] = lambda: True) -> Memory | None:
        """A memory by its id, None where this role sees none. Raises as ``ask``, and ``UsageError`` for no UUID."""
        canonical = _uuid(id_)

        def read(connection: Connection) -> Memory | None:
            shape = self._look(connection)
            settle(connection)
            return memory.read(connection, shape, canonical)

        return self._carry_out(read, wanted)

    def registered(self) -> ModelSignature | None:
        """The model of the store, None where none is registered or can be read. Raises as ``ask``."""
        return self._carry_out(lambda connection: self._look(connection).registered, lambda: True)

    def interrupt(self) -> None:
        """Have the server cancel what it is doing for us, if anything. May wait for the server for a moment."""
        if (busy := self._busy) is not None:
            with suppress(psycopg.Error):
                busy.cancel_safe(timeout=5)

    def close(self) -> None:
        """End the session, also during a question."""
        self._closed = True
        self.interrupt()
        with self._asking:
            self._hang_up()

    def _carry_out(self, work: Callable[[Connection], _T], wanted: Callable[[], bool]) -> _T:
        """Do some work in a transaction that only reads, and put errors into words."""
        try:
            with self._asking, explained(self._dsn, state=DataState.STORE_UNCHANGED):
                return self._persistently(work, wanted)
        except MigrationError as error:
            error.state = DataState.STORE_UNCHANGED
            raise

    def _persistently(self, work: Callable[[Connection], _T], wanted: Callable[[], bool]) -> _T:
        """Try once more where a session that was idle was lost, the store was changed meanwhile, or a request to cancel
        the question before came late.
        """
        known = self._shape is not None
        fresh = self._connection is None
        started = time.monotonic()
        try:
            return self._once(work, wanted)
        except psycopg.errors.InsufficientPrivilege:
            raise self._not_permitted() from None
        except psycopg.errors.QueryCanceled:
            self._check(wanted)
            if time.monotonic() - started > LONGEST / 2:
                raise _too_long() from None
        except psycopg.ProgrammingError:
            self._shape = None
            if not known:
                raise
        except psycopg.OperationalError:
            self._hang_up()
            if fresh:
                raise
        return self._once(work, wanted)

    def _once(self, work: Callable[[Connection], _T], wanted: Callable[[], bool]) -> _T:
        self._check(wanted)
        connection = self._open()
        with Watchdog(connection, threading.Event(), self._waits) as watchdog:
            self._busy = connection
            try:
                with watchdog.step(), connection.transaction():
                    self._check(wanted)  # from here on, an interruption is noticed by the server
                    return work(connection)
            except DestinationError:  # the watchdog cut the connection
                self._hang_up()
                raise _silent(self._waits.answer) from None
            finally:
                self._busy = None

    def _check(self, wanted: Callable[[], bool]) -> None:
        if self._closed or not wanted():
            raise Cancelled

    def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            try:
                self._connection = connect(self._dsn, read_only=True)
            except psycopg.Error as error:
                raise explain_connecting(error, self._dsn) from None
        return self._connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._shape = None

    def _look(self, connection: Connection) -> Shape:
        self._shape = look(connection, self._shape)
        return self._shape

    def _not_permitted(self) -> RefusedError:
        user = self._connection.info.user if self._connection is not None else "of this connection"
        return RefusedError(
            f"The role {user} may not read something that the search needs.",
            remedy="Let the owner of the tables grant it SELECT on them, with what their policies call.",
        )


def _uuid(text: str) -> str:
    try:
        return str(UUID(text.strip()))
    except ValueError:
        raise UsageError(
            f"{text!r} is no id of a memory.", remedy="It is a UUID, as a search shows it with each memory."
        ) from None


def _too_long() -> DestinationError:
    return DestinationError(
        f"The search took longer than {LONGEST} seconds.",
        remedy="Look for other words. If every search is slow, see that the indexes of the store are there: a copy "
        "completes them.",
    )


def _silent(seconds: float) -> DestinationError:
    return DestinationError(
        f"The server has not answered for {seconds:,.0f} seconds.",
        remedy="Check the server, the network, and that nothing locks the tables; then ask again.",
    )
