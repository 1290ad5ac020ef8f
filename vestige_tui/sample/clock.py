"""The time a sample plays in, and the three ways in which Vestige writes a timestamp.

Times are integers: nanoseconds since 1970-01-01 UTC, as Rust's chrono counts them. The text forms are those of
``vestige-schemas.md`` section 5; six digits are what ``to_rfc3339`` writes on macOS, whose clock counts microseconds.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache

SECOND = 1_000_000_000
"""Nanoseconds."""
DAY = 86_400 * SECOND
"""Nanoseconds."""

_EPOCH = datetime(1970, 1, 1)
START = (datetime(2025, 1, 6, 8) - _EPOCH) // timedelta(seconds=1) * SECOND
"""When the first memory was written."""
END = (datetime(2026, 3, 2, 18) - _EPOCH) // timedelta(seconds=1) * SECOND
"""The sample's today: nothing in it happened later, only reviews are due later."""


class Form(Enum):
    """How a timestamp is written."""

    NANOSECONDS = "2026-02-13T10:11:12.123456789+00:00"
    MICROSECONDS = "2026-02-13T10:11:12.123456+00:00"
    ZULU = "2026-02-13T10:11:12.123Z"
    SQLITE = "2026-02-13 10:11:12"


def text(moment: int, form: Form = Form.NANOSECONDS) -> str:
    """Return a time (nanoseconds since 1970, UTC) as text; digits that the form has no room for are cut."""
    days, rest = divmod(moment, DAY)
    seconds, nanoseconds = divmod(rest, SECOND)
    gap = " " if form is Form.SQLITE else "T"
    base = f"{_date(days)}{gap}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if form is Form.NANOSECONDS:
        return f"{base}.{nanoseconds:09d}+00:00"
    if form is Form.MICROSECONDS:
        return f"{base}.{nanoseconds // 1_000:06d}+00:00"
    if form is Form.ZULU:
        return f"{base}.{nanoseconds // 1_000_000:03d}Z"
    return base


@lru_cache(2_048)
def _date(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).date().isoformat()
