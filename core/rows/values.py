"""Values as SQLite gives them, and what can be wrong with one."""

from __future__ import annotations

from collections.abc import Sequence

from vestige_tui.core.rows.problems import Kind

SqliteValue = None | int | float | str | bytes
"""``bytes`` is a BLOB, or TEXT that is not UTF-8 (``BrokenText``)."""


class BrokenText(bytes):
    """TEXT whose bytes are not UTF-8."""


class ValueProblem(Exception):
    """A value cannot be stored as it is.

    ``message`` quotes nothing private. ``instead`` is the field to store in place of the value (None: the column's
    empty value). ``whole`` is the value that ``instead`` holds only the start of. ``also`` lists further problems of
    the value.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        instead: bytes | None = None,
        whole: str | list[str] | None = None,
        also: Sequence[ValueProblem] = (),
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.instead = instead
        self.whole = whole
        self.also = also


def decode_text(raw: bytes) -> str | BrokenText:
    """A ``text_factory`` for SQLite: one value that is not UTF-8 does not fail a whole fetch."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return BrokenText(raw)


def storable_text(value: str | bytes) -> tuple[str, str | None]:
    """A text that PostgreSQL can store, and in words what U+FFFD replaces in it (None: nothing)."""
    decoded = value if isinstance(value, str) else decode_text(value)
    found = []
    if isinstance(decoded, bytes):
        decoded = decoded.decode(errors="replace")
        found.append("bytes that are not UTF-8")
    if "\0" in decoded:
        decoded = decoded.replace("\0", "\ufffd")
        found.append("NUL characters")
    return decoded, " and ".join(found) or None


def shortened(value: str, limit: int = 40) -> str:
    """The start of a value, for a message."""
    return value if len(value) <= limit else value[: limit - 1] + "…"
