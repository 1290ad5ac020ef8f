"""How long a run waits: all of its limits and pauses in one place, in seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waits:
    """The limits and pauses of a run, in seconds, and the clock that measures them."""

    first_answer: float = 30.0
    """For the first answer of a session: a pooler may accept a client long before it has a free connection."""

    answer: float = 120.0
    """For the answer to one step of a run, index builds aside."""

    cancel_grace: float = 20.0
    """How long a step may still take after the operator asked to stop."""

    lock_grace: float = 2.5
    """For a session that holds the lock, before it is judged: a little longer than a server takes to notice a client
    that was killed (``CLIENT_CHECK_MS``). Until then its session looks alive.
    """

    abandoned_session: float = 6.0
    """For a session that holds the lock and seems to have lost its client: three times as long as a server takes to
    notice that (``CLIENT_CHECK_MS``).
    """

    lock_attempt: float = 0.25
    """Between two attempts to get the lock of a copy."""

    extra_connection: float = 5.0
    """For the first answer of each connection beyond the first; without it the run goes on with those it has."""

    lent_connection: float = 2.0
    """For a pooler to lend one more connection while those it has lent are in use."""

    look: float = 0.5
    """Between two looks at how far an index is."""

    reconnect: float = 5.0
    """Between two attempts to get a connection from which to look."""

    tables_in_use: float = 30.0
    """For other sessions to finish with the tables: for each index, and for all foreign keys together."""

    enforce_attempt: float = 0.2
    """Between two attempts to enforce a foreign key, in which those that waited behind this one get their turn."""

    short_lock: float = 600.0
    """For other sessions to leave a re-embedding a moment with the table of memories, as its swap needs it."""

    comparing: float = 30.0
    """At most, for the comparison of old and new neighbours: it stops there with the sample that it has."""

    clock: Callable[[], float] = time.monotonic


DEFAULT_WAITS = Waits()
