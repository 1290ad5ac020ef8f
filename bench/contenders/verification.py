"""This tool's verification without its interface: every value of the source compared with what a copy has brought."""

from __future__ import annotations

from bench.stopwatch import Stopwatch
from bench.tasks import Measured, Task
from vestige_tui.core import events
from vestige_tui.core.plan import VerificationPlan
from vestige_tui.core.run.verification import run_verification
from vestige_tui.core.verify.result import VerificationOutcome


def run(task: Task) -> Measured:
    """Compare ``task.source`` with the destination, to which it was copied."""
    watch = Stopwatch()

    def note(event: events.Event) -> None:
        if isinstance(event, events.TableVerified):
            watch.tables[event.table] = event.seconds

    with watch:
        report = run_verification(VerificationPlan(task.source, task.dsn), on_event=note)
    if report.outcome is not VerificationOutcome.EQUAL:
        raise SystemExit(f"source and copy are not equal: {report.outcome}")
    return watch.measured()
