"""Names of parametrised tests: short ones, because every log repeats them."""

from __future__ import annotations

LONGEST = 32
"""Characters of one value in a test's name."""


def short_id(value: object) -> str | None:
    """The beginning of a value whose text is too long for a name, and its length; None for any other value."""
    if isinstance(value, int):
        text = str(value)
    elif isinstance(value, bytes):
        text = value.decode("latin-1")
    elif isinstance(value, str):
        text = value
    else:
        return None
    name = text[: LONGEST + 1].encode("unicode_escape").decode("ascii")
    if len(name) <= LONGEST:
        return None
    length = f"...({len(text)})"
    return name[: LONGEST - len(length)] + length
