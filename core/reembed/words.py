"""Sentences about a re-embedding that the command line and the wizard share."""

from __future__ import annotations

from vestige_tui.core.explain import embedder_obstacle
from vestige_tui.core.reembed.embedders.protocol import Place, Retry
from vestige_tui.core.reembed.report import NeighbourComparison
from vestige_tui.core.text import count


def contents_go_to(place: Place) -> str:
    """Where the contents of memories go, said before the first one does."""
    if not place.leaves_machine:
        return f"The model runs on this machine ({place.shown}): no content leaves it."
    reach = "" if place.encrypted else " The connection is not encrypted: whoever is on the way can read them."
    return f"The contents of memories go to {place.shown}, on another machine.{reach}"


def kept_in_words(neighbours: NeighbourComparison) -> str:
    """The share of neighbours that stay."""
    if neighbours.share is None:
        return "Old and new neighbours could not be compared: no two memories have both vectors."
    return (
        f"{neighbours.share:.0%} of nearest neighbours stay the same with the new vectors: the {neighbours.nearest} "
        f"nearest of each of {count(neighbours.sample, 'memory', 'memories')} were compared."
    )


def retrying(retry: Retry) -> str:
    """Why a request is sent again, and when."""
    what, _ = embedder_obstacle(retry.why, "the server")
    return f"{what[0].upper()}{what[1:]} Attempt {retry.attempt + 1} in {retry.seconds:.0f} s."
