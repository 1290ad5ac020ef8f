"""The command line of the benchmarks."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import click

from bench.machine import BUSY, machine_facts
from bench.races import JOURNEY, LARGE, NAMES, Race, races
from bench.report import as_json, console_for_tables, show
from bench.results import Results
from bench.running import Bench
from bench.server import running_server
from bench.sources import Recipe, default_cache
from vestige_tui.core.plan import DEFAULT_BATCH_SIZE, DEFAULT_MAX_CONNECTIONS
from vestige_tui.core.source.describe import Layout

QUICK, THE_JOURNEY = "quick", "journey"
_SIZES = {"memories": 100_000, "small": 10_000, "large": 1_000_000, "repeat": 3}
_QUICK_SIZES = {"memories": 1_000, "small": 300, "large": 3_000, "repeat": 1}

_COUNT = click.IntRange(min=1)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", metavar="[RACE]...", nargs=-1, type=click.Choice([QUICK, THE_JOURNEY, *NAMES]))
@click.option("--memories", type=_COUNT, help="Memories of the usual source.  [default: 100,000; quick: 1,000]")
@click.option("--edges", type=click.IntRange(min=0), help="Its connections.  [default: 2 a memory]")
@click.option("--review-events", type=click.IntRange(min=0), help="Its review events.  [default: 2 a memory]")
@click.option(
    "--dimension", type=_COUNT, default=256, show_default=True, help="Of its vectors; Vestige's: 256, 768, 1024."
)
@click.option(
    "--layout", type=click.Choice([layout.value for layout in Layout]), default=Layout.SEED.value, show_default=True
)
@click.option(
    "--small", type=_COUNT, help="Memories where the specification's algorithm runs.  [default: 10,000; quick: 300]"
)
@click.option("--full", is_flag=True, help="Also the race with very many memories.")
@click.option("--large", type=_COUNT, help="Memories of that race.  [default: 1,000,000; quick: 3,000]")
@click.option("--repeat", type=_COUNT, help="Rounds of each race.  [default: 3; quick: 1]")
@click.option("--batch-size", type=_COUNT, default=DEFAULT_BATCH_SIZE, show_default=True, help="As for migrate copy.")
@click.option(
    "--max-connections", type=_COUNT, default=DEFAULT_MAX_CONNECTIONS, show_default=True, help="As for migrate copy."
)
@click.option("--postgres-url", help="Another server than a new embedded one, with a role that may create databases.")
@click.option("--cache", type=_FOLDER, help="Where generated sources are kept.  [default: the temporary folder]")
@click.option("--json", "json_file", type=_FILE, help="Also write everything, each run by itself, to this file.")
def main(
    *,
    names: tuple[str, ...],
    edges: int | None,
    review_events: int | None,
    dimension: int,
    layout: str,
    full: bool,
    batch_size: int,
    max_connections: int,
    postgres_url: str | None,
    cache: Path | None,
    json_file: Path | None,
    **sizes: int | None,
) -> None:
    """Measure the copy side by side with what it is compared with.

    Without a RACE all of them are held. "quick" makes every size a small one, to see whether everything works; its
    figures mean nothing. "journey" are those of what an operator waits for. The races:
    first-screen, inspect, preview, fresh, plain, keys, keys-apart, verify, reembed, search, workbench,
    specification, specification-plain, slow-link, pgloader, large.

    The exit code is 1 where a contender failed, 130 after Ctrl-C.
    """
    size = (_QUICK_SIZES if QUICK in names else _SIZES) | {name: given for name, given in sizes.items() if given}
    recipe = Recipe(
        memories=size["memories"],
        edges=2 * size["memories"] if edges is None else edges,
        review_events=2 * size["memories"] if review_events is None else review_events,
        dimension=dimension,
        layout=Layout(layout),
    )
    named = (set(names) - {QUICK, THE_JOURNEY}) | ({*JOURNEY} if THE_JOURNEY in names else set())
    wanted = (named or set(NAMES)) | ({LARGE} if full else set())
    large = size["large"] if full or LARGE in names else None
    chosen = [race for race in races(recipe, size["small"], large) if race.name in wanted]
    machine = _look_at_machine()
    results = Results()
    with running_server(postgres_url) as server, tempfile.TemporaryDirectory(prefix="vestige-bench-files-") as folder:
        facts = {"machine": machine, "server": server.facts()}
        bench = Bench(
            server=server,
            cache=cache or default_cache(),
            folder=Path(folder),
            rounds=size["repeat"],
            batch_size=batch_size,
            max_connections=max_connections,
            results=results,
            show=_print,
        )
        stopped = not _hold(bench, chosen)
    show(console_for_tables(), results, facts)
    if json_file is not None:
        json_file.write_text(as_json(results, facts), encoding="utf-8")
    if stopped:
        sys.exit(130)
    if any(absence.failed for absence in results.absences):
        sys.exit(1)


def _hold(bench: Bench, chosen: list[Race]) -> bool:
    """One race after the other. Returns whether all were held: Ctrl-C ends them, and what was measured is shown."""
    try:
        for race in chosen:
            bench.hold(race)
    except KeyboardInterrupt:
        _print("stopped; these are the results so far")
        return False
    return True


def _look_at_machine() -> Mapping[str, str | float | int]:
    load = os.getloadavg()[0]
    if load > BUSY:
        _print(f"The machine is busy (load {load:.1f}): these figures will not be worth quoting.")
    return {"measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"} | machine_facts()


def _print(line: str) -> None:
    click.echo(line, err=True)
