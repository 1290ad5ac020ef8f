"""A few requests at once, in daemon threads: the program can end without them.

A thread pool's threads are joined when the program ends, and a server may keep one waiting for minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Generic, TypeVar

from vestige_tui.core.errors import Cancelled
from vestige_tui.core.reembed.embedders.waits import EmbedderWaits

_T = TypeVar("_T")


@dataclass(slots=True)
class _Work(Generic[_T]):
    """Tasks by their places; ``stop`` keeps the next one from being begun."""

    tasks: SimpleQueue[tuple[int, Callable[[], _T]]]
    stop: Event
    done: dict[int, _T] = field(default_factory=dict)
    errors: list[BaseException] = field(default_factory=list)

    def carry_on(self) -> None:
        while not self.stop.is_set():
            try:
                place, task = self.tasks.get_nowait()
            except Empty:
                return
            try:
                self.done[place] = task()
            except BaseException as error:
                self.errors.append(error)
                self.stop.set()


def together(
    tasks: Sequence[Callable[[], _T]], at_once: int, *, stop: Event, cancel: Event, waits: EmbedderWaits
) -> list[_T]:
    """What the tasks return, ``at_once`` of them at a time. Raises the first error of one, and ``Cancelled``.

    ``stop`` is set on either, so that the tasks can see it. Tasks under way have ``cancel_grace`` to end.
    """
    work: _Work[_T] = _Work(SimpleQueue(), stop)
    for place, task in enumerate(tasks):
        work.tasks.put((place, task))
    threads = [Thread(target=work.carry_on, name="embedder", daemon=True) for _ in range(min(at_once, len(tasks)))]
    for thread in threads:
        thread.start()
    cancelled: float | None = None
    while alive := [thread for thread in threads if thread.is_alive()]:
        if work.errors:
            break
        if cancel.is_set():
            stop.set()
            cancelled = waits.clock() if cancelled is None else cancelled
            if waits.clock() - cancelled > waits.cancel_grace:
                break
        alive[0].join(waits.look)
    if len(work.done) == len(tasks):
        return [work.done[place] for place in range(len(tasks))]
    if cancelled is not None:
        raise Cancelled
    raise work.errors[0]
