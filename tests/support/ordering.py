"""In which order tests run: the long ones first, so that no worker is still busy with one when the others have ended."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

T = TypeVar("T")


def long_first(tests: Sequence[T], workers: int, group_of: Callable[[T], Hashable | None]) -> list[T]:
    """The same tests in another order; ``group_of`` names what a long one shares with others, and is None for the rest.

    pytest-xdist cuts the list into as many runs of neighbours as there are workers. Each run begins with its share of
    the groups.
    """
    groups: dict[Hashable, list[T]] = {}
    rest: list[T] = []
    for test in tests:
        group = group_of(test)
        (rest if group is None else groups.setdefault(group, [])).append(test)
    shares: list[list[T]] = [[] for _ in range(workers)]
    for members in sorted(groups.values(), key=len, reverse=True):
        min(shares, key=len).extend(members)
    ordered: list[T] = []
    for number, share in enumerate(shares):
        room = max((len(tests) - len(ordered)) // (workers - number) - len(share), 0)
        ordered += share + rest[:room]
        rest = rest[room:]
    return ordered + rest
