"""``uvx --from . vestige-tui demo``, without an extra: uv is there, so it can add what the command needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import click

from vestige_tui.core import system
from vestige_tui.core.installation import NAME, Extra, Installer, installer, with_extra

_AGAIN = "_VESTIGE_TUI_AGAIN"


def run_again_with(extra: Extra, module: str, arguments: Sequence[str]) -> None:
    """In an environment that uv made for one run, and which lacks ``module``: go on in one with an extra.

    Returns in any other. uv names its own program in the variable ``UV``.
    """
    uv = os.environ.get("UV")
    if find_spec(module) is not None or not uv or _AGAIN in os.environ or system.is_windows():
        return
    if installer(Path(sys.prefix)) is not Installer.UVX:
        return
    click.echo("The demo needs a PostgreSQL of its own. uv adds one to this run…", err=True)
    command = [uv, "tool", "run", "--from", with_extra(extra), NAME, *arguments]
    os.execve(uv, command, os.environ | {_AGAIN: "1"})  # noqa: S606  (no shell is meant to take part)
