"""Words that the shell completes for an option that also takes others."""

from __future__ import annotations

from collections.abc import Callable

import click

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def words(*offered: str) -> Complete:
    """The completion of an option: those of the words that begin like what has been typed."""
    return lambda _context, _parameter, typed: [word for word in offered if word.startswith(typed)]


def destinations(context: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """The completion of a destination."""
    from vestige_tui.core.dsn import EMBEDDED  # it brings psycopg along

    return words(EMBEDDED)(context, parameter, typed)
