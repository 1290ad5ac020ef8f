"""What can stop a run. A bad row never does; it is a ``RowError`` in the report.

Each error says three things in this order: what happened, what that means for the data, what to do next. The second
is data here (``DataState`` and the facts beside it); ``explain`` has its words.
"""

from __future__ import annotations

import logging
from pathlib import Path

from vestige_tui.core.facts import DataState, EmbedderObstacle, LockHolder, Obstacle, Staleness, Stranger
from vestige_tui.core.model import ModelSignature

log = logging.getLogger(__name__)


class Cancelled(Exception):
    """The operator asked to stop. ``unknown``: the answer to what was in flight was not waited for any longer."""

    def __init__(self, *, unknown: bool = False) -> None:
        super().__init__()
        self.unknown = unknown


class MigrationError(Exception):
    """A run could not start or could not go on.

    ``what`` happened, and ``remedy`` says what to do: one or two plain sentences each, free of passwords and of memory
    contents. ``state`` is what it means for the data. ``memories`` are those read and their total, where a copy had
    begun; ``backup`` is that of a source upgraded in place. ``report`` holds what was done, where a run had begun:
    after a copy a ``MigrationReport``.
    """

    def __init__(self, what: str, *, state: DataState = DataState.NOTHING_CHANGED, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.state = state
        self.remedy = remedy
        self.memories: tuple[int, int] | None = None
        self.backup: Path | None = None
        self.report: object = None

    @property
    def means(self) -> str:
        """What it means for the data, in words."""
        from vestige_tui.core.explain import data_state

        return data_state(self.state, memories=self.memories, backup=self.backup)

    def __str__(self) -> str:
        return "\n".join((self.what, self.means, self.remedy))


def unexpected(
    error: Exception, doing: str, *, state: DataState = DataState.NOTHING_CHANGED, remedy: str = ""
) -> MigrationError:
    """Log a fault of this program and make an error of it that can be shown. ``doing`` goes into the log alone."""
    from vestige_tui.core.explain import unexpected_fault

    log.critical("%s: unexpected fault", doing, exc_info=error)
    return MigrationError(
        unexpected_fault(error),
        state=state,
        remedy=remedy or "Try again. If it comes back, please report it, with what you did.",
    )


class UsageError(MigrationError):
    """The request itself cannot be understood, for example an unreadable connection string."""


class SourceError(MigrationError):
    """The source cannot be read, or not any more."""


class DestinationError(MigrationError):
    """The destination cannot be reached or used, or not any more.

    ``obstacle`` says why no connection could be opened; None where that is unknown, or one had been. ``stranger`` is
    what answers there instead of PostgreSQL. ``recurs``: a time limit ended the run, and would end the
    next one as well.
    """

    def __init__(
        self,
        what: str,
        *,
        state: DataState = DataState.NOTHING_CHANGED,
        remedy: str,
        obstacle: Obstacle | None = None,
        stranger: Stranger | None = None,
        recurs: bool = False,
    ) -> None:
        super().__init__(what, state=state, remedy=remedy)
        self.obstacle = obstacle
        self.stranger = stranger
        self.recurs = recurs


class EmbedderError(MigrationError):
    """An embedder cannot be used, or not any more.

    ``obstacle`` says why, ``where`` is the server or the folder that it is about, ``detail`` what belongs to it: a
    status, files, or models. None of them holds a key or a memory's content.
    """

    def __init__(
        self,
        obstacle: EmbedderObstacle,
        where: str,
        detail: str = "",
        *,
        state: DataState = DataState.NOTHING_CHANGED,
    ) -> None:
        from vestige_tui.core.explain import embedder_obstacle

        what, remedy = embedder_obstacle(obstacle, where, detail)
        super().__init__(what, state=state, remedy=remedy)
        self.obstacle = obstacle
        self.where = where
        self.detail = detail


class RefusedError(MigrationError):
    """A check found that the run must not start."""


class UpgradeNeededError(RefusedError):
    """The source lacks the V15 columns or tables, and no flag permits adding them."""


class StaleSourceError(RefusedError):
    """Vestige 4 has moved on from the source, and nothing permits copying what it left. ``stale``: how that shows."""

    def __init__(self, what: str, stale: Staleness) -> None:
        super().__init__(what, remedy="To copy what the file holds all the same, run again with --allow-stale-source.")
        self.stale = stale


class SchemaMismatchError(RefusedError):
    """The destination's tables differ from what a copy needs. ``differences``: one sentence each."""

    def __init__(self, differences: tuple[str, ...], *, schema: str) -> None:
        listed = "\n".join(f"  - {difference}" for difference in differences)
        super().__init__(
            f"The tables that are already in schema {schema} of the destination do not fit:\n{listed}",
            remedy="Choose another database or schema, or bring those tables into the expected form first.",
        )
        self.differences = differences


class DestinationBusyError(RefusedError):
    """Another copy is writing to the same destination. ``holder`` is its session, None where none is to be seen."""

    def __init__(self, holder: LockHolder | None) -> None:
        from vestige_tui.core.explain import lock_holder

        what, remedy = lock_holder(holder)
        super().__init__(what, remedy=remedy)
        self.holder = holder


_REMEDIES = {
    "embedder presented": "Re-embed the destination after copy with:\n"
    "    vestige-tui migrate reembed --model={other} --postgres-url URL\n"
    "  or rerun this command with the original embedder so the signatures match.",
    "destination registered": "Re-embed the destination before the copy, with the source's model:\n"
    "    vestige-tui migrate reembed --model={source} --postgres-url URL\n"
    "  with --rollback instead of --model while the source's vectors are still kept there,\n"
    "  or copy into an empty database.",
}
"""What to do about a mismatch, by whose model differs from the source's."""


class ModelMismatchError(RefusedError):
    """Two embedding models disagree; vectors of different models must not be mixed.

    ``registered`` is the source's signature; ``actual`` is the one that differs from it; ``holder`` says whose it is
    ("embedder presented" or "destination registered").
    """

    def __init__(self, registered: ModelSignature, actual: ModelSignature, *, holder: str) -> None:
        width = max(len("source registered"), len(holder))
        super().__init__(
            "embedding model mismatch between source and destination\n"
            f"  {'source registered':<{width}}: {registered}\n"
            f"  {holder:<{width}}: {actual}",
            remedy=_REMEDIES[holder].format(source=registered.name, other=actual.name),
        )
        self.registered = registered
        self.actual = actual
        self.holder = holder
