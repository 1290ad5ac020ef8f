"""The command line: without a command it opens the wizard."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

import click

from vestige_tui.cli.completion import destinations
from vestige_tui.cli.lazy import LazyGroup
from vestige_tui.core.errors import UsageError
from vestige_tui.terminal.streams import has_terminal, is_interactive


@click.group(
    cls=LazyGroup,
    summaries={
        "demo": "Try it: the wizard on a sample database.",
        "embedded": "The embedded PostgreSQL, running on its own.",
        "inspect": "Say what a Vestige database holds.",
        "migrate": "Copy between storage backends, or embed memories anew.",
        "search": "Ask a store: by words, by meaning, or along connections.",
        "verify": "Compare every value of a source with PostgreSQL.",
    },
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--sqlite-path", type=click.Path(path_type=Path), help="Fill in the wizard's source.")
@click.option(
    "--postgres-url",
    help='Fill in the wizard\'s destination: a URL, or "embedded".',
    shell_complete=destinations,
)
@click.version_option(version("vestige-tui"), prog_name="vestige-tui")
@click.pass_context
def cli(context: click.Context, sqlite_path: Path | None, postgres_url: str | None) -> int:
    """Move a Vestige memory database from its SQLite file to PostgreSQL.

    Without a command, the wizard opens and leads through the move step by step.

    \b
    Exit codes: 0 clean, 1 finished but rows have problems, or an index or a
    foreign key is missing, 2 wrong usage, 3 refused by a check, 4 source or
    destination unusable, 130 cancelled.
    """
    if context.invoked_subcommand is not None:
        if sqlite_path is not None or postgres_url is not None:
            raise UsageError(
                f"--sqlite-path and --postgres-url stand before {context.invoked_subcommand}.",
                remedy="Before a command they belong to the wizard. Write a command's own flags after its name.",
            )
        return 0
    if not has_terminal():
        named = f"TERM={os.environ['TERM']}" if os.environ.get("TERM") else "TERM is not set"
        dumb = f"The wizard cannot draw on this terminal ({named})."
        raise UsageError(
            dumb if is_interactive() else "The wizard needs a terminal.",
            remedy="Open another one, or copy without the wizard: vestige-tui migrate copy --help",
        )
    from vestige_tui.wizard import open_wizard

    return open_wizard(sqlite_path, postgres_url)
