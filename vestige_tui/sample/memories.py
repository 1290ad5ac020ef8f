"""One memory, and where it stands in its reviews, before a layout decides on the columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from math import exp
from random import Random
from typing import NamedTuple

from vestige_tui.sample import clock, content
from vestige_tui.sample.chance import deck, pick
from vestige_tui.sample.phrases import PROJECTS
from vestige_tui.sample.topics import Topic
from vestige_tui.sample.world import World


class Memory(NamedTuple):
    """What a note says and what is known about it. Times are nanoseconds since 1970 UTC.

    ``written`` is the creation time and ``form`` the way this memory's timestamps are written; ``scores`` maps domain
    ids to 0..1, strongest first; ``codebase`` is set for a third of the memories. ``rng`` is what the memory was drawn
    from, for the columns that only one layout has.
    """

    number: int
    id: str
    topic: Topic
    node_type: str
    content: str
    tags: tuple[str, ...]
    scores: dict[str, float]
    codebase: str | None
    written: int
    updated: int
    form: clock.Form
    rng: Random

    @property
    def stamps(self) -> dict[str, str]:
        """The columns ``created_at`` and ``updated_at``, in this memory's form."""
        created = clock.text(self.written, self.form)
        later = self.updated != self.written
        return {"created_at": created, "updated_at": clock.text(self.updated, self.form) if later else created}


class Schedule(NamedTuple):
    """FSRS state of a memory: stability in days, difficulty 1..10, retrievability 0..1, times in ns since 1970 UTC."""

    stability: float
    difficulty: float
    retrievability: float
    reps: int
    lapses: int
    last_review: int | None
    next_review: int | None


_TAG_COUNTS = deck({0: 10, 1: 25, 2: 30, 3: 25, 5: 10})


def memory(world: World, number: int) -> Memory:
    """Return memory ``number`` of a sample; an empty content is its flaw."""
    rng = world.rng("memory", number)
    which = world.topic(number)
    topic = world.topics[which]
    node_type = content.node_type(rng)
    project = pick(rng, PROJECTS)
    text = content.note(rng, topic, node_type, project)
    written, form = world.written(number)
    flaw = world.flaws.get(number)
    return Memory(
        number=number,
        id=world.memory_id(number),
        topic=topic,
        node_type=node_type,
        content="" if flaw and flaw.column == "content" else text,
        tags=_tags(rng, topic),
        scores=_scores(rng, world, which),
        codebase=project if rng.random() < 1 / 3 else None,
        written=written,
        updated=written + _later(rng, written) if rng.random() < 0.4 else written,
        form=form,
        rng=rng,
    )


@lru_cache(4_096)
def json_list(items: tuple[str, ...]) -> str:
    """Return words as a JSON list; there are fewer lists than memories, so they are remembered."""
    return json.dumps(items)


def memories(world: World) -> Iterator[Memory]:
    """Yield all memories of a sample, in the order they were written but for those that an import brought."""
    return (memory(world, number) for number in range(world.spec.memories))


def schedule(world: World, number: int) -> Schedule:
    """Return the review state of memory ``number``; a quarter of them was never reviewed."""
    rng = world.rng("schedule", number)
    written, _ = world.written(number)
    reps = 0 if rng.random() < 0.25 else min(1 + int(rng.expovariate(0.4)), 30)
    stability = round(exp(rng.gauss(1.5, 1.0)), 6)
    last = written + _later(rng, written) if reps else None
    idle_days = (clock.END - (last or written)) / clock.DAY
    due = (last or written) + int(stability * clock.DAY)
    return Schedule(
        stability=stability,
        difficulty=round(min(10.0, max(1.0, rng.gauss(5.0, 1.5))), 4),
        retrievability=(1 + idle_days / (9 * stability)) ** -1,
        reps=reps,
        lapses=min(reps // 2, int(rng.expovariate(1.5))),
        last_review=last,
        next_review=due if reps or rng.random() < 0.7 else None,
    )


def _later(rng: Random, moment: int) -> int:
    """Return nanoseconds from ``moment`` to some time before the sample's today, more often soon than late."""
    return int((clock.END - moment) * rng.random() ** 3)


def _tags(rng: Random, topic: Topic) -> tuple[str, ...]:
    first, count = int(rng.random() * len(topic.terms)), pick(rng, _TAG_COUNTS)
    return (topic.terms * 2)[first : first + count]


def _scores(rng: Random, world: World, which: int) -> dict[str, float]:
    if not world.spec.domains or rng.random() < 0.06:
        return {}
    scores = {world.topics[which].slug: round(rng.uniform(0.6, 0.99), 4)}
    if rng.random() < 0.2:
        scores.setdefault(pick(rng, world.topics).slug, round(rng.uniform(0.2, 0.55), 4))
    return scores
