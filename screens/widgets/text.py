"""Text on the screen: safe to show, and never read as markup."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from textual.content import Content

from vestige_tui.core.text import count, display_safe


def plain(text: object, style: str = "") -> Content:
    """Any text, also from a database or an exception, as a widget may show it."""
    return Content.styled(display_safe(str(text)), style) if style else Content(display_safe(str(text)))


def lines(text: str, style: str = "") -> Content:
    """Like ``plain``, for text of several lines whose line ends count."""
    return Content("\n").join(plain(line, style) for line in text.split("\n"))


def paragraphs(text: str) -> Content:
    """Text written in lines of its own length, as paragraphs that fit any width; a blank line parts them."""
    return Content("\n\n").join(plain(" ".join(part.split())) for part in text.strip().split("\n\n"))


def tables_and_columns(names: Iterable[str]) -> str:
    """How many of each: ``2 tables and 1 column``; a column's name is ``table.column``."""
    columns = [("." in name) for name in names]
    parts = ((columns.count(False), "table"), (columns.count(True), "column"))
    return " and ".join(count(number, noun) for number, noun in parts if number)


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
