"""The two streams of the terminal, and the few ways in which text from data is put on them."""

from __future__ import annotations

from datetime import timedelta

from rich.console import Console
from rich.text import Text

from vestige_tui.core.text import display_safe


def standard_output() -> Console:
    """For results."""
    return Console(highlight=False, markup=False, emoji=False)


def standard_error() -> Console:
    """For progress and errors."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def safe(text: object, style: str = "") -> Text:
    """Text from a database or an exception, as it may be shown."""
    return Text(display_safe(str(text)), style=style)


def heading(console: Console, title: str) -> None:
    """A section header, in the style of Vestige's own commands."""
    console.print()
    console.print(Text(f"=== {title} ===", style="bold cyan"))


def labelled(console: Console, label: str, value: Text | str, *, width: int = 12) -> None:
    """One row ``Label: value``; a long value is not broken, so that it can be copied."""
    console.print(Text.assemble((f"{label + ':':<{width}} ", "bold"), value), soft_wrap=True)


def duration(seconds: float) -> str:
    """A length of time for people, such as ``0.8 s`` or ``1:04:09``."""
    return f"{seconds:.1f} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))


def size(number: int) -> str:
    """A number of bytes for people, such as ``3.4 MB``."""
    for unit, bytes_each in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= bytes_each:
            return f"{number / bytes_each:,.1f} {unit}"
    return count(number, "byte")


def count(number: int, singular: str, plural: str | None = None) -> str:
    """A number with its noun, such as ``1 row`` or ``2,000 rows``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
