"""The consoles of the command line, and what it prints on them."""

from __future__ import annotations

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from vestige_tui.core.text import display_safe

_WIDEST = 400  # characters of a line with figures


def standard_output() -> Console:
    """For results."""
    return Console(highlight=False, markup=False, emoji=False)


def standard_error() -> Console:
    """For progress and errors."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def safe(text: object, style: str = "") -> Text:
    """Text from a database or an exception, safe to show."""
    return Text(display_safe(str(text)), style=style)


def heading(console: Console, title: str) -> None:
    """A section heading in the style of Vestige's commands."""
    console.print()
    console.print(Text(f"=== {title} ===", style="bold cyan"))


def labelled(console: Console, label: str, value: Text | str, *, width: int = 12) -> None:
    """A line ``Label: value``. A long value is not wrapped, so that it can be copied."""
    console.print(Text.assemble((f"{label + ':':<{width}} ", "bold"), value), soft_wrap=True)


def figures(console: Console, table: Table) -> None:
    """A table whose every column is shown, whole: in a narrow terminal, or a file, the lines are longer than others."""
    table.width = Measurement.get(console, console.options.update(max_width=_WIDEST), table).maximum
    console.print(table, crop=False)
