"""Slow questions, asked in a thread: reading a file, connecting to a server.

The interpreter waits for the threads of Textual's workers when it ends: a server that does not answer would keep the
program from quitting. These threads are daemons; nothing they do has to be finished.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from textual.message import Message
from textual.message_pump import MessagePump

from vestige_tui.core.errors import MigrationError, unexpected

_T = TypeVar("_T")


def ask(
    receiver: MessagePump, question: Callable[[], _T], answered: Callable[[_T | MigrationError], Message], *, name: str
) -> None:
    """Ask in a thread. ``receiver`` gets the message that ``answered`` makes of the answer, or of the error.

    An answer may come too late: the message has to say what it answers.
    """

    def run() -> None:
        outcome: _T | MigrationError
        try:
            outcome = question()
        except MigrationError as error:
            outcome = error
        except Exception as error:
            outcome = unexpected(error, name)
        receiver.post_message(answered(outcome))

    threading.Thread(target=run, name=name, daemon=True).start()
