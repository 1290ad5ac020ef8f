"""Words about the vector index: how long it takes, and what would make it quicker."""

from __future__ import annotations

from collections.abc import Iterator

from vestige_tui.core.facts import IndexEstimate
from vestige_tui.core.text import count

_WORTH_SAYING = 10.0
"""Seconds from which the index is worth a sentence."""

_IN_MINUTES = 120.0
"""Seconds from which a span is given in minutes."""

_WORTH_CHANGING = 1.2
"""How many times as fast a build must become for a change of settings to be proposed."""


def index_time(estimate: IndexEstimate | None) -> str:
    """How long the index takes, and with what; empty where it takes only seconds."""
    if estimate is None or estimate.most < _WORTH_SAYING:
        return ""
    return f"Of that, the index for searching by meaning takes about {index_span(estimate)}, {_means(estimate)}."


def index_foretold(estimate: IndexEstimate | None) -> str:
    """The same before a copy; empty where the index takes only seconds."""
    if estimate is None or estimate.most < _WORTH_SAYING:
        return ""
    span = index_span(estimate)
    return f"After the rows, the index for searching by meaning will take about {span}, {_means(estimate)}."


def index_span(estimate: IndexEstimate) -> str:
    """From how long to how long the index takes."""
    return _between(estimate.least, estimate.most)


def _means(estimate: IndexEstimate) -> str:
    """With what the index is built."""
    workers = count(estimate.workers, "parallel worker") if estimate.workers else "one process"
    return f"with {workers} and {estimate.memory:,} MB of memory"


def index_advice(estimate: IndexEstimate | None) -> Iterator[str]:
    """What an operator could change so that the index is built sooner."""
    if estimate is None:
        return
    if estimate.quicker_in_memory >= _WORTH_CHANGING:
        yield (
            f"The graph of the search index needs about {estimate.needed:,} MB. If the server has the memory, "
            f"maintenance_work_mem = '{estimate.needed}MB' makes it about {estimate.quicker_in_memory:.1f} times as "
            "fast."
        )
    if estimate.more_workers and estimate.quicker >= _WORTH_CHANGING:
        yield (
            f"If the server has {estimate.more_workers + 1} processors to spare, max_parallel_maintenance_workers = "
            f"{estimate.more_workers} makes the search index about {estimate.quicker:.1f} times as fast."
        )


def _between(least: float, most: float) -> str:
    """A span of time, no finer than it is known."""
    if most < _IN_MINUTES:
        return f"{least:.0f} to {most:.0f} seconds"
    return f"{max(1.0, least / 60):.0f} to {most / 60:.0f} minutes"
