"""What an error means for the data: it depends on how far the run had come."""

from __future__ import annotations

from vestige_tui.core.errors import DestinationError, MigrationError, RefusedError
from vestige_tui.core.events import Phase
from vestige_tui.core.facts import DataState
from vestige_tui.core.rows.tables import KNOWLEDGE_NODES
from vestige_tui.core.run.progress import Progress


def say_what_it_means(error: MigrationError, progress: Progress) -> None:
    """Give an error its ``DataState`` and the facts beside it."""
    match progress.phase:
        case Phase.COPY | Phase.MEND:
            if error.state is DataState.NOTHING_CHANGED:
                error.state = DataState.BATCHES_STAY
            error.memories = progress.read[KNOWLEDGE_NODES.name], progress.planned.get(KNOWLEDGE_NODES.name, 0)
        case Phase.INDEXES:
            recurs = isinstance(error, DestinationError) and error.recurs
            error.state = DataState.ROWS_COMPLETE_AT_LIMIT if recurs else DataState.ROWS_COMPLETE
        case Phase.VERIFY if error.state is DataState.NOTHING_CHANGED:
            error.state = DataState.ROWS_COMPLETE
        case Phase.PREPARE if not isinstance(error, RefusedError):
            error.state = DataState.TABLES_ONLY
        case _ if error.state in (DataState.BATCHES_STAY, DataState.LAST_BATCH_UNKNOWN):
            error.state = DataState.NOTHING_CHANGED
    if progress.backup is not None:
        error.backup = progress.backup
