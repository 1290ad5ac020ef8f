"""A password or a key, which shows in no log, message or traceback."""

from __future__ import annotations

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
