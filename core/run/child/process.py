"""The child as its parent sees it."""

from __future__ import annotations

import atexit
import logging
import pickle
import queue
import subprocess
import threading
from contextlib import suppress
from typing import BinaryIO, TypeVar, cast

from vestige_tui.core import events
from vestige_tui.core.errors import MigrationError, unexpected
from vestige_tui.core.events import Watcher
from vestige_tui.core.facts import DataState
from vestige_tui.core.run.announcer import Announcer
from vestige_tui.core.run.child.messages import Answer, Done, Failed, Happened, LogLine, Request, Stop
from vestige_tui.core.run.child.tasks import Task
from vestige_tui.core.system import let_go, python_module, take_in

log = logging.getLogger(__name__)

COMMAND = python_module("vestige_tui.core.run.child")

_LOOK = 0.1
_LEAVING = 5.0
"""Seconds between two looks whether the operator wants to stop; and those that a child without a task may take to end.
"""

_MOST_SILENT = 120.0
"""Seconds without a sign of life after which a child is ended."""

_Report = TypeVar("_Report")


class _Lost(Exception):
    """The child has ended, or tells nothing any more; the text ends a sentence that begins with its name."""


class Child:
    """A process that carries out tasks, one after the other. Raises ``OSError`` where it cannot be started."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603  (our own words)
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        take_in(self._process.pid)
        self._requests, self._stream = (cast("BinaryIO", each) for each in (self._process.stdin, self._process.stdout))
        self._answers: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, name="child process", daemon=True).start()

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    def carry_out(self, task: Task[object], watcher: Watcher, cancel: threading.Event) -> Done | Failed:
        """Have a task carried out. After any error the process is gone. Raises ``_Lost``."""
        try:
            self._send(task)
            return self._follow(watcher, cancel)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self._process.kill()
        self.end()

    def end(self) -> None:
        """End it, and wait until it is gone."""
        with suppress(OSError):
            self._requests.close()  # at the end of its input it ends by itself
        try:
            self._process.wait(_LEAVING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        let_go(self._process.pid)

    def _follow(self, watcher: Watcher, cancel: threading.Event) -> Done | Failed:
        stopped, silent = False, 0.0
        while True:
            if cancel.is_set() and not stopped:
                stopped = True
                self._send(Stop())
            try:
                message = self._answers.get(timeout=_LOOK)
            except queue.Empty:
                silent += _LOOK  # looks are counted, as this process may sleep, too
                if silent > _MOST_SILENT:
                    raise _Lost(f"has told nothing for {silent:.0f} seconds.") from None
                continue
            silent = 0.0
            match message:
                case None:
                    raise _Lost("ended before it was done.")
                case Happened(news):
                    _pass_on(news, watcher)
                case _:
                    return message

    def _send(self, request: Request) -> None:
        text = pickle.dumps(request)
        try:
            self._requests.write(text)
            self._requests.flush()
        except OSError:
            raise _Lost("ended before it was done.") from None

    def _read(self) -> None:
        """Take its answers until there are no more."""
        try:
            while True:
                self._answers.put(pickle.load(self._stream))  # noqa: S301  (our own child has written it)
        except Exception as error:  # whatever it has sent: there will be no more
            log.info("a child process ended: %s", type(error).__name__)
        self._stream.close()
        self._answers.put(None)


def _pass_on(news: tuple[events.Event | LogLine, ...], watcher: Watcher) -> None:
    for item in news:
        if isinstance(item, LogLine):
            item.repeat()
        else:
            watcher(item)


_idle: list[Child] = []
"""The child that has no task, if there is one."""

_guard = threading.Lock()


def carry_out(
    task: Task[_Report], *, on_event: Watcher = events.ignore, cancel: threading.Event | None = None
) -> _Report:
    """Carry out a task in a child process, and wait for its end. ``on_event`` is called by this thread alone.

    Raises the ``MigrationError`` with which the task ends, and one where it cannot begin, or the process ends early.
    """
    try:
        child = _take()
    except OSError as error:
        raise _lost(task, f"cannot be started: {error.strerror}.", DataState.NOTHING_CHANGED) from None
    try:
        watcher = Announcer([], on_event).emit
        end = child.carry_out(cast("Task[object]", task), watcher, cancel or threading.Event())
    except _Lost as lost:
        raise _lost(task, str(lost), task.state) from None
    except Exception as error:
        raise unexpected(error, task.doing, state=task.state, remedy=task.remedy) from None
    _give_back(child)
    if isinstance(end, Failed):
        raise end.error
    return cast("_Report", end.report)


def _take() -> Child:
    with _guard:
        child = _idle.pop() if _idle else None
    if child is not None and child.ended:
        child.end()
        child = None
    return child or Child()


def _give_back(child: Child) -> None:
    with _guard:
        if not _idle:
            _idle.append(child)
            return
    child.end()


@atexit.register
def end_idle() -> None:
    """End the child that has no task."""
    with _guard:
        children = [*_idle]
        _idle.clear()
    for child in children:
        child.end()


def _lost(task: Task[_Report], how: str, state: DataState) -> MigrationError:
    log.error("%s: its process %s", task.doing, how)
    return MigrationError(
        f"The process of the {task.noun} {how}",
        state=state,
        remedy=f"{task.remedy} If the machine is short of memory, stop other programs first.",
    )
