"""Which session is in the way: of a copy that wants to start, or of an index that is to be built."""

from __future__ import annotations

from vestige_tui.core.events import Waiting
from vestige_tui.core.facts import Activity, LockHolder


def lock_holder(holder: LockHolder | None) -> tuple[str, str]:
    """Who keeps a copy from starting, and what to do about it; None: its session could not be seen."""
    if holder is None:
        return "Another copy or re-embedding is writing to this destination.", _WAIT_FOR_COPY
    if holder.abandoned:
        first = "An earlier copy still holds this destination, and its program seems to be gone:"
    else:
        first = "Another copy or re-embedding is writing to this destination:"
    where = f" from {holder.address}" + (f" port {holder.port}" if holder.port else "") if holder.address else ""
    user = f" of {holder.user}" if holder.user else ""
    since = f", connected{where} since {holder.since}" if holder.since else where
    what = f"{first} session {holder.pid}{user}{since}. {_doing(holder)}".rstrip()
    end = f"end that session: SELECT pg_terminate_backend({holder.pid})"
    if holder.abandoned:
        return what, f"Wait until the server has ended it, or {end}. Then run this one again."
    if holder.idle_long:
        return what, (
            f"See whether that copy is still running there: it may be suspended. If it is not, {end}. "
            "Then run this one again."
        )
    return what, _WAIT_FOR_COPY


def _doing(holder: LockHolder) -> str:
    match holder.activity:
        case Activity.INDEXING:
            done = f" ({holder.fraction:.0%} done)" if holder.fraction is not None else ""
            return f"It is building an index{done}."
        case Activity.WAITING:
            return "It is waiting for a lock that another session holds."
        case Activity.IDLE if holder.idle_long:
            return f"It has had nothing to do for {holder.seconds:,.0f} seconds."
        case Activity.WORKING | Activity.IDLE:
            return "It is at work."
        case Activity.UNKNOWN:
            return ""


_WAIT_FOR_COPY = "Wait until it has finished, then run this one again."


def waiting_for(waiting: Waiting) -> str:
    """What a run waits for, and for how long at most."""
    tables = " or ".join(waiting.tables)
    return f"Waiting for another session that uses {tables}, at most {max(1, round(waiting.seconds))} s"
