"""How long the vector index is going to take, told before the first row is copied."""

from __future__ import annotations

from vestige_tui.core.destination.index_forecast import forecast
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.sessions import Session
from vestige_tui.core.rows.vectors import Fate
from vestige_tui.core.run.context import Run
from vestige_tui.core.run.table_pass import Transfer

FEWEST = 5_000
"""Vectors whose index may take long enough to be foretold: fewer take seconds, and the forecast a tenth of one."""


def vectors_to_copy(transfer: Transfer) -> int:
    """How many vectors of the source a copy takes along."""
    return sum(group.count for group in transfer.vectors if group.fate is Fate.COPIED)


def foretell_index(run: Run, transfer: Transfer, destination: Destination, session: Session) -> None:
    """Foretell the time of the index, where a copy of many vectors builds it. Raises ``psycopg.Error``."""
    vectors = vectors_to_copy(transfer)
    if vectors < FEWEST:
        return
    with session.watchdog.step(long=True):
        estimate = forecast(session.connection, destination, vectors)
    if estimate is not None:
        run.recorder.index_foretold(estimate)
