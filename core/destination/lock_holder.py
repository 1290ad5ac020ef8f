"""The session that holds the lock of a copy: of one that runs, or of one whose client has ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import LiteralString

from vestige_tui.core.destination.connection import Connection

LOCK_CLASS = 0x56455354
"""First half of the advisory lock's key ("VEST" in ASCII); the second half is the hash of the schema's name."""

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
    def what(self) -> str:
        """Sentences that name it and say what it does."""
        if self.abandoned:
            first = "An earlier copy still holds this destination, and its program seems to be gone:"
        else:
            first = "Another copy is writing to this destination:"
        where = f" from {self.address}" + (f" port {self.port}" if self.port else "") if self.address else ""
        user = f" of {self.user}" if self.user else ""
        since = f", connected{where} since {self.since}" if self.since else where
        return f"{first} session {self.pid}{user}{since}. {self._doing}".rstrip()

    @property
    def remedy(self) -> str:
        """What to do about it."""
        end = f"end that session: SELECT pg_terminate_backend({self.pid})"
        if self.abandoned:
            return f"Wait until the server has ended it, or {end}. Then run this one again."
        if self._is_idle_long:
            return (
                f"See whether that copy is still running there: it may be suspended. If it is not, {end}. "
                "Then run this one again."
            )
        return "Wait until it has finished, then run this one again."

    @property
    def _is_idle_long(self) -> bool:
        return self.activity is Activity.IDLE and (self.seconds or 0) > IDLE_SECONDS

    @property
    def _doing(self) -> str:
        match self.activity:
            case Activity.INDEXING:
                done = f" ({self.fraction:.0%} done)" if self.fraction is not None else ""
                return f"It is building an index{done}."
            case Activity.WAITING:
                return "It is waiting for a lock that another session holds."
            case Activity.IDLE if self._is_idle_long:
                return f"It has had nothing to do for {self.seconds:,.0f} seconds."
            case Activity.WORKING | Activity.IDLE:
                return "It is at work."
            case Activity.UNKNOWN:
                return ""


_HOLDER: LiteralString = """
    SELECT a.pid, a.usename::text, to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'),
           host(a.client_addr), nullif(a.client_port, -1),
           CASE WHEN a.state IS NULL THEN 'UNKNOWN'
                WHEN a.state = 'idle' THEN 'IDLE'
                WHEN a.state <> 'active' THEN 'UNKNOWN' -- behind a pooler the lock is held in a transaction of its own
                WHEN a.wait_event_type = 'Lock' THEN 'WAITING'
                WHEN p.pid IS NOT NULL THEN 'INDEXING' ELSE 'WORKING' END,
           extract(epoch FROM a.state_change)::float8,
           extract(epoch FROM clock_timestamp() - a.state_change)::float8,
           CASE WHEN p.blocks_total > 0 THEN least(1, p.blocks_done::float8 / p.blocks_total)
                WHEN p.tuples_total > 0 THEN least(1, p.tuples_done::float8 / p.tuples_total) END,
           NOT EXISTS (
               SELECT FROM pg_stat_activity s
               WHERE s.backend_type = 'client backend' AND s.pid NOT IN (a.pid, pg_backend_pid())
                 AND s.datid = a.datid AND s.usesysid = a.usesysid AND s.application_name = a.application_name
                 AND s.client_addr IS NOT DISTINCT FROM a.client_addr
                 AND s.backend_start < (SELECT backend_start - interval '1 second' -- those after that are our own
                                        FROM pg_stat_activity WHERE pid = pg_backend_pid()))
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid LEFT JOIN pg_stat_progress_create_index p ON p.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.database = a.datid AND a.datname = current_database()
      AND l.classid = %s AND l.objid = (hashtext(%s)::bigint & 4294967295)::oid AND l.objsubid = 2
    LIMIT 1"""


def find_holder(connection: Connection, schema: str) -> LockHolder | None:
    """The holder of this schema's lock; None where it was released meanwhile."""
    connection.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction sees its first snapshot again
    row = connection.execute(_HOLDER, (LOCK_CLASS, schema)).fetchone()
    if row is None:
        return None
    pid, user, since, address, port, activity, *rest = row
    return LockHolder(pid, user, since, address, port, Activity[activity], *rest)
