"""``vestige-tui migrate reembed``: new vectors for the memories of a store."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from vestige_tui.cli.destination import postgres_url
from vestige_tui.cli.embedder import embedder_choice, embedder_flags
from vestige_tui.cli.exit_codes import ExitCode, code_of_reembedding
from vestige_tui.cli.outputs import OutputFailures, log_option, outputs_of, report_option
from vestige_tui.cli.reembed_run import Outputs, Request, carry_out
from vestige_tui.cli.reports import Files, check_files
from vestige_tui.cli.session import working_with
from vestige_tui.core.dsn import EMBEDDED
from vestige_tui.core.errors import UsageError
from vestige_tui.core.outputs import check_outputs
from vestige_tui.core.reembed.plan import DEFAULT_BATCH_SIZE, DEFAULT_MAX_CONNECTIONS, ReembedPlan
from vestige_tui.core.reembed.profiles import profile_of
from vestige_tui.core.reembed.report import Action
from vestige_tui.terminal.output import standard_error

_FILE = click.Path(path_type=Path)
_POSITIVE = click.IntRange(min=1)

_AFTERWARDS = ("rollback", "finish", "abandon")
_WITH_EVERY_ACTION = frozenset({"postgres_url", "no_confirm", "report_file", "log_file", "quiet"})
_IN_PLACE = ("no_swap", "drop_hnsw_first", "concurrent_index")
"""Flags about a swap or an index, which ``--only-missing`` does without."""


@click.command()
@postgres_url
@embedder_flags(model='The embedding model, such as "BAAI/bge-large-en-v1.5".', sent="The contents of memories")
@click.option("--batch-size", type=_POSITIVE, default=DEFAULT_BATCH_SIZE, show_default=True, help="Memories a batch.")
@click.option(
    "--drop-hnsw-first/--no-drop-hnsw-first",
    default=False,
    show_default=True,
    help="Drop the old vector index first: less disk, but searches look at every memory until the swap.",
)
@click.option("--concurrent-index", is_flag=True, help="Build the index with CREATE INDEX CONCURRENTLY: others write.")
@click.option(
    "--max-connections",
    type=_POSITIVE,
    default=DEFAULT_MAX_CONNECTIONS,
    show_default=True,
    help="Most connections opened at the destination.",
)
@click.option("--only-missing", is_flag=True, help="Embed the memories without a vector, with the registered model.")
@click.option("--no-swap", is_flag=True, help="Prepare everything, compare neighbours, and stop before the swap.")
@click.option("--rollback", is_flag=True, help="After a swap: bring the old vectors back.")
@click.option("--finish", is_flag=True, help="After a swap: drop the old vectors.")
@click.option("--abandon", is_flag=True, help="Before a swap: remove what an unfinished run has made.")
@click.option("--dry-run", is_flag=True, help="Say what a run would do and how long it would take; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: print the report as JSON.")
@click.option("--no-confirm", is_flag=True, help="Begin at once, without the five seconds to think again.")
@report_option
@log_option
@click.option("--quiet", is_flag=True, help="Show no progress, only warnings, the report and errors.")
def reembed(**flags: Any) -> ExitCode:
    """Embed the memories of a store with another model, or those that have no vector.

    The old vectors stay in place until all new ones are ready, and beside them until --finish.
    """
    context = click.get_current_context()
    given = {name for name in flags if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    given -= {name for name in given if flags[name] is False}
    _check_flags(given)
    action = next((Action(name) for name in _AFTERWARDS if flags[name]), Action.REEMBED)
    choice = None
    if action is Action.REEMBED:
        profile_of(embedder_choice(flags))  # contradictions come before the keyring
        choice = embedder_choice(flags, keyring=True)
    report_file, log_file = flags["report_file"], flags["log_file"]
    check_outputs(None, outputs_of(report_file=report_file, receipt_file=None, log_file=log_file))
    check_files(files := Files(report_file))
    failures = OutputFailures(standard_error())
    with working_with(flags["postgres_url"], log_file, failures) as (dsn, cancel):
        names = ("batch_size", "drop_hnsw_first", "concurrent_index", "max_connections", "dry_run", "only_missing")
        plan = ReembedPlan(dsn, no_swap=flags["no_swap"], **{name: flags[name] for name in names})
        embedded = flags["postgres_url"].strip() == EMBEDDED
        outputs = Outputs(failures, files, as_json=flags["as_json"], quiet=flags["quiet"])
        request = Request(plan, action, choice, confirmed=flags["no_confirm"], embedded=embedded)
        outcome = carry_out(request, outputs, cancel)
    return failures.code(code_of_reembedding(outcome))


def _check_flags(given: set[str]) -> None:
    """Raise ``UsageError`` where two flags make no sense together. ``given`` are those on the command line."""
    actions = [name for name in _AFTERWARDS if name in given]
    if len(actions) > 1:
        raise _excluding(actions[0], actions[1:], "Choose one.")
    if actions:
        _refuse(actions[0], given - _WITH_EVERY_ACTION - {actions[0]}, "It needs --postgres-url alone.")
    if "only_missing" in given:
        _refuse("only_missing", given.intersection(_IN_PLACE), "It stores vectors in place, beside those there are.")
    if "embedder_url" in given:
        _refuse("embedder_url", given.intersection({"model_path"}), "Choose a server or a folder as the embedder.")
    if "as_json" in given and "dry_run" not in given:
        raise UsageError(
            "--json goes with --dry-run alone.", remedy="A run writes its report as JSON to the file of --report."
        )


def _refuse(flag: str, others: Iterable[str], why: str) -> None:
    if others := sorted(others):
        raise _excluding(flag, others, why)


_SPELT = {"as_json": "--json", "report_file": "--report"}


def _excluding(flag: str, others: Iterable[str], why: str) -> UsageError:
    def spelt(name: str) -> str:
        return _SPELT.get(name, f"--{name.replace('_', '-')}")

    return UsageError(f"{spelt(flag)} does not go together with {' and '.join(map(spelt, others))}.", remedy=why)
