"""Questions that may take long, asked beside the interface: a file is read, a server is connected to.

Textual's own thread workers run on threads that the interpreter waits for when it ends: a server that does not answer
would keep the program from quitting. These threads are daemons; nothing they do has to be finished.
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
    """Ask in a thread; the answer, or the error it ended with, comes to ``receiver`` as the message ``answered`` makes.

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
