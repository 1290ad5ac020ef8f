"""A password or a key, which shows in no log, message or traceback."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """A password or a key. Its ``repr`` and ``str`` are ``***``; ``reveal`` returns it."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """The secret itself, for the library that needs it alone."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __str__(self) -> str:
        return "***"


class LatePassword:
    """A password that is looked for when a server asks for one, and only then: looking may open a prompt.

    ``find`` is called once, by whichever session comes first; None means that there is no password.
    """

    def __init__(self, find: Callable[[], Secret | None]) -> None:
        self._find: Callable[[], Secret | None] | None = find
        self._lock = threading.Lock()
        self._found: Secret | None = None

    @classmethod
    def known(cls, password: Secret) -> LatePassword:
        """One that needs no looking for."""
        late = cls(lambda: password)
        late.look()
        return late

    @property
    def found(self) -> Secret | None:
        """The password, once it was looked for and found."""
        return self._found

    def look(self) -> Secret | None:
        """The password; looks for it the first time. Raises what ``find`` raises."""
        with self._lock:
            find, self._find = self._find, None
            if find is not None:
                self._found = find()
            return self._found
