"""Edges between memories, and the log of their reviews."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from vestige_tui.sample import clock
from vestige_tui.sample.chance import deck, pick
from vestige_tui.sample.world import World

_BLOCK = 64
"""Memories whose outgoing edges are drawn together; keeps distinct pairs distinct without remembering them all."""

KINDS = {
    "semantic": 38, "shared_concepts": 15, "temporal": 12, "causal": 9, "part_of": 6, "sequential": 5,
    "cross_reference": 4, "pattern": 4, "user_defined": 3, "narrative": 1, "spatial": 1, "closed_by": 1,
    "backfill_candidate": 1,
}  # fmt: skip
"""Edge kinds seen in real databases (``vestige-schemas.md`` section 4) with their share in percent."""

_KINDS = deck(KINDS)
_RATINGS = deck({1: 8, 2: 15, 3: 60, 4: 17})
_REVIEW_KINDS = deck({"review": 80, "promote": 9, "demote": 4, "access": 7})


class Edge(NamedTuple):
    """A directed edge; ``weight`` is 0..1, ``created`` a timestamp text."""

    source: str
    target: str
    kind: str
    weight: float
    created: str


class Review(NamedTuple):
    """A row of ``review_events``, in the order of its columns."""

    id: str
    memory_id: str
    occurred_at: str
    retrievability_before: float
    retrievability_after: float
    rating: int
    kind: str
    metadata: str


def edges(world: World) -> Iterator[Edge]:
    """Yield distinct edges without self loops, four of five within a topic where there are enough memories.

    Yields ``spec.edges`` of them, or all pairs there are. Memories whose flaw is their id are left out.
    """
    count = world.linked_count
    total = min(world.spec.edges, count * (count - 1))
    rng = world.rng("edges", 0)
    for start in range(0, count, _BLOCK):
        end = min(start + _BLOCK, count)
        quota = total * end // count - total * start // count
        capacity = (end - start) * (count - 1)
        pairs = [_pair(world, start, code) for code in rng.sample(range(capacity), min(capacity, 8 * quota))]
        local = [world.topic(one) == world.topic(two) or rng.random() < 0.04 for one, two in pairs]
        ranked = sorted(zip(local, pairs, strict=True), key=lambda choice: not choice[0])
        for _, (one, two) in ranked[:quota]:
            moment = min(world.written(max(one, two))[0] + rng.randrange(clock.DAY), clock.END)
            form = clock.Form.SQLITE if rng.random() < 0.05 else clock.Form.NANOSECONDS
            yield Edge(
                source=world.memory_id(one),
                target=world.memory_id(two),
                kind=pick(rng, _KINDS),
                weight=round(rng.betavariate(4, 2), 6),
                created=clock.text(moment, form),
            )


def reviews(world: World) -> Iterator[Review]:
    """Yield ``spec.review_events`` reviews in the order of time, none when there are no memories to review."""
    count = world.spec.review_events if world.linked_count else 0
    for number in range(count):
        rng = world.rng("review", number)
        moment = clock.START + (clock.END - clock.START) * (number + 1) // (count + 1)
        known = max(1, world.linked_count * number // count)
        before = round(rng.betavariate(5, 2), 6)
        rating = pick(rng, _RATINGS)
        yield Review(
            id=world.uuid("review", number),
            memory_id=world.memory_id(world.linked(int(rng.random() * known))),
            occurred_at=clock.text(moment + int(rng.random() * clock.SECOND), _review_form(rng.random())),
            retrievability_before=before,
            retrievability_after=round(before * 0.6 if rating == 1 else before + (1 - before) * 0.9, 6),
            rating=rating,
            kind=pick(rng, _REVIEW_KINDS),
            metadata=_review_metadata(number, rating, rng.random()),
        )


def _review_form(chance: float) -> clock.Form:
    return clock.Form.ZULU if chance < 0.1 else clock.Form.NANOSECONDS


def _review_metadata(number: int, rating: int, chance: float) -> str:
    if chance < 0.5:
        return "{}"
    details = {"session": f"s-{number // 20:05d}", "trigger": "search_hit" if chance < 0.8 else "explicit"}
    return json.dumps(details | ({"note": "vergessen – später nochmal"} if rating == 1 else {}), ensure_ascii=False)


def _pair(world: World, start: int, code: int) -> tuple[int, int]:
    """Return the pair of memories numbered ``code`` among the pairs whose first is at position ``start`` or later."""
    one, two = divmod(code, world.linked_count - 1)
    one += start
    return world.linked(one), world.linked(two + (two >= one))
