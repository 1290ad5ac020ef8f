"""``vestige-tui migrate copy``: a copy without the wizard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vestige_tui.cli.completion import words
from vestige_tui.cli.destination import postgres_url
from vestige_tui.cli.exit_codes import ExitCode, code_of_outcome
from vestige_tui.cli.outputs import OutputFailures, log_option, outputs_of, receipt_option, repairs_in, report_option
from vestige_tui.cli.reports import Files, check_files
from vestige_tui.cli.session import working_with
from vestige_tui.core.embedder import embedder_from_environment, parse_embedder
from vestige_tui.core.errors import UsageError
from vestige_tui.core.outputs import check_outputs
from vestige_tui.core.plan import DEFAULT_BATCH_SIZE, DEFAULT_MAX_CONNECTIONS, CopyPlan
from vestige_tui.terminal.output import standard_error

_FILE = click.Path(path_type=Path)
_POSITIVE = click.IntRange(min=1)


@click.command()
@click.option("--from", "source", required=True, help='Source backend; "sqlite".', shell_complete=words("sqlite"))
@click.option(
    "--to", "target", required=True, help='Destination backend; "postgres".', shell_complete=words("postgres")
)
@click.option("--sqlite-path", type=_FILE, required=True, help="The source: a Vestige SQLite database.")
@postgres_url
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
@click.option("--no-verify", is_flag=True, help="Do not compare every value afterwards.")
@click.option("--repairs", "repairs_file", type=_FILE, help="Lay the repairs in this file over the source's rows.")
@click.option("--dry-run", is_flag=True, help="Read and check everything, print the report, write nothing.")
@click.option(
    "--embedder",
    metavar="NAME:DIM[:HASH]",
    help="The embedding model that the destination is for. Default: VESTIGE_EMBEDDING_MODEL, "
    "else what the destination has registered, else the source's own.",
)
@report_option
@receipt_option
@log_option
@click.option("--quiet", is_flag=True, help="Show no progress, only the report and errors.")
def copy(
    *,
    source: str,
    target: str,
    postgres_url: str,
    embedder: str | None,
    no_verify: bool,
    repairs_file: Path | None,
    report_file: Path | None,
    receipt_file: Path | None,
    log_file: Path | None,
    quiet: bool,
    **fields: Any,
) -> ExitCode:
    """Copy a Vestige SQLite database into PostgreSQL. Running it again is safe: rows already there are skipped."""
    _check_backends(source, target)
    if fields["allow_source_upgrade"] and fields["upgrade_copy"]:
        raise UsageError(
            "--allow-source-upgrade and --upgrade-copy exclude each other.",
            remedy="Choose one: the source itself is upgraded, or a private copy of it.",
        )
    if fields["dry_run"] and receipt_file is not None:
        raise UsageError(
            "--dry-run and --receipt-out exclude each other.",
            remedy="A dry run writes nothing that a receipt could speak of.",
        )
    presented = parse_embedder(embedder) if embedder is not None else embedder_from_environment()
    outputs = outputs_of(report_file=report_file, receipt_file=receipt_file, log_file=log_file)
    check_outputs(fields["sqlite_path"], outputs)
    repairs = repairs_in(repairs_file, outputs)
    check_files(files := Files(report_file, receipt_file))
    from vestige_tui.cli.runner import run_plan  # the copier takes a while to load; a refused command needs none of it

    failures = OutputFailures(standard_error())
    with working_with(postgres_url, log_file, failures) as (dsn, cancel):
        receipt = receipt_file is not None or not no_verify
        # the other flags have the names of the plan's fields
        plan = CopyPlan(postgres_url=dsn, verify=not no_verify, receipt=receipt, repairs=repairs, **fields)
        report = run_plan(plan, presented, failures, cancel=cancel, files=files, quiet=quiet)
    return failures.code(code_of_outcome(report.outcome))


def _check_backends(source: str, target: str) -> None:
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
