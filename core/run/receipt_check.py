"""Checks without the source whether everything of a receipt is still at the destination."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

from vestige_tui.core import events
from vestige_tui.core.destination.sessions import Sessions
from vestige_tui.core.destination.waits import DEFAULT_WAITS, Waits
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import Cancelled
from vestige_tui.core.events import Phase, Watcher
from vestige_tui.core.notices import embedded_anew
from vestige_tui.core.report import DestinationReport
from vestige_tui.core.run.announcer import Announcer
from vestige_tui.core.run.destination_steps import connected, look
from vestige_tui.core.run.verification_record import recorded
from vestige_tui.core.verify.receipt import Receipt
from vestige_tui.core.verify.receipt_check import ReceiptCheck, TableCheck, check_receipt
from vestige_tui.core.verify.receipt_report import ReceiptReport
from vestige_tui.core.verify.snapshot import open_snapshot


def run_receipt_check(
    path: Path,
    receipt: Receipt,
    dsn: Dsn,
    *,
    on_event: Watcher = events.ignore,
    cancel: threading.Event | None = None,
    waits: Waits = DEFAULT_WAITS,
) -> ReceiptReport:
    """Compare a destination with what a receipt, which was read from ``path``, says of it. Nothing is written.

    Setting ``cancel`` ends the check, with outcome ``cancelled``. Raises ``RefusedError`` or ``DestinationError``; the
    error's ``report`` tells what was found.
    """
    report = ReceiptReport(path, receipt.taken_at, DestinationReport(dsn.masked))
    sessions = Sessions(dsn, cancel or threading.Event(), waits, read_only=True)
    with recorded(report):
        _carry_out(report, receipt, sessions, Announcer(report.notices, on_event))
    return report


def _carry_out(report: ReceiptReport, receipt: Receipt, sessions: Sessions, announcer: Announcer) -> None:
    announcer.emit(events.PhaseStarted(Phase.DESTINATION))
    found: dict[str, TableCheck] = {}

    def checked(table: str, check: TableCheck) -> None:
        if sessions.cancel.is_set():
            raise Cancelled
        found[table] = check
        intact = check.then if check.verdict.intact else 0
        announcer.emit(events.VerificationProgress(table, check.then, intact, check.then - intact, 0))

    with connected(sessions) as session:
        rows = {name: table.rows for name, table in receipt.tables.items()}
        destination = look(session, rows, report.destination, announcer)
        report.destination.model = now = destination.registered
        then = receipt.model
        if then is not None and now is not None and not then.matches(now):
            announcer.notice(embedded_anew(str(then), str(now)))
        announcer.emit(events.PhaseStarted(Phase.VERIFY))
        announcer.emit(events.VerificationPlanned(rows))
        try:
            with open_snapshot(session) as snapshot:
                step = partial(snapshot.watchdog.step, cancellable=True)
                report.check = check_receipt(receipt, snapshot.connection, destination, step=step, checked=checked)
        except Exception:
            report.check = ReceiptCheck(found)
            raise
