"""``vestige-tui migrate``: the group of commands that move memories."""

from __future__ import annotations

import click

from vestige_tui.cli.lazy import LazyGroup


@click.group(cls=LazyGroup, names=("copy", "reembed"))
def migrate() -> None:
    """Copy between storage backends, or embed memories anew."""
