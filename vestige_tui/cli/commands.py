"""The command line: flags and their help; each command hands over to a module of its own."""

from __future__ import annotations

import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path

import click

from vestige_tui.cli.exit_codes import ExitCode, code_of_outcome
from vestige_tui.core.errors import UsageError
from vestige_tui.core.plan import DEFAULT_BATCH_SIZE, DEFAULT_MAX_CONNECTIONS

_FILE = click.Path(path_type=Path)
_POSITIVE = click.IntRange(min=1)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--sqlite-path", type=_FILE, help="The wizard's source, filled in beforehand.")
@click.option("--postgres-url", help='The wizard\'s destination, filled in beforehand: a URL, or "embedded".')
@click.version_option(version("vestige-tui"), prog_name="vestige-tui")
@click.pass_context
def cli(context: click.Context, sqlite_path: Path | None, postgres_url: str | None) -> int:
    """Move a Vestige memory database from its SQLite file to PostgreSQL.

    Without a command: the wizard, which leads through the move step by step.

    \b
    Exit codes: 0 clean, 1 finished but rows have errors, or an index or a foreign
    key is missing, 2 wrong usage, 3 refused by a check, 4 source or destination
    unusable, 130 cancelled.
    """
    if context.invoked_subcommand is not None:
        if sqlite_path is not None or postgres_url is not None:
            raise UsageError(
                f"--sqlite-path and --postgres-url stand before {context.invoked_subcommand}.",
                remedy="Before a command they are the wizard's; write those of the command after its name.",
            )
        return ExitCode.CLEAN
    if not _has_terminal():
        raise UsageError(
            "The wizard needs a terminal.",
            remedy="Open one, or copy without the wizard: vestige-tui migrate copy --help",
        )
    from vestige_tui.wizard import open_wizard

    return open_wizard(sqlite_path, postgres_url)


@cli.command()
@click.option("--headless", is_flag=True, help="Without the wizard: copy, print the report and three queries.")
def demo(headless: bool) -> int:
    """Try it: the wizard on a sample database.

    2,000 memories, a few of them broken on purpose, go into a PostgreSQL of the demo's own.
    """
    from vestige_tui.cli.demo import open_demo, run_demo

    if headless:
        return run_demo()
    if not _has_terminal():
        click.echo("There is no terminal for the wizard; running as with --headless.", err=True)
        return run_demo()
    return open_demo()


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


