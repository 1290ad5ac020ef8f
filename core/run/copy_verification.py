"""The last step of a copy: every value is compared with the source. Whatever happens here, the copy stays finished."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from vestige_tui.core import notices
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.server_errors import explained
from vestige_tui.core.destination.sessions import Session
from vestige_tui.core.errors import Cancelled, MigrationError, unexpected
from vestige_tui.core.events import Phase
from vestige_tui.core.facts import NotVerified
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.run.context import Run
from vestige_tui.core.run.findings import Findings
from vestige_tui.core.run.verification import Work, take_digests
from vestige_tui.core.source.opening import Reading
from vestige_tui.core.source.opening import explained as explained_source
from vestige_tui.core.verify.digests import Taken
from vestige_tui.core.verify.snapshot import open_snapshot

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Checked:
    """How the last step ended: whether every value was compared, and the digests for a receipt where one is wanted.

    ``schema`` is where the tables are.
    """

    schema: str = ""
    verified: bool = False
    taken: Taken | None = None


def verify_copy(
    run: Run,
    reading: Reading,
    model: ModelSignature | None,
    destination: Destination,
    session: Session,
    *,
    since: str,
) -> Checked:
    """Compare what ``reading`` sees with the destination, and record what was found. Never raises.

    ``since`` tells the rows of this run from older ones, see ``compare``.
    """
    checked = Checked(destination.schema)
    findings = Findings(run.progress.failed, run.only, run.progress.mended)
    if not run.plan.verify:
        run.recorder.not_verified(NotVerified.NOT_ASKED)
        if not run.plan.receipt:
            return checked
    try:
        with explained(run.plan.postgres_url), explained_source(run.plan.sqlite_path):
            if run.plan.verify:
                run.progress.begin(Phase.VERIFY)
            with open_snapshot(session) as snapshot:
                if run.plan.verify:
                    work = Work.of(reading, destination, model, run.sessions, run.recorder, plan=run.plan)
                    comparison = work.compare(snapshot, since=since, found=findings.take)
                    run.recorder.verified(findings, comparison)
                    checked.verified = True
                if run.plan.receipt:
                    checked.taken = take_digests(snapshot, destination)
    except Cancelled:
        _record(run, checked, findings, NotVerified.CANCELLED)
    except MigrationError as error:
        _record(run, checked, findings, NotVerified.FAILED, error.what)
    except Exception as error:  # a fault of the comparison says nothing of the copy
        _record(run, checked, findings, NotVerified.FAILED, unexpected(error, "verify").what)
    return checked


def _record(run: Run, checked: Checked, findings: Findings, reason: NotVerified, failure: str | None = None) -> None:
    """Record what is not done: the comparison, or the receipt after it."""
    log.warning("migrate: the last step ended early (%s): %s", reason, failure or "no failure")
    if run.plan.verify and not checked.verified:
        run.recorder.not_verified(reason, findings, failure)
    elif run.plan.receipt and checked.taken is None:
        run.recorder.notice(notices.no_receipt(failure))
