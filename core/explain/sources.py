"""A source that Vestige 4 has moved on from."""

from __future__ import annotations

from datetime import datetime

from vestige_tui.core.facts import Staleness

STALE_MEANS = (
    "Vestige 4 writes new memories to its log alone, which is encrypted and cannot be read here. A copy of this file "
    "brings what the file held on that day, and nothing newer."
)


def stale_source(stale: Staleness, modified: datetime) -> str:
    """That Vestige 4 has moved on from a file, how that shows, and since when."""
    went_on = f", its log on {_day(stale.written)}" if stale.written is not None else ""
    return (
        f"Vestige 4 has moved on from this file, as what lies beside it shows ({', '.join(stale.signs)}): "
        f"the file last changed on {_day(modified)}{went_on}."
    )


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
