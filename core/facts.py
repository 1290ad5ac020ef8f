"""Facts that errors, notices and reports carry as data. ``explain.py`` puts them into words."""

from __future__ import annotations

from enum import Enum, StrEnum, auto


class DataState(Enum):
    """What an error means for the data of the source and the destination."""

    NOTHING_CHANGED = auto()
    """Nothing was written."""

    ONLY_TESTED = auto()
    """No run had begun: a connection was tested."""

    BATCHES_STAY = auto()
    """Committed batches stay; open transactions were rolled back."""

    LAST_BATCH_UNKNOWN = auto()
    """Committed batches stay; a COMMIT may or may not have reached the server."""

    TABLES_ONLY = auto()
    """Tables may have been created; no row was written."""

    ROWS_COMPLETE = auto()
    """All rows have arrived; indexes or foreign keys are not complete."""

    ROWS_COMPLETE_AT_LIMIT = auto()
    """The same, and the next run would be stopped by the same time limit."""

    SOURCE_OVERWRITTEN = auto()
    """The source was overwritten while it was read."""

    UPGRADE_FAILED = auto()
    """The upgrade in place was rolled back; its backup stays."""

    UPGRADE_UNKNOWN = auto()
    """The upgrade in place was either committed or rolled back."""


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
    POOL_FULL = "pool full"
    NOT_READY = "not ready"
