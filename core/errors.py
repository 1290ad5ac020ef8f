"""What can stop a run. A bad row never does; it is a ``RowError`` in the report.

Each error says three things in this order: what happened, what that means for the data, what to do next.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vestige_tui.core.destination.lock_holder import LockHolder
    from vestige_tui.core.model import ModelSignature
    from vestige_tui.core.report import MigrationReport
    from vestige_tui.core.source.stale import Staleness

NOTHING_CHANGED = "Nothing has been changed, neither in the source nor in the destination."
SOURCE_UNCHANGED = "The source is unchanged."
BATCHES_STAY = f"What had arrived stays; what was in flight was not kept. {SOURCE_UNCHANGED}"
LAST_BATCH_UNKNOWN = (
    "What had arrived stays. Whether what was in flight arrived is not known; the next run looks, and completes it. "
    f"{SOURCE_UNCHANGED}"
)
TABLES_ONLY = f"Tables may have been made at the destination; no row has been written. {SOURCE_UNCHANGED}"
_NOT_INDEXED = "All rows have arrived. Indexes, or the check of references between tables, are not complete"
ROWS_COMPLETE = f"{_NOT_INDEXED}; the next run completes them. {SOURCE_UNCHANGED}"
ROWS_COMPLETE_AT_LIMIT = f"{_NOT_INDEXED}, and the next run would meet the same limit. {SOURCE_UNCHANGED}"
REFERENCES_PENDING = (
    "PostgreSQL does not enforce all references between the tables yet: until a copy has gone through to its end, a "
    "memory that is deleted at the destination leaves behind what belongs to it."
)


class Cancelled(Exception):
    """The operator asked to stop. ``unknown``: the answer to what was in flight was not waited for any longer."""

    def __init__(self, *, unknown: bool = False) -> None:
        super().__init__()
        self.unknown = unknown


class MigrationError(Exception):
    """A run could not start or could not go on.

    ``what`` happened, ``means`` for the data, ``remedy``: one or two plain sentences each, free of passwords and
    of memory contents. ``report`` holds what was done until then, where a run had begun.
    """

    def __init__(self, what: str, *, means: str = NOTHING_CHANGED, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.means = means
        self.remedy = remedy
        self.report: MigrationReport | None = None

    def __str__(self) -> str:
        return "\n".join((self.what, self.means, self.remedy))


class UsageError(MigrationError):
    """The request itself cannot be understood, for example an unreadable connection string."""


class SourceError(MigrationError):
    """The source cannot be read, or not any more."""


class Obstacle(StrEnum):
    """Why no connection to a server could be opened."""

    NO_ANSWER = "no answer"
    WRONG_PASSWORD = "wrong password"  # noqa: S105  (a reason, not a password)
    NO_PASSWORD = "no password"  # noqa: S105
    UNKNOWN_HOST = "unknown host"
    REFUSED = "refused"
    TLS_REQUIRED = "TLS required"
    NOT_ALLOWED = "not allowed"
    NO_TLS = "no TLS"
    TLS_FAILED = "TLS failed"
    DATABASE_MISSING = "database missing"
    UNKNOWN_USER = "unknown user"
    NO_SLOT = "no slot"
    NOT_READY = "not ready"


class DestinationError(MigrationError):
    """The destination cannot be reached or used, or not any more.

    ``obstacle`` tells why no connection could be opened; None where that is unknown, or one had been. ``recurs``: a
    time limit ended the run, and would end the next one as well.
    """

    obstacle: Obstacle | None = None
    recurs: bool = False


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
        if holder is None:
            super().__init__(
                "Another copy is writing to this destination.",
                remedy="Wait until it has finished, then run this one again.",
            )
        else:
            super().__init__(holder.what, remedy=holder.remedy)
        self.holder = holder


class ModelMismatchError(RefusedError):
    """Two embedding models disagree; vectors of different models must not be mixed.

    ``registered`` is the source's signature; ``actual`` belongs to whoever disagrees with it, named by ``holder``
    ("embedder presented" or "destination registered").
    """

    def __init__(self, registered: ModelSignature, actual: ModelSignature, *, holder: str) -> None:
        width = max(len("source registered"), len(holder))
        super().__init__(
            "embedding model mismatch between source and destination\n"
            f"  {'source registered':<{width}}: {registered}\n"
            f"  {holder:<{width}}: {actual}",
            remedy=(
                "Re-embed the destination after copy with:\n"
                f"    vestige-tui migrate reembed --model={actual.name}\n"
                "  or rerun this command with the original embedder so the signatures match."
            ),
        )
        self.registered = registered
        self.actual = actual
        self.holder = holder
