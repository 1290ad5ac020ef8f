"""How far a run is: made from its events alone."""

from __future__ import annotations

from vestige_tui.core.events import (
    IndexForetold,
    IndexProgress,
    Notice,
    Phase,
    PhaseStarted,
    RowProblem,
    TableFinished,
    TableProgress,
    TablesPlanned,
    VerificationPlanned,
    VerificationProgress,
    Waiting,
)
from vestige_tui.core.facts import IndexEstimate
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.screens.progress import Compared, Meter, Pace


class _Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _meter(clock: _Clock, **totals: int) -> Meter:
    meter = Meter(256, clock)
    meter.take(PhaseStarted(Phase.COPY))
    meter.take(TablesPlanned(totals))
    return meter


def test_counts_follow_the_events() -> None:
    meter = _meter(_Clock(), users=2, knowledge_nodes=10, domains=0)
    meter.take(TableProgress("knowledge_nodes", 4, 2, 1, 1))
    meter.take(RowProblem(RowError("knowledge_nodes", "a", None, Kind.EMPTY_CONTENT, "content is empty", copied=False)))
    pace = meter.progress.tables["knowledge_nodes"]
    assert (pace.total, pace.read, pace.inserted, pace.present, pace.problems) == (10, 4, 2, 1, 1)
    assert not pace.finished
    assert meter.progress.tables["domains"].finished, "an empty table is done from the start"
    assert meter.progress.total.read == 4
    assert meter.progress.total.total == 12


def test_what_is_foretold_of_the_index_stays() -> None:
    meter = _meter(_Clock(), knowledge_nodes=10)
    foretold = IndexEstimate(20, 58, 256, 285, 1)
    meter.take(IndexForetold(foretold))
    meter.take(TableProgress("knowledge_nodes", 4, 2, 1, 1))
    assert meter.progress.index_estimate == foretold


def test_a_rate_counts_from_the_first_batch_on() -> None:
    clock = _Clock()
    meter = _meter(clock, knowledge_nodes=5_000)
    clock.now += 3
    meter.take(TableProgress("knowledge_nodes", 500, 500, 0, 0))
    assert meter.progress.tables["knowledge_nodes"].rate == 0, "one batch alone gives no pace"
    clock.now += 0.01
    meter.take(TableProgress("knowledge_nodes", 1_000, 1_000, 0, 0))
    assert meter.progress.tables["knowledge_nodes"].rate == 0, "nor does a group that arrives at once"
    clock.now += 0.99
    meter.take(TableProgress("knowledge_nodes", 1_500, 1_500, 0, 0))
    assert meter.progress.tables["knowledge_nodes"].rate == 1_000
    meter.take(TableFinished("knowledge_nodes", 5.0))
    assert meter.progress.tables["knowledge_nodes"].rate == 300, "what it took in the end"


def test_time_left_goes_by_the_work_that_rows_make() -> None:
    clock = _Clock()
    meter = _meter(clock, knowledge_nodes=1_000, edges=1_000)
    assert meter.progress.seconds_left is None
    clock.now += 10
    meter.take(TableProgress("knowledge_nodes", 500, 500, 0, 0))
    left = meter.progress.seconds_left
    assert left is not None
    assert 10 < left < 12, "a connection is little work beside a memory"
    meter.take(TableProgress("knowledge_nodes", 1_000, 1_000, 0, 0))
    meter.take(TableProgress("edges", 1_000, 1_000, 0, 0))
    assert meter.progress.fraction == 1
    assert meter.progress.seconds_left is None


def test_indexes_and_notices_are_kept() -> None:
    meter = _meter(_Clock())
    meter.take(IndexProgress("idx", 2, 3, 0.5))
    meter.take(Notice("one"))
    meter.take(Notice("two"))
    assert meter.progress.index == IndexProgress("idx", 2, 3, 0.5)
    assert meter.progress.notices == ("one", "two")


def test_waiting_ends_with_the_next_index() -> None:
    meter = _meter(_Clock())
    meter.take(IndexProgress("idx", 2, 3, 0.5))
    waiting = Waiting(("edges",), 30)
    meter.take(waiting)
    assert (meter.progress.waiting, meter.progress.index) == (waiting, IndexProgress("idx", 2, 3, 0.5))
    meter.take(IndexProgress("idx", 2, 3, 1.0))
    assert meter.progress.waiting is None


def test_a_comparison_is_counted_over_all_tables() -> None:
    clock = _Clock()
    meter = _meter(clock, knowledge_nodes=100, edges=100)
    clock.now += 60
    meter.take(PhaseStarted(Phase.VERIFY))
    meter.take(VerificationPlanned({"knowledge_nodes": 100, "edges": 100}))
    assert meter.progress.compared == Compared(total=200)
    clock.now += 4
    meter.take(VerificationProgress("knowledge_nodes", 50, 50, 0, 0))
    compared = meter.progress.compared
    assert compared is not None
    assert (compared.settled, compared.rate, compared.finished) == (50, 12.5, False)
    assert compared.seconds_left is not None
    assert 4 < compared.seconds_left < 5, "a connection is little work beside a memory"
    meter.take(VerificationProgress("knowledge_nodes", 100, 97, 2, 0))
    meter.take(VerificationProgress("edges", 100, 99, 0, 1))
    compared = meter.progress.compared
    assert compared is not None
    assert (compared.settled, compared.equal, compared.different, compared.missing) == (200, 196, 2, 1)
    assert compared.finished
    assert compared.fraction == 1
    assert meter.progress.tables["edges"].read == 0, "what was copied stays as it is"


def test_paces_add_up() -> None:
    both = Pace(2, 1, 1, 0, 1, 1, 2.0, finished=True) + Pace(3, 3, 2, 1, 0, 3, 2.0)
    assert both == Pace(5, 4, 3, 1, 1, 4, 4.0)
    assert both.rate == 1
