"""Facts that errors, notices and reports carry as data. ``explain`` puts them into words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
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

    STORE_UNCHANGED = auto()
    """A re-embedding has changed nothing."""

    EMBEDDED_KEPT = auto()
    """Memories have the vectors they had; new ones are kept beside them."""

    MISSING_KEPT = auto()
    """Memories without a vector were given theirs in place, as far as the run came."""

    SWAP_UNKNOWN = auto()
    """A swap was either committed or rolled back."""

    SWAPPED = auto()
    """The swap is done; what failed came after it."""


class NameFault(Enum):
    """Why no role or database can be made with a name."""

    UNPRINTABLE = auto()
    """It is empty, or nothing can paste it."""

    TOO_LONG = auto()
    RESERVED = auto()
    """PostgreSQL keeps it for roles of its own."""


class Obstacle(StrEnum):
    """Why no connection to a server could be opened."""

    NO_ANSWER = "no answer"
    SILENT = "silent"
    """Something accepts connections there, and says nothing."""

    NOT_POSTGRESQL = "not PostgreSQL"
    WRONG_PASSWORD = "wrong password"  # noqa: S105  (a reason, not a password)
    NO_PASSWORD = "no password"  # noqa: S105
    UNKNOWN_HOST = "unknown host"
    REFUSED = "refused"
    FOLDER_GONE = "folder gone"
    """The folder of the embedded server was moved or deleted while it ran."""

    TLS_REQUIRED = "TLS required"
    NOT_ALLOWED = "not allowed"
    NO_TLS = "no TLS"
    TLS_FAILED = "TLS failed"
    DATABASE_MISSING = "database missing"
    UNKNOWN_USER = "unknown user"
    NO_SLOT = "no slot"
    POOL_FULL = "pool full"
    """A pooler has no free connection to the server."""

    CLIENTS_FULL = "clients full"
    """A pooler accepts no more clients."""

    NO_FIRST_ANSWER = "no first answer"
    """The login went through, and the first query was not answered."""

    NOT_READY = "not ready"


class Stranger(Enum):
    """What listens at an address, where it is no PostgreSQL."""

    WEB = auto()
    TLS = auto()
    """It speaks TLS from the first byte on."""

    SSH = auto()
    MYSQL = auto()
    REDIS = auto()
    MAIL_OR_FTP = auto()
    SILENT = auto()
    OTHER = auto()


class EmbedderObstacle(Enum):
    """Why an embedder cannot be used, or not any more."""

    NOT_INSTALLED = auto()
    """The packages of the extra are missing."""

    NO_MODEL = auto()
    """Its files are in none of the folders, and could not be fetched."""

    FILES_MISSING = auto()
    """A folder lacks files of a model."""

    UNREADABLE_MODEL = auto()
    UNUSABLE_KEY = auto()
    """A key that no HTTP header can hold."""

    NO_ANSWER = auto()
    """Within the time limit."""

    NO_SERVER = auto()
    UNKNOWN_HOST = auto()
    TLS_FAILED = auto()
    LOST = auto()
    """The connection broke."""

    KEY_REFUSED = auto()
    NO_QUOTA = auto()
    NOT_FOUND = auto()
    """The address, or the model."""

    REDIRECTED = auto()
    BUSY = auto()
    SERVER_FAILED = auto()
    REQUEST_REFUSED = auto()
    NO_EMBEDDINGS = auto()
    """The answer is something else: a web page, or JSON of another form."""

    WRONG_COUNT = auto()
    WRONG_ORDER = auto()
    WRONG_LENGTH = auto()
    WRONG_VECTORS = auto()
    """NaN, Infinity or zeros, in every vector."""

    DIFFERENT_VECTORS = auto()
    """The same text had another vector in a batch than alone."""

    OTHER_VECTORS = auto()
    """The same text has another vector than when the run began."""


class Refusal(StrEnum):
    """Why an embedder makes no vector of one text, while it makes them of others."""

    REQUEST_REFUSED = "request refused"
    SERVER_FAILED = "server failed"
    NOT_FINITE = "not finite"
    ZERO = "zero"


class Sign(StrEnum):
    """What Vestige 4 leaves beside a file."""

    SEGMENTS = "log/*.seg"
    KEY = "log/strata.key"
    CLOSED_LOG = "log/ (not readable)"
    """A folder with the log's name that this user may not read."""

    BACKUP = "*.v3-backup-*"
    UPGRADE_LOG = "upgrade.log"


@dataclass(frozen=True, slots=True)
class Staleness:
    """The signs that a file is stale; ``written`` is when the log last changed, if known."""

    signs: tuple[Sign, ...]
    written: datetime | None


class Shortage(Enum):
    """What a server lacks for a quick build of an index."""

    SHARED_MEMORY = auto()
    """Parallel workers share memory; one process builds it alone."""

    MEMORY = auto()
    """It is built with the memory that the server's settings give it, by one process."""


@dataclass(frozen=True, slots=True)
class IndexEstimate:
    """How long the vector index would take to build: from ``least`` to ``most`` seconds.

    The build gets ``memory`` MB; its graph needs ``needed`` MB. Beside the session it has ``workers`` parallel workers.
    ``quicker`` is how many times as fast it would be with ``more_workers`` instead, if the server has processors for
    them (0 workers: no proposal), and ``quicker_in_memory`` the same with all the memory that the graph needs (1: it
    has that).
    """

    least: float
    most: float
    memory: int
    needed: int
    workers: int
    more_workers: int = 0
    quicker: float = 1.0
    quicker_in_memory: float = 1.0


class NotVerified(StrEnum):
    """Why a copy was not compared with its source, or not to the end."""

    NOT_ASKED = "not_asked"
    CANCELLED = "cancelled"
    FAILED = "failed"


IDLE_SECONDS = 60.0
"""A copy whose session is idle for longer may be suspended, or out of reach."""


class Activity(Enum):
    """What a session is doing."""

    UNKNOWN = auto()
    IDLE = auto()
    WORKING = auto()
    WAITING = auto()
    INDEXING = auto()


@dataclass(frozen=True, slots=True)
class LockHolder:
    """The session that holds the lock. What this role may not see of it is None.

    ``since`` is when it connected, in UTC; ``address`` and ``port`` are its client's (None for a socket file).
    ``changed`` is the moment of its last change of state (Unix time), ``seconds`` how long ago that is; ``fraction`` is
    how far an index build is. ``alone``: its client has no other session. A copy that builds an index watches that from
    a second one.
    """

    pid: int
    user: str | None
    since: str | None
    address: str | None
    port: int | None
    activity: Activity
    changed: float | None
    seconds: float | None
    fraction: float | None
    alone: bool

    @property
    def abandoned(self) -> bool:
        """Whether its client seems to be gone. The server ends an idle session at once when its client is gone, and a
        busy one when it checks for the client or when the work is done.
        """
        return self.alone and self.activity in (Activity.WORKING, Activity.WAITING, Activity.INDEXING)

    @property
    def idle_long(self) -> bool:
        """Whether it has had nothing to do for so long that its program may be suspended."""
        return self.activity is Activity.IDLE and (self.seconds or 0) > IDLE_SECONDS
