"""This tool without its interface: the public function of ``core``, with a watcher that notes the times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from bench.stopwatch import Stopwatch
from bench.tasks import Measured, Task
from vestige_tui.core import events
from vestige_tui.core.destination import indexes
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.run.copier import run_sqlite_to_postgres


def run(task: Task) -> Measured:
    """Copy ``task.source``, and compare nothing: no other contender does, and it has a race of its own."""
    plan = CopyPlan(task.source, task.dsn, task.batch_size, task.max_connections, verify=False)
    watch = Stopwatch()
    with hnsw(task.hnsw), watch:
        report = run_sqlite_to_postgres(plan, on_event=lambda event: note(watch, event))
    check(report)
    return watch.measured()


def note(watch: Stopwatch, event: events.Event) -> None:
    """Enter an event of a run into a stopwatch."""
    match event:
        case events.PhaseStarted(phase):
            watch.phase(phase.name.lower())
        case events.TableProgress():
            watch.batches += 1
        case events.TableFinished(table, seconds):
            watch.tables[table] = seconds


@contextmanager
def hnsw(wanted: bool) -> Iterator[None]:
    """With ``wanted`` False, the tool finds the vectors too large for an index. Whether it works is checked after."""
    if wanted:
        yield
    else:
        with mock.patch.object(indexes, "_hnsw_expression", return_value=None):
            yield


def check(report: MigrationReport | None) -> None:
    """A benchmark's source is sound: a run that reports anything else measured something else."""
    if report is None or report.outcome is not Outcome.CLEAN:
        raise SystemExit(f"the copy was not clean: {report.errors[:3] if report else 'it failed'}")
