"""What is said before a re-embedding: what is about to happen."""

from __future__ import annotations

from vestige_tui.core.reembed.report import Action, ReembedReport
from vestige_tui.core.text import count, duration, per_second, size

_AFTERWARDS = {
    Action.ROLLBACK: ["The old vectors come back in place of the new ones, in one short transaction."],
    Action.FINISH: ["The old vectors are dropped. Afterwards there is no way back to them."],
    Action.ABANDON: ["What an unfinished run has embedded is dropped. Memories keep the vectors they have."],
}


def warning(
    action: Action, foreseen: ReembedReport | None = None, *, no_swap: bool = False, drop_hnsw_first: bool = False
) -> list[str]:
    """What is about to happen, a sentence a line. ``foreseen`` is what a dry run says of the same."""
    if foreseen is None:
        return _AFTERWARDS[action]
    estimate = foreseen.estimate
    rows = estimate.rows if estimate is not None else 0
    if foreseen.action is Action.ONLY_MISSING:
        get = "gets" if rows == 1 else "get"
        lines = [f"{count(rows, 'memory', 'memories')} without a vector {get} one of {foreseen.target}."]
    else:
        lines = [
            f"{count(foreseen.memories - foreseen.empty, 'memory', 'memories')} at {foreseen.url} get new vectors.",
            f"From {foreseen.previous or 'no registered model'}",
            f"to   {foreseen.target}.",
        ]
    if estimate is not None and rows:
        rate = per_second(estimate.rows_per_second)
        lines.append(f"To embed: {rows:,}, about {duration(estimate.seconds)} at {rate} a second, measured just now.")
    if foreseen.disk_needed:
        lines.append(f"The database grows by up to {size(foreseen.disk_needed)} until --finish.")
    if foreseen.action is Action.REEMBED:
        if drop_hnsw_first:
            lines.append("The old vector index is dropped first: searches look at every memory until the swap.")
        if no_swap:
            lines.append("It stops before the swap: searches go on with the old vectors.")
        else:
            lines.append("Searches go on with the old vectors until all new ones are ready. --rollback goes back.")
    return lines
