"""What every verification leaves in its report: how it ended, and how long it took."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from vestige_tui.core.errors import Cancelled, MigrationError
from vestige_tui.core.facts import DataState
from vestige_tui.core.verify.receipt_report import ReceiptReport
from vestige_tui.core.verify.report import VerificationReport
from vestige_tui.core.verify.result import VerificationOutcome

log = logging.getLogger(__name__)


@contextmanager
def recorded(report: VerificationReport | ReceiptReport) -> Iterator[None]:
    """One verification: its end and its time go into the report, and the report into an error that ends it."""
    started = time.monotonic()
    log.info("verify: %s", report.input.absolute().as_uri())
    log.info("verify: destination: %s", report.destination.url)
    try:
        yield
        report.conclude()
    except Cancelled:
        report.outcome = VerificationOutcome.CANCELLED
    except MigrationError as error:
        error.state = DataState.NOTHING_CHANGED
        report.failure = error.what
        error.report = report
        log.error("verify: %s", error.what)
        raise
    finally:
        report.duration_ms = round((time.monotonic() - started) * 1000)
        log.info("verify: %s duration_ms=%d", report.outcome, report.duration_ms)
