"""What stopping a copy or an embedding means, and what it is called: by what it is doing."""

from __future__ import annotations

from dataclasses import dataclass

from vestige_tui.core.events import Phase
from vestige_tui.screens.work import QuitPrompt


@dataclass(frozen=True, slots=True)
class Stop:
    """The button, what it means in few words, what is said while it happens, and the questions before it.

    ``question`` is None where nothing is lost that could not be made up for at once.
    """

    button: str
    means: str
    doing: str
    question: QuitPrompt | None
    quit: QuitPrompt


_COPYING = Stop(
    "Cancel",
    "ends after this batch; what has arrived stays",
    "Finishing this batch, then stopping…",
    QuitPrompt(
        "Cancel the copy?",
        "It ends after the batch in flight. What has arrived stays, and your file is as it was.\n"
        "Running the copy again skips the rows that have arrived and copies the others.",
        leave="Cancel the copy",
        stay="Go on copying",
    ),
    QuitPrompt(
        "Stop the copy and quit?",
        "The batch in flight is finished or rolled back. What has arrived stays, and starting again completes it.",
        leave="Stop and quit",
        stay="Go on copying",
        waiting="Finishing this batch, one moment…",
    ),
)
_INDEXING = Stop(
    "Cancel",
    "all rows have arrived; the index is left to the next copy",
    "Stopping the index; all rows have arrived…",
    QuitPrompt(
        "Stop building indexes?",
        "All rows have arrived and stay. The index that is being built is rolled back, and nothing is compared.\n"
        "Running the copy again builds what is missing, and copies no row twice.",
        leave="Stop building",
        stay="Go on building",
    ),
    QuitPrompt(
        "Stop building indexes and quit?",
        "All rows have arrived and stay. The index that is being built is rolled back; "
        "running the copy again builds it.",
        leave="Stop and quit",
        stay="Go on building",
        waiting="Stopping the index, one moment…",
    ),
)
_VERIFYING = Stop(
    "Skip verification",
    "the copy is complete; only comparing stops",
    "Stopping the comparison; the copy is finished…",
    None,
    QuitPrompt(
        "Skip verification and quit?",
        "The copy is finished. Only the comparison of its values with your file ends, and the report says so.",
        leave="Skip and quit",
        stay="Go on verifying",
        waiting="Stopping the comparison, one moment…",
    ),
)
EMBED_STOP = Stop(
    "Cancel",
    "ends after this batch; what is embedded is kept",
    _COPYING.doing,
    QuitPrompt(
        "Cancel the embedding?",
        "It ends after the batch in flight. What has been embedded is kept at the destination;\n"
        "the memories have the vectors they had. It can go on from there.",
        leave="Cancel the embedding",
        stay="Go on embedding",
    ),
    QuitPrompt(
        "Stop embedding and quit?",
        "The batch in flight is finished. What has been embedded is kept at the destination, and goes on from there.",
        leave="Stop and quit",
        stay="Go on embedding",
        waiting=_COPYING.quit.waiting,
    ),
)


def stop_in(phase: Phase | None) -> Stop:
    """What stopping means in a phase of a copy."""
    return {Phase.INDEXES: _INDEXING, Phase.VERIFY: _VERIFYING}.get(phase or Phase.COPY, _COPYING)
