"""Showing the results: in Markdown, so that they can be put where they are quoted, and everything as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.bounds import MEGABYTE, Bound, Verdict, bounds
from bench.journey import HEADINGS, journey
from bench.races import REFERENCES, Race
from bench.results import Figure, Results, cpu, peak, phase_of, seconds
from vestige_tui.core.rows.tables import TABLES

FORMAT = "vestige-tui/bench/1"
_WIDTH = 200  # columns that the widest table needs
_STYLES = {Verdict.HELD: "green", Verdict.BROKEN: "bold red", Verdict.OPEN: "dim", Verdict.UNKNOWN: "dim"}

Facts = Mapping[str, Mapping[str, object]]


def console_for_tables() -> Console:
    """Standard output, wide enough that no table is cut."""
    console = Console(highlight=False, markup=False, emoji=False)
    console.width = max(console.width, _WIDTH)
    return console


def show(console: Console, results: Results, facts: Facts) -> None:
    """Print everything."""
    for name, values in facts.items():
        console.print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in values.items()), soft_wrap=True)
    for race in results.races:
        _show_race(console, results, race)
    if legs := [*journey(results)]:
        console.print("\n### The journey\n")
        console.print(_journey_table(legs))
    console.print("\n### Must hold\n")
    for line in bounds(results):
        console.print(_bound_line(line), soft_wrap=True)
    for absence in results.absences:
        what = "failed" if absence.failed else "was left out"
        console.print(f"\n{absence.entrant} ({absence.race}) {what}: {absence.reason}", soft_wrap=True)


def _journey_table(legs: Sequence[Sequence[str]]) -> Table:
    table = _table(*HEADINGS)
    for leg in legs:
        table.add_row(*leg)
    return table


def _show_race(console: Console, results: Results, race: Race) -> None:
    rounds = max((run.round + 1 for run in results.runs if run.race == race.name), default=0)
    times = {0: "no run", 1: "one run each"}.get(rounds, f"medians of {rounds} runs")
    console.print(f"\n### {race.title}\n")
    console.print(
        f"{race.recipe.memories:,} memories of {race.recipe.dimension:,} dimensions, "
        f"{results.totals[race.name]:,} rows in all, {race.recipe.layout.value} layout, {times}.",
        soft_wrap=True,
    )
    console.print(_race_table(results, race))
    console.print("Where the seconds go; tables are part of a phase:")
    console.print(_parts_table(results, race))


def _race_table(results: Results, race: Race) -> Table:
    entrants = results.entrants(race.name)
    references = [reference.name for reference in REFERENCES if reference.name in entrants]
    ratios = [f"÷ {reference}" for reference in references]
    table = _table("contender", "seconds", "spread", "rows/s", "client CPU s", "peak MB", *ratios)
    for entrant in entrants:
        times = results.values(race.name, entrant, seconds)
        took = results.median(race.name, entrant, seconds) or 0.0
        table.add_row(
            entrant,
            f"{took:.2f}",
            f"{min(times):.2f}–{max(times):.2f}",
            f"{results.totals[race.name] / took:,.0f}",
            f"{results.median(race.name, entrant, cpu) or 0:.2f}",
            f"{(results.median(race.name, entrant, peak) or 0) / MEGABYTE:,.0f}",
            *(f"{results.ratio(race.name, entrant, reference) or 0:.2f}×" for reference in references),
        )
    return table


def _parts_table(results: Results, race: Race) -> Table:
    """One row for each phase and for each table, one column for each contender."""
    entrants = results.entrants(race.name)
    runs = [run for run in results.runs if run.race == race.name]
    parts = {
        name: phase_of(name) for name in dict.fromkeys(phase.name for run in runs for phase in run.measured.phases)
    }
    for table in TABLES:
        if any(table.name in run.measured.tables for run in runs):
            parts[f"· {table.name}"] = _one_table(table.name)
    shown = _table("part", *entrants)
    for name, figure in parts.items():
        medians = (results.median(race.name, entrant, figure) for entrant in entrants)
        shown.add_row(name, *(f"{median:.2f}" if median else "–" for median in medians))
    return shown


def _one_table(name: str) -> Figure:
    return lambda run: run.measured.tables.get(name, 0.0)


def _bound_line(line: Bound) -> Text:
    figure = f": {line.figure}, on {line.size}" if line.figure else ""
    return Text.assemble(
        "- ", (line.verdict.value, _STYLES[line.verdict]), f" – {line.what}{figure} (bound: {line.bound})"
    )


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.MARKDOWN)
    table.add_column(first, no_wrap=True)
    for column in others:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def as_json(results: Results, facts: Facts) -> str:
    """Everything: each run by itself, and the bounds."""
    document: dict[str, Any] = {
        "format": FORMAT,
        **facts,
        "races": [asdict(race) | {"rows": results.totals[race.name]} for race in results.races],
        "runs": [asdict(run) for run in results.runs],
        "absences": [asdict(absence) for absence in results.absences],
        "bounds": [asdict(bound) for bound in bounds(results)],
    }
    return json.dumps(document, indent=2) + "\n"
