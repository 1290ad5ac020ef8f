"""What a child tells its parent, gathered so that the parent wakes a few times a second at most."""

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Hashable
from contextlib import suppress
from types import TracebackType
from typing import BinaryIO

from vestige_tui.core import events
from vestige_tui.core.events import Event
from vestige_tui.core.run.child.messages import Happened, LogLine

SEND_EVERY = 0.1
"""Seconds."""


class Pipe:
    """Sends one message at a time, from any thread. Messages to a parent that is gone are dropped."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, pickled: bytes) -> None:
        """Send a message."""
        with self._lock, suppress(OSError):
            self._stream.write(pickled)
            self._stream.flush()


class Outbox(logging.Handler):
    """Gathers the events and the log of one task while the block runs, and sends them, also after it.

    Of totals that replace each other, such as the progress of a table, the newest alone is sent; of everything else
    all, in its order.
    """

    def __init__(self, pipe: Pipe) -> None:
        super().__init__(logging.INFO)
        self._pipe = pipe
        self._waiting: dict[Hashable, Event | LogLine] = {}
        self._received = 0
        self._guard = threading.Lock()
        self._ended = threading.Event()
        self._sender = threading.Thread(target=self._send_regularly, name="outbox", daemon=True)

    def __enter__(self) -> Outbox:
        logging.getLogger().addHandler(self)
        self._sender.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger().removeHandler(self)
        self._ended.set()
        self._sender.join()
        self.flush_news()

    def watch(self, event: Event) -> None:
        """Take an event."""
        self._put(event, _replaces(event))

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line of the log."""
        with suppress(Exception):  # a log line that cannot be made ends nothing
            self._put(LogLine.of(record), None)

    def _put(self, item: Event | LogLine, key: Hashable | None) -> None:
        with self._guard:
            self._received += 1
            name = self._received if key is None else key
            self._waiting.pop(name, None)  # the newest stands where it came, after what came before it
            self._waiting[name] = item

    def flush_news(self) -> None:
        """Send what waits, or a sign of life."""
        with self._guard:
            news, self._waiting = (*self._waiting.values(),), {}
        self._pipe.send(pickle.dumps(Happened(news)))

    def _send_regularly(self) -> None:
        while not self._ended.wait(SEND_EVERY):
            self.flush_news()


def _replaces(event: Event) -> Hashable | None:
    """What tells an event that replaces earlier ones of the same kind; None: it replaces none."""
    match event:
        case events.TableProgress(table) | events.VerificationProgress(table):
            return type(event), table
        case events.IndexProgress(name):
            return type(event), name
        case events.FieldsMended():
            return (type(event),)
    return None
