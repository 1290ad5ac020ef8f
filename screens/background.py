"""Questions that may take long, asked beside the interface: a file is read, a server is connected to.

Textual's own thread workers run on threads that the interpreter waits for when it ends: a server that does not answer
would keep the program from quitting. These threads are daemons; nothing they do has to be finished.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from traceback import extract_tb
from typing import TypeVar

from textual.message import Message
from textual.message_pump import MessagePump

from vestige_tui.core.errors import MigrationError

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


def ask(
    receiver: MessagePump, question: Callable[[], _T], answered: Callable[[_T | MigrationError], Message], *, name: str
) -> None:
    """Ask in a thread; the answer, or the error it ended with, comes to ``receiver`` as the message ``answered`` makes.

    An answer may come when nobody waits for it any more: the message has to tell what it was the answer to.
    """

    def run() -> None:
        outcome: _T | MigrationError
        try:
            outcome = question()
        except MigrationError as error:
            outcome = error
        except Exception as error:  # its place is shown; its message could quote anything
            _log.critical("%s: unexpected fault", name, exc_info=True)
            outcome = MigrationError(
                f"An unexpected fault in vestige-tui: {type(error).__name__}, {_place(error)}.",
                remedy="Try again. If it comes back, please report it, with what you did.",
            )
        receiver.post_message(answered(outcome))

    threading.Thread(target=run, name=name, daemon=True).start()


def _place(error: Exception) -> str:
    """Where it arose: ``file.py:12``."""
    *_, last = extract_tb(error.__traceback__)
    return f"{Path(last.filename).name}:{last.lineno}"
