"""Both sides of a difference, read when an operator asks for them; nothing of it is kept or logged."""

from __future__ import annotations

import threading
from pathlib import Path

from vestige_tui.core import events
from vestige_tui.core.destination.sessions import Sessions
from vestige_tui.core.destination.waits import DEFAULT_WAITS, Waits
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import MigrationError
from vestige_tui.core.facts import DataState
from vestige_tui.core.repairs.document import NO_REPAIRS, Repairs
from vestige_tui.core.report import DestinationReport
from vestige_tui.core.run.announcer import Announcer
from vestige_tui.core.run.destination_steps import connected, look
from vestige_tui.core.source.opening import explained, open_source
from vestige_tui.core.verify.expectation import Expectation
from vestige_tui.core.verify.result import Difference
from vestige_tui.core.verify.sides import Sides, both_sides
from vestige_tui.core.verify.snapshot import open_snapshot


def read_sides(
    source: Path, dsn: Dsn, difference: Difference, *, repairs: Repairs = NO_REPAIRS, waits: Waits = DEFAULT_WAITS
) -> Sides:
    """Read both sides of a difference, as they are now; the server itself refuses every write. ``repairs`` are those
    that the copy was given.

    Raises ``SourceError``, ``RefusedError`` or ``DestinationError``.
    """
    sessions = Sessions(dsn, threading.Event(), waits, read_only=True)
    try:
        with explained(source), open_source(source) as reading, connected(sessions) as session:
            destination = look(
                session, {difference.table: 1}, DestinationReport(dsn.masked), Announcer([], events.ignore)
            )
            model = destination.registered
            expectation = Expectation(
                reading,
                model=model.name if model else None,
                dimension=model.dimension if model else destination.dimension,
                repairs=repairs,
            )
            with open_snapshot(session) as snapshot:
                return both_sides(expectation, snapshot, destination, difference)
    except MigrationError as error:
        error.state = DataState.NOTHING_CHANGED
        raise
