"""Text on the screen: harmless, never read as markup, and numbers as people write them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from textual.content import Content

from vestige_tui.core.text import display_safe

_UNITS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


def plain(text: object, style: str = "") -> Content:
    """Any text, also from a database or an exception, as a widget may show it."""
    return Content.styled(display_safe(str(text)), style) if style else Content(display_safe(str(text)))


def lines(text: str, style: str = "") -> Content:
    """Like ``plain``, for text of several lines whose line ends count."""
    return Content("\n").join(plain(line, style) for line in text.split("\n"))


def paragraphs(text: str) -> Content:
    """Text written in lines of its own length, as paragraphs that fit any width; a blank line parts them."""
    return Content("\n\n").join(plain(" ".join(part.split())) for part in text.strip().split("\n\n"))


def count(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun: ``1 memory``, ``2,000 memories``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def tables_and_columns(names: Iterable[str]) -> str:
    """How many of each: ``2 tables and 1 column``; a column's name is ``table.column``."""
    columns = [("." in name) for name in names]
    parts = ((columns.count(False), "table"), (columns.count(True), "column"))
    return " and ".join(count(number, noun) for number, noun in parts if number)


def size(number: int) -> str:
    """A number of bytes: ``3.4 MB``."""
    for unit, bytes_each in _UNITS:
        if number >= bytes_each:
            return f"{number / bytes_each:,.1f} {unit}"
    return count(number, "byte")


def ago(moment: datetime, now: datetime) -> str:
    """How long ago something was: ``just now``, ``5 minutes ago``, ``yesterday``, ``12 days ago``, or the date."""
    seconds = (now - moment).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3_600:
        return f"{count(int(seconds // 60), 'minute')} ago"
    if seconds < 86_400:
        return f"{count(int(seconds // 3_600), 'hour')} ago"
    days = int(seconds // 86_400)
    if days == 1:
        return "yesterday"
    return f"{days} days ago" if days < 60 else f"{moment:%Y-%m-%d}"


def short_path(path: Path, home: Path) -> str:
    """A path with the home folder as ``~``."""
    try:
        return str(Path("~") / path.relative_to(home))
    except ValueError:
        return str(path)


def shortened(text: str, width: int) -> str:
    """``text`` in at most ``width`` columns, its middle left out: both ends of a path tell most."""
    if len(text) <= width:
        return text
    tail = (width - 1) * 2 // 3
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"
