"""``vestige-tui migrate``: the group of commands that move memories."""

from __future__ import annotations

import click

from vestige_tui.cli.lazy import LazyGroup


@click.group(
    cls=LazyGroup,
    summaries={
        "copy": "Copy a Vestige SQLite database into PostgreSQL.",
        "reembed": "Embed the memories of a store with another model.",
    },
)
def migrate() -> None:
    """Copy between storage backends, or embed memories anew."""
