"""This tool's preview (``migrate copy --dry-run``) of a copy to an empty destination."""

from __future__ import annotations

from bench.contenders.tool import check, note
from bench.stopwatch import Stopwatch
from bench.tasks import Measured, Task
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.run.copier import run_sqlite_to_postgres


def run(task: Task) -> Measured:
    """Preview a copy of ``task.source``."""
    plan = CopyPlan(task.source, task.dsn, task.batch_size, task.max_connections, dry_run=True)
    watch = Stopwatch()
    with watch:
        report = run_sqlite_to_postgres(plan, on_event=lambda event: note(watch, event))
    check(report)
    return watch.measured()
