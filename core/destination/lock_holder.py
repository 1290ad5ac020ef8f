"""The session that holds the lock of a copy: of one that runs, or of one whose client has ended."""

from __future__ import annotations

from typing import LiteralString

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.facts import Activity, LockHolder

LOCK_CLASS = 0x56455354
"""First half of the advisory lock's key ("VEST" in ASCII); the second half is the hash of the schema's name."""

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
