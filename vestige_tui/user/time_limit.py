"""A limit to questions that may be answered late or never, such as those to a keyring that asks for its password."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

KEYRING_SECONDS = 5.0
"""For a keyring: its prompt may be behind other windows, or on a screen that nobody sees."""

_T = TypeVar("_T")


def within(seconds: float, question: Callable[[], _T], *, name: str) -> _T:
    """The answer of ``question``, or what it raises. Raises ``TimeoutError`` after so many seconds.

    The question runs in a daemon thread of this name. A late answer is dropped, and keeps no program from ending.
    """
    answer: Future[_T] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=ask, name=name, daemon=True).start()
    return answer.result(seconds)
