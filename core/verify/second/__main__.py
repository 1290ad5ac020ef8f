"""The second process: it reads its task from standard input, and answers through standard output.

Standard input stays open while the first process wants it to go on. At its end, whatever the reason, the second one
stops at once: its statement is cancelled at the server, and its session ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import BinaryIO

from vestige_tui.core.destination.server_errors import explained
from vestige_tui.core.destination.sessions import Sessions
from vestige_tui.core.errors import Cancelled, MigrationError, unexpected
from vestige_tui.core.source.opening import Reading, begin_reading
from vestige_tui.core.source.opening import explained as explained_source
from vestige_tui.core.system import terminal_signals
from vestige_tui.core.verify.compare import compare
from vestige_tui.core.verify.expectation import Expectation
from vestige_tui.core.verify.second.messages import Begun, Counted, Done, Failed, Found, Message, Task
from vestige_tui.core.verify.snapshot import open_snapshot

_GRACE = 3.0
"""Seconds in which a process that is to stop may cancel what it has asked of the server."""


def main() -> None:
    """Carry out one task."""
    for number in terminal_signals():  # the first process decides what they mean
        signal.signal(number, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr  # what is printed by mistake is no answer
    task: Task = pickle.load(sys.stdin.buffer)  # noqa: S301  (the first process has written it)
    lifeline = _Lifeline(sys.stdin.buffer)

    def send(message: Message) -> None:
        pickle.dump(message, answers)
        answers.flush()

    try:
        _carry_out(task, lifeline, send)
    except (Cancelled, BrokenPipeError):
        sys.exit(1)
    except MigrationError as error:
        send(Failed(error.what, error.remedy))
    except Exception as error:
        fault = unexpected(error, "verify")
        send(Failed(fault.what, fault.remedy))


def _carry_out(task: Task, lifeline: _Lifeline, send: Callable[[Message], None]) -> None:
    sessions = Sessions(task.dsn, lifeline.cancel, task.waits, read_only=True)
    with (
        explained(task.dsn),
        explained_source(task.shown),
        closing(begin_reading(task.source)) as reading,
        sessions.open() as session,
        open_snapshot(session, task.snapshot) as snapshot,
    ):
        lifeline.interrupts = reading
        send(Begun())
        comparison = compare(
            _expectation(reading, task),
            snapshot,
            task.destination,
            since=task.since,
            tables=task.tables,
            start=task.start,
            judge_missing=task.judge_missing,
            found=lambda differences: send(Found(tuple(differences))) if differences else None,
            progress=lambda table, counts: send(Counted(table, counts)),
            stop=lifeline.stop,
        )
    send(Done(comparison))


def _expectation(reading: Reading, task: Task) -> Expectation:
    return Expectation(reading, model=task.model, dimension=task.dimension, repairs=task.repairs, surveys=task.surveys)


class _Lifeline:
    """Watches for the end of standard input; ``interrupts`` is a connection that must not go on then."""

    def __init__(self, stream: BinaryIO) -> None:
        self.cancel = threading.Event()
        self.interrupts: sqlite3.Connection | None = None
        threading.Thread(target=self._watch, args=(stream,), name="lifeline", daemon=True).start()

    def stop(self) -> None:
        """Raise ``Cancelled`` after the end."""
        if self.cancel.is_set():
            raise Cancelled

    def _watch(self, stream: BinaryIO) -> None:
        stream.read()
        self.cancel.set()
        if self.interrupts is not None:
            self.interrupts.interrupt()
        time.sleep(_GRACE)
        os._exit(1)


if __name__ == "__main__":
    main()
