"""What one run is to do: a copy, the seed's ``SqliteToPostgresPlan``, or a verification."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vestige_tui.core.dsn import Dsn
from vestige_tui.core.repairs.document import NO_REPAIRS, Repairs

DEFAULT_BATCH_SIZE = 500
DEFAULT_MAX_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """One copy from a SQLite file to a PostgreSQL database.

    ``batch_size`` is in rows per PostgreSQL transaction; ``max_connections`` bounds the connections opened at the
    destination; ``dry_run`` reads and checks everything and writes nothing. ``allow_source_upgrade`` permits adding
    the V15 parts to the source itself, ``upgrade_copy`` to a private copy of it. ``allow_stale_source`` permits copying
    a file that Vestige 4 has moved on from. ``verify``: compare every value after the copy. ``receipt``: make a receipt
    of the copy. ``repairs`` are laid over the source's rows.
    """

    sqlite_path: Path
    postgres_url: Dsn
    batch_size: int = DEFAULT_BATCH_SIZE
    max_connections: int = DEFAULT_MAX_CONNECTIONS
    allow_source_upgrade: bool = False
    upgrade_copy: bool = False
    dry_run: bool = False
    allow_stale_source: bool = False
    verify: bool = True
    receipt: bool = False
    repairs: Repairs = NO_REPAIRS

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.max_connections < 1:
            raise ValueError("batch_size and max_connections are at least 1")


@dataclass(frozen=True, slots=True)
class VerificationPlan:
    """One comparison of a SQLite file with a PostgreSQL database; it changes neither.

    ``allow_stale_source`` permits comparing with a file that Vestige 4 has moved on from. ``receipt``: make a receipt
    of what is at the destination. ``repairs`` are those that the copy was given.
    """

    sqlite_path: Path
    postgres_url: Dsn
    allow_stale_source: bool = False
    receipt: bool = False
    repairs: Repairs = NO_REPAIRS
