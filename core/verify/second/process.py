"""The second process as the first one sees it."""

from __future__ import annotations

import logging
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO

from vestige_tui.core.errors import MigrationError
from vestige_tui.core.verify.result import Comparison, Difference, TableComparison
from vestige_tui.core.verify.second.messages import Begun, Counted, Done, Failed, Found, Message, Task

log = logging.getLogger(__name__)

COMMAND = (sys.executable, "-I" if sys.flags.isolated else "-P", "-m", "vestige_tui.core.verify.second")
"""``-P``: no file of the current folder is taken for a module; ``-I``, as this process has it: nor one that the
environment names.
"""

_MOST_WAITING = 100
"""Messages with differences that wait for the first process; then the second one waits, too."""

_LOOK = 0.1
_LEAVING = 5.0
"""Seconds between two looks while waiting; and those in which a process that is to stop may do so by itself."""

_SILENT = Failed(
    "The second process of the comparison has told nothing for {seconds:,.0f} seconds.",
    "Verify again. If it was stopped, let it go on first.",
)

_DIED = Failed(
    "The second process of the comparison ended before it was done.",
    "Verify again. If the machine is short of memory, stop other programs first.",
)


class SecondProcess:
    """Carries out a task while the block runs; the process is gone after it.

    ``is_same_moment`` tells whether a transaction that has just begun sees the same source as the first process. All
    methods are called by one thread. Raises ``OSError`` where no process can be started.
    """

    def __init__(self, task: Task, is_same_moment: Callable[[], bool]) -> None:
        self.counts: dict[str, TableComparison] = {}
        self._is_same_moment = is_same_moment
        self._answer = task.waits.answer
        self._received = 0
        self._same: bool | None = None
        self._begun = False
        self._end: Done | Failed | None = None
        self._leaving = threading.Event()
        self._differences: queue.Queue[tuple[Difference, ...]] = queue.Queue(_MOST_WAITING)
        self._process = subprocess.Popen(  # noqa: S603  (our own words)
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._reader = threading.Thread(target=self._talk, args=(task,), name="second process", daemon=True)
        self._reader.start()

    def __enter__(self) -> SecondProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        with suppress(OSError):
            _pipe(self._process.stdin).close()  # the end of its input stops it
        try:
            self._process.wait(_LEAVING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        _pipe(self._process.stdout).close()

    def look(self) -> bool:
        """Whether it compares the same source, as far as that is known. Raises ``MigrationError`` where it has failed.

        One that has failed before its transactions had begun is of no use, and that is no error.
        """
        if self._begun and self._same is None:
            self._same = self._is_same_moment()
            log.info("verify: a second process has begun; it sees the same source: %s", self._same)
        if self._same and isinstance(self._end, Failed):
            raise MigrationError(self._end.what, remedy=self._end.remedy)
        return bool(self._same)

    def is_useful(self, stop: Callable[[], None]) -> bool:
        """Wait until it is known whether it compares the same source. Raises as ``look`` and ``stop`` do."""
        while not self._begun and self._end is None:
            stop()
            self._leaving.wait(_LOOK)
        if not self._begun:
            log.warning("verify: no second process: %s", self._end.what if isinstance(self._end, Failed) else "")
        return self.look()

    def result(self, found: Callable[[Sequence[Difference]], None], stop: Callable[[], None]) -> Comparison:
        """Wait for the end; ``found`` gets all of its differences. Raises as ``look`` and ``stop`` do, and where it has
        told nothing for longer than an answer of the server may take.
        """
        received, silent = 0, 0.0
        while True:
            ended = self._end is not None  # before the look into the queue: nothing is put in after it
            with suppress(queue.Empty):
                found(self._differences.get(timeout=0 if ended else _LOOK))
                continue
            self.look()
            if isinstance(self._end, Done) and ended:
                return self._end.comparison
            stop()
            silent = silent + _LOOK if received == self._received else 0.0  # looks are counted, as this one may sleep
            received = self._received
            if silent > self._answer:
                raise MigrationError(_SILENT.what.format(seconds=self._answer), remedy=_SILENT.remedy)

    def _talk(self, task: Task) -> None:
        """Hand over the task, and take the answers until there are no more."""
        end: Done | Failed = _DIED
        try:
            pickle.dump(task, _pipe(self._process.stdin))
            _pipe(self._process.stdin).flush()
            while not isinstance(message := self._receive(), Done | Failed):
                self._take(message)
            end = message
        except Exception as error:  # whatever it has sent: it has not come to its end
            log.info("verify: the second process ended: %s", type(error).__name__)
        self._end = end

    def _receive(self) -> Message:
        message: Message = pickle.load(_pipe(self._process.stdout))  # noqa: S301  (our own process has written it)
        return message

    def _take(self, message: Message) -> None:
        self._received += 1
        match message:
            case Begun():
                self._begun = True
            case Counted(table, counts):
                self.counts[table] = counts
            case Found(differences):
                self._put(differences)

    def _put(self, differences: tuple[Difference, ...]) -> None:
        while not self._leaving.is_set():
            with suppress(queue.Full):
                self._differences.put(differences, timeout=_LOOK)
                return


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101  (both were asked for)
    return stream
