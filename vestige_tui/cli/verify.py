"""``vestige-tui verify``: compares every value of a source with a destination, or a receipt with it."""

from __future__ import annotations

from pathlib import Path

import click

from vestige_tui.cli.destination import postgres_url
from vestige_tui.cli.exit_codes import ExitCode, code_of_verification
from vestige_tui.cli.outputs import OutputFailures, log_option, outputs_of, receipt_option, repairs_in, report_option
from vestige_tui.cli.reports import Files, check_files
from vestige_tui.cli.session import working_with
from vestige_tui.cli.verify_runner import verify_receipt, verify_source
from vestige_tui.core.embedder import embedder_from_environment, parse_embedder
from vestige_tui.core.errors import UsageError
from vestige_tui.core.outputs import check_outputs
from vestige_tui.core.plan import VerificationPlan
from vestige_tui.terminal.output import standard_error

_FILE = click.Path(path_type=Path)


@click.command()
@click.option("--sqlite-path", type=_FILE, help="The source: a Vestige SQLite database.")
@click.option("--receipt", type=_FILE, help="Instead of the source: a receipt that a copy or a verification wrote.")
@postgres_url
@click.option("--upgrade-copy", is_flag=True, help="Accepted, as for a copy; no upgrade is needed here.")
@click.option(
    "--allow-stale-source",
    is_flag=True,
    help="Permit comparing with a file that Vestige 4 has moved on from; memories since then are not in it.",
)
@click.option("--repairs", "repairs_file", type=_FILE, help="The repairs that the copy was given.")
@click.option(
    "--embedder",
    metavar="NAME:DIM[:HASH]",
    help="The embedding model that the destination is for, as for a copy.",
)
@report_option
@receipt_option
@log_option
@click.option("--quiet", is_flag=True, help="Show no progress, only the report and errors.")
def verify(
    *,
    sqlite_path: Path | None,
    receipt: Path | None,
    postgres_url: str,
    upgrade_copy: bool,
    allow_stale_source: bool,
    repairs_file: Path | None,
    embedder: str | None,
    report_file: Path | None,
    receipt_file: Path | None,
    log_file: Path | None,
    quiet: bool,
) -> ExitCode:
    """Compare every value of a Vestige SQLite database with PostgreSQL. Changes neither.

    With --receipt, the source is not needed: the destination is compared with what the receipt says of it.
    """
    file = _one_of(sqlite_path, receipt)
    if receipt is not None:
        _check_alone(
            upgrade_copy=upgrade_copy,
            allow_stale_source=allow_stale_source,
            repairs=repairs_file is not None,
            embedder=embedder is not None,
            receipt_out=receipt_file is not None,
        )
    presented = parse_embedder(embedder) if embedder is not None else embedder_from_environment()
    outputs = outputs_of(report_file=report_file, receipt_file=receipt_file, log_file=log_file)
    check_outputs(file, outputs, "the source" if receipt is None else "the receipt")
    repairs = repairs_in(repairs_file, outputs)
    check_files(files := Files(report_file, receipt_file))
    failures = OutputFailures(standard_error())
    with working_with(postgres_url, log_file, failures) as (dsn, cancel):
        if receipt is not None:
            outcome = verify_receipt(file, dsn, failures, cancel=cancel, files=files, quiet=quiet)
        else:
            plan = VerificationPlan(file, dsn, allow_stale_source, receipt=True, repairs=repairs)
            outcome = verify_source(plan, presented, failures, cancel=cancel, files=files, quiet=quiet)
    return failures.code(code_of_verification(outcome))


def _one_of(sqlite_path: Path | None, receipt: Path | None) -> Path:
    """What the destination is compared with. Raises ``UsageError`` unless it is one of both."""
    match sqlite_path, receipt:
        case (Path() as file, None) | (None, Path() as file):
            return file
    raise UsageError(
        "Give either --sqlite-path or --receipt.",
        remedy="With --sqlite-path the destination is compared with that file, with --receipt with what that says.",
    )


def _check_alone(**given: bool) -> None:
    """A receipt says itself what the source was. Raises ``UsageError`` where a flag would say something of it."""
    named = [f"--{name.replace('_', '-')}" for name, is_given in given.items() if is_given]
    if named:
        raise UsageError(
            f"--receipt does not go together with {' and '.join(named)}.",
            remedy="They are about the source, which is not read here.",
        )