@cli.command()
@click.argument("path", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
def inspect(path: Path, as_json: bool) -> ExitCode:
    """Say what a Vestige database holds.

    And what a copy of the file PATH would need. Changes nothing.
    """
    from vestige_tui.cli.inspect import print_description, to_json
    from vestige_tui.core.outputs import check_outputs
    from vestige_tui.core.source.describe import describe
    from vestige_tui.terminal.output import standard_output
    from vestige_tui.user.outputs import standard_streams

    check_outputs(path, standard_streams())
    source = describe(path)
    if as_json:
        click.echo(to_json(source))
    else:
        print_description(standard_output(), source)
    return ExitCode.CLEAN


@cli.group()
def migrate() -> None:
    """Copy between storage backends, or embed memories anew."""


@migrate.command("copy")
@click.option("--from", "source", required=True, help='Source backend; "sqlite".')
@click.option("--to", "target", required=True, help='Destination backend; "postgres".')
@click.option("--sqlite-path", type=_FILE, required=True, help="The source: a Vestige SQLite database.")
@click.option(
    "--postgres-url",
    required=True,
    help='The destination: a URL or connection string as libpq takes them, or "embedded" for a PostgreSQL that '
    "vestige-tui runs itself. Leave the password to PGPASSWORD or a passfile.",
)
@click.option(
    "--batch-size", type=_POSITIVE, default=DEFAULT_BATCH_SIZE, show_default=True, help="Rows per transaction."
)
@click.option(
    "--max-connections",
    type=_POSITIVE,
    default=DEFAULT_MAX_CONNECTIONS,
    show_default=True,
    help="Most connections opened at the destination.",
)
@click.option(
    "--allow-source-upgrade", is_flag=True, help="Permit adding the V15 columns and tables to the source itself."
)
@click.option("--upgrade-copy", is_flag=True, help="Add them to a private copy, and leave the source untouched.")
@click.option(
    "--allow-stale-source",
    is_flag=True,
    help="Permit copying a file that Vestige 4 has moved on from; memories since then are not in it.",
)
@click.option("--dry-run", is_flag=True, help="Read and check everything, print the report, write nothing.")
@click.option(
    "--embedder",
    metavar="NAME:DIM[:HASH]",
    help="The embedding model that the destination is for. Default: VESTIGE_EMBEDDING_MODEL, "
    "else what the destination has registered, else the source's own.",
)
@click.option("--report", "report_file", type=_FILE, help="Also write the report, as JSON, to this file.")
@click.option("--log-file", type=_FILE, help="Add a log of the run to this file.")
@click.option("--quiet", is_flag=True, help="No progress; the report and errors alone.")
def migrate_copy(
    *,
    source: str,
    target: str,
    sqlite_path: Path,
    postgres_url: str,
    batch_size: int,
    max_connections: int,
    allow_source_upgrade: bool,
    upgrade_copy: bool,
    allow_stale_source: bool,
    dry_run: bool,
    embedder: str | None,
    report_file: Path | None,
    log_file: Path | None,
    quiet: bool,
) -> ExitCode:
    """Copy a Vestige SQLite database into PostgreSQL. Running it again is safe: what is there is skipped."""
    from vestige_tui.cli.copy import copy, destination
    from vestige_tui.core.embedder import embedder_from_environment, parse_embedder
    from vestige_tui.core.outputs import check_outputs
    from vestige_tui.core.plan import CopyPlan
    from vestige_tui.terminal.output import safe, standard_error
    from vestige_tui.terminal.signals import stop_requests
    from vestige_tui.user.logs import logging_to
    from vestige_tui.user.masking import Mask
    from vestige_tui.user.outputs import Unwritten, outputs_of_copy
    from vestige_tui.user.saving import check_writable

    validate_copy_backends(source, target)
    if allow_source_upgrade and upgrade_copy:
        raise UsageError(
            "--allow-source-upgrade and --upgrade-copy exclude each other.",
            remedy="Choose one: the source itself is upgraded, or a private copy of it.",
        )
    presented = parse_embedder(embedder) if embedder is not None else embedder_from_environment()
    check_outputs(sqlite_path, outputs_of_copy(report_file=report_file, log_file=log_file))
    if report_file is not None:
        check_writable(report_file)
    console = standard_error()
    unwritten = Unwritten(console)
    with (
        logging_to(log_file, Mask.of([postgres_url]), partial(unwritten.say, f"the log {log_file} is not complete")),
        stop_requests(lambda text: console.print(safe(text, "bold yellow"))) as cancel,
        destination(postgres_url) as dsn,
    ):
        plan = CopyPlan(
            sqlite_path,
            dsn,
            batch_size,
            max_connections,
            allow_source_upgrade=allow_source_upgrade,
            upgrade_copy=upgrade_copy,
            dry_run=dry_run,
            allow_stale_source=allow_stale_source,
        )
        report = copy(
            plan, presented, cancel=cancel, console=console, report_file=report_file, quiet=quiet, unwritten=unwritten
        )
    return unwritten.code(code_of_outcome(report.outcome))


@migrate.command()
@click.option("--model", required=True, help='Embedder name, such as "BAAI/bge-large-en-v1.5".')
@click.option("--postgres-url", required=True, help="The PostgreSQL database to re-embed in.")
@click.option("--batch-size", type=_POSITIVE, default=128, show_default=True, help="Rows per embedder batch.")
@click.option(
    "--drop-hnsw-first/--no-drop-hnsw-first",
    default=True,
    show_default=True,
    help="Drop the vector index first; building it anew is faster than keeping it up to date.",
)
@click.option("--concurrent-index", is_flag=True, help="Build it with CREATE INDEX CONCURRENTLY: slower, no lock.")
@click.option("--max-connections", type=_POSITIVE, default=DEFAULT_MAX_CONNECTIONS, show_default=True)
@click.option("--dry-run", is_flag=True, help="Print estimates, change nothing.")
def reembed(model: str, **_options: object) -> ExitCode:
    """Embed all memories at the destination with another model. Not available yet."""
    raise UsageError(
        f"migrate reembed is not available yet: nothing was embedded with {model!r}.",
        remedy="Until it is, let Vestige embed its memories with that model in the SQLite file, and copy it then; "
        "or copy now with the model that the file has.",
    )


def validate_copy_backends(source: str, target: str) -> None:
    """Accept sqlite to postgres. Raises ``UsageError`` in the specification's words for every other pair."""
    if (source, target) == ("sqlite", "postgres"):
        return
    if target == "postgres":
        what = f"unsupported source backend: {source}. Only 'sqlite' is accepted as --from."
    elif source == "sqlite":
        what = f"unsupported destination backend: {target}. Only 'postgres' is accepted as --to."
    else:
        what = f"unsupported migration direction: {source} -> {target}. Only 'sqlite' -> 'postgres' is accepted."
    raise UsageError(what, remedy="Run it with: --from sqlite --to postgres")
