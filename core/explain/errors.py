"""What an error means for the data, and what a fault of the program itself is called."""

from __future__ import annotations

from pathlib import Path
from traceback import extract_tb

from vestige_tui.core.facts import DataState

_DATA = {
    DataState.NOTHING_CHANGED: "Nothing has been changed, neither in the source nor in the destination.",
    DataState.ONLY_TESTED: "Nothing has been changed.",
    DataState.BATCHES_STAY: "What had arrived stays; what was in flight was not kept.",
    DataState.LAST_BATCH_UNKNOWN: "What had arrived stays. Whether what was in flight arrived is not known; the next "
    "run looks, and completes it.",
    DataState.TABLES_ONLY: "Tables may have been made at the destination; no row has been written.",
    DataState.ROWS_COMPLETE: "All rows have arrived. Indexes, or the check of references between tables, are not "
    "complete; the next run completes them.",
    DataState.ROWS_COMPLETE_AT_LIMIT: "All rows have arrived. Indexes, or the check of references between tables, are "
    "not complete, and the next run would meet the same limit.",
    DataState.SOURCE_OVERWRITTEN: "What has arrived may be a mixture of what was in the file before and after.",
    DataState.UPGRADE_FAILED: "The upgrade failed, and the file is as it was.",
    DataState.UPGRADE_UNKNOWN: "The upgrade is one transaction: your file either has all of it or is as it was.",
    DataState.STORE_UNCHANGED: "Nothing has been changed.",
    DataState.EMBEDDED_KEPT: "All memories have the vectors they had. The new ones that were made are kept beside "
    "them, and the next run goes on from there.",
    DataState.MISSING_KEPT: "The vectors that were made have been stored, and the next run goes on from there.",
    DataState.SWAP_UNKNOWN: "The swap is one transaction: either all memories have their new vectors or all have "
    "the old ones. The next run looks.",
    DataState.SWAPPED: "All memories have their new vectors.",
}
_SOURCE_UNCHANGED = frozenset(
    {
        DataState.BATCHES_STAY,
        DataState.LAST_BATCH_UNKNOWN,
        DataState.TABLES_ONLY,
        DataState.ROWS_COMPLETE,
        DataState.ROWS_COMPLETE_AT_LIMIT,
    }
)
"""States whose words say nothing of the source, which is as it was unless it was upgraded."""

REFERENCES_PENDING = (
    "PostgreSQL does not enforce all references between the tables yet: until a copy has gone through to its end, a "
    "memory that is deleted at the destination leaves behind what belongs to it."
)


def data_state(state: DataState, *, memories: tuple[int, int] | None = None, backup: Path | None = None) -> str:
    """What an error means for the data; the facts are those of ``MigrationError``."""
    sentences = [_DATA[state]]
    if backup is None and state in _SOURCE_UNCHANGED:
        sentences.append("The source is unchanged.")
    if memories is not None:
        sentences.append("{:,} of {:,} memories had been read.".format(*memories))
    if backup is not None and state is DataState.UPGRADE_FAILED:
        sentences.append(f"The backup that was made stays: {backup}")
    elif backup is not None:
        if state is DataState.NOTHING_CHANGED:
            sentences = ["Nothing has been changed at the destination."]
        sentences.append(f"The source was upgraded to V15; its backup from before: {backup}")
    return " ".join(sentences)


def unexpected_fault(error: BaseException) -> str:
    """A fault of this program, by its type and place: its message could quote a row or a password."""
    frames = extract_tb(error.__traceback__)
    place = f", {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"An unexpected fault in vestige-tui: {type(error).__name__}{place}."
