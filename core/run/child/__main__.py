"""The child: it reads tasks from standard input, one after the other, and answers through standard output."""

from __future__ import annotations

import logging
import os
import pickle
import queue
import signal
import sys
import threading
import time
from typing import BinaryIO

from vestige_tui.core.errors import MigrationError, unexpected
from vestige_tui.core.run import copier, verification  # noqa: F401  (loaded before the first task comes)
from vestige_tui.core.run.child.messages import Done, Failed, Request, Stop
from vestige_tui.core.run.child.outbox import Outbox, Pipe
from vestige_tui.core.run.child.tasks import Task
from vestige_tui.core.system import ending_signals, take_in

_GRACE = 60.0
"""Seconds in which a task whose parent is gone may reach a safe point."""


def main() -> None:
    """Carry out tasks until standard input ends."""
    answers = Pipe(os.fdopen(os.dup(sys.stdout.fileno()), "wb"))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what is printed by mistake is no answer
    logging.getLogger("vestige_tui").setLevel(logging.INFO)
    take_in(os.getppid())
    requests = _Requests(sys.stdin.buffer)
    for number in ending_signals():  # a terminal sends them to every process; the parent decides what they mean
        signal.signal(number, signal.SIG_IGN)
    while (given := requests.next()) is not None:
        task, cancel = given
        answers.send(_carry_out(task, cancel, answers))


def _carry_out(task: Task[object], cancel: threading.Event, answers: Pipe) -> bytes:
    """Carry out a task; how it ended, pickled."""
    with Outbox(answers) as outbox:
        try:
            return pickle.dumps(Done(task.run(outbox.watch, cancel)))
        except MigrationError as error:
            return pickle.dumps(Failed(error))
        except Exception as error:
            return pickle.dumps(Failed(unexpected(error, task.doing, state=task.state, remedy=task.remedy)))


class _Requests:
    """Reads standard input in a thread of its own: a task may be cancelled while it runs."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._tasks: queue.SimpleQueue[tuple[Task[object], threading.Event] | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="requests", daemon=True).start()

    def next(self) -> tuple[Task[object], threading.Event] | None:
        """Wait for the next task, and what cancels it; None at the end of standard input."""
        return self._tasks.get()

    def _read(self) -> None:
        cancel = threading.Event()
        try:
            while True:
                request: Request = pickle.load(self._stream)  # noqa: S301  (our own parent has written it)
                if isinstance(request, Stop):
                    cancel.set()
                else:
                    cancel = threading.Event()
                    self._tasks.put((request, cancel))
        except (EOFError, OSError):  # the parent is gone
            cancel.set()
            self._tasks.put(None)
            time.sleep(_GRACE)
            os._exit(1)


if __name__ == "__main__":
    main()
