"""A group of commands that are loaded when they are used: the wizard opens without any of them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A click group. The command ``name`` is the object of that name in the module ``vestige_tui.cli.name``."""

    def __init__(self, *arguments: Any, names: Sequence[str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._names = names

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, as the help lists them."""
        return sorted(self._names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; None where there is none of that name."""
        if cmd_name not in self._names:
            return None
        command: click.Command = getattr(import_module(f"vestige_tui.cli.{cmd_name}"), cmd_name)
        return command
