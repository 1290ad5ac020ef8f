from __future__ import annotations

import io

import pytest
from rich.console import Console

from vestige_tui.cli.progress import Bars, Lines, watching
from vestige_tui.core.events import (
    Event,
    IndexForetold,
    IndexProgress,
    Notice,
    Phase,
    PhaseStarted,
    RowProblem,
    TableFinished,
    TableProgress,
    TablesPlanned,
    TableVerified,
    VerificationPlanned,
    VerificationProgress,
    Waiting,
)
from vestige_tui.core.facts import IndexEstimate
from vestige_tui.core.rows.problems import Kind, RowError

RUN: tuple[Event, ...] = (
    PhaseStarted(Phase.SOURCE),
    TablesPlanned({"users": 0, "knowledge_nodes": 2_000, "edges": 10}),
    Notice("a notice [bold]\x1b[2J"),
    TableFinished("users", 0.0),
    TableProgress("knowledge_nodes", 500, 499, 0, 1),
    RowProblem(RowError("knowledge_nodes", "id", None, Kind.BAD_UUID, "message", False)),
    RowProblem(RowError("unheard_of", "id", None, Kind.BAD_UUID, "message", False)),
    TableProgress("knowledge_nodes", 2_000, 1_999, 0, 1),
    TableFinished("knowledge_nodes", 2.0),
    TableProgress("edges", 10, 10, 0, 0),
    TableFinished("edges", 0.1),
    PhaseStarted(Phase.INDEXES),
    IndexProgress("first", 1, 2),
    IndexProgress("hnsw", 2, 2),
    Waiting(("edges", "users"), 29.6),
    Waiting(("edges", "users"), 28.9),
    IndexProgress("hnsw", 2, 2, 1.0),
    PhaseStarted(Phase.VERIFY),
    VerificationPlanned({"users": 0, "knowledge_nodes": 2_000, "edges": 10}),
    TableVerified("users", 0.0),
    VerificationProgress("knowledge_nodes", 2_000, 1_996, 1, 2),
    TableVerified("knowledge_nodes", 0.5),
    VerificationProgress("edges", 10, 10, 0, 0),
    TableVerified("edges", 0.1),
)
WAITS = "Waiting for another session that uses edges or users, at most 30 s…"


def watch(*, terminal: bool = False, quiet: bool = False) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=80, markup=False, highlight=False, no_color=True)
    with watching(console, quiet=quiet) as watcher:
        for event in RUN:
            watcher(event)
    return stream.getvalue()


def test_plain_lines_elsewhere() -> None:
    assert watch().splitlines() == [
        "Reading the source's description",
        "a notice [bold]␛[2J",
        "Memories: 2,000 of 2,000 in 2.0 s",
        "Connections: 10 of 10 in 0.1 s",
        "Building indexes",
        WAITS,
        "Comparing every value",
        "Memories: 2,000 compared in 0.5 s",
        "Connections: 10 compared in 0.1 s",
    ]


def test_bars_in_a_terminal() -> None:
    shown = watch(terminal=True)
    for part in (
        "Memories",
        "2,000/2,000",
        "1,000/s",
        "1 problem",
        "Connections",
        "Indexes",
        "2/2",
        "Comparing",
        "2,010/2,010",
        "3 different",
        "a notice [bold]␛",
    ):
        assert part in shown
    assert shown.count(WAITS) == 1
    assert "29 s" not in shown
    assert "Users" not in shown
    assert "1 problems" not in shown


def test_quiet_is_quiet() -> None:
    assert watch(quiet=True) == watch(quiet=True, terminal=True) == ""


@pytest.mark.parametrize(("seconds", "expected"), [(1, 1), (4, 2), (11, 6)])
def test_a_sign_of_life_every_ten_seconds(seconds: float, expected: int) -> None:
    stream, now = io.StringIO(), [0.0]
    lines = Lines(Console(file=stream), clock=lambda: now[0])
    lines(TablesPlanned({"knowledge_nodes": 5_000}))
    for batch in range(1, 6):
        now[0] += seconds
        lines(TableProgress("knowledge_nodes", batch * 1_000, batch * 1_000, 0, 0))
    lines(TableFinished("knowledge_nodes", 5.0 * seconds))
    assert len(stream.getvalue().splitlines()) == expected


def test_a_long_index_gives_signs_of_life_too() -> None:
    stream, now = io.StringIO(), [0.0]
    lines = Lines(Console(file=stream), clock=lambda: now[0])
    for percent in range(0, 100, 10):
        now[0] += 4
        lines(IndexProgress("hnsw", 2, 3, percent / 100))
    assert stream.getvalue().splitlines() == [
        "Finishing 2 of 3: hnsw, 20%, about 0:32 left",
        "Finishing 2 of 3: hnsw, 50%, about 0:20 left",
        "Finishing 2 of 3: hnsw, 80%, about 0:08 left",
    ]


def test_what_is_waited_for_is_said_at_once_and_every_ten_seconds() -> None:
    """It is said again of the next index or foreign key that has to wait."""
    stream, now = io.StringIO(), [0.0]
    lines = Lines(Console(file=stream), clock=lambda: now[0])
    for left in range(30, 6, -1):
        lines(Waiting(("edges",), left))
        now[0] += 1
    lines(IndexProgress("edges_source_id_fkey", 18, 24, 1.0))
    lines(Waiting(("edges",), 6.0))
    assert stream.getvalue().splitlines() == [
        f"Waiting for another session that uses edges, at most {left} s…" for left in (30, 20, 10, 6)
    ]


def test_the_time_of_the_index_is_foretold() -> None:
    estimate = IndexEstimate(20, 58, 256, 285, 1)
    told = "After the rows, the index for searching by meaning will take about 20 to 58 seconds, with 1 parallel worker"
    plain, bars = io.StringIO(), io.StringIO()
    Lines(Console(file=plain))(IndexForetold(estimate))
    Bars(Console(file=bars, width=200))(IndexForetold(estimate))
    assert plain.getvalue() == bars.getvalue() == f"{told} and 256 MB of memory.\n"
