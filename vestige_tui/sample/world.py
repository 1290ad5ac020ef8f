"""The facts of a sample that both layouts agree on, each a function of the spec and a row number.

Nothing about a memory is remembered between calls: asking for memory 17 twice gives the same answer, in any order.
That keeps generation flat in memory, and lets edges, reviews and vectors be written in passes of their own.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import cached_property
from random import Random
from typing import NamedTuple

from vestige_tui.sample import clock
from vestige_tui.sample.broken import OTHER_MODEL, other_dimension, plan_flaws
from vestige_tui.sample.spec import SampleSpec
from vestige_tui.sample.topics import TOPICS, topics
from vestige_tui.sample.vectors import VectorSource

_PERIOD = 1_009
"""Topics repeat after this many memories, in a drawn order with drawn shares."""
_BURST = 40
"""An import writes this many memories in one go; those share their second."""


class Embedding(NamedTuple):
    """A vector as stored: the model it is from, its number of float32 values, and those as a little-endian BLOB."""

    model: str
    dimension: int
    vector: bytes


class World:
    """Identities, topics, times and vectors of one sample. Memories are numbered from 0 to ``spec.memories - 1``."""

    def __init__(self, spec: SampleSpec) -> None:
        """Draw what all memories share."""
        self.spec = spec
        self.flaws = plan_flaws(spec)
        self._unlinked = sorted(number for number, flaw in self.flaws.items() if flaw.column == "id")
        self.topics = topics(spec.domains or len(TOPICS))
        self._key = hashlib.blake2b(str(spec.seed).encode()).digest()
        rng = self.rng("world", 0)
        shares = [rng.uniform(1.0, 3.0) for _ in self.topics]
        self._topic_order = rng.choices(range(len(self.topics)), shares, k=_PERIOD)
        self.vectors = VectorSource(spec.dimension, len(self.topics), self.rng("vectors", 0))

    def digest(self, kind: str, number: int) -> bytes:
        """Return 32 bytes that belong to row ``number`` of a kind of things."""
        return hashlib.blake2b(f"{kind} {number}".encode(), digest_size=32, key=self._key).digest()

    def rng(self, kind: str, number: int) -> Random:
        """Return the random numbers that belong to row ``number`` of a kind of things."""
        return Random(int.from_bytes(self.digest(kind, number)[:16], "little"))

    def uuid(self, kind: str, number: int) -> str:
        """Return the id of a row: a UUID of version 4, lower-case with hyphens."""
        digits = self.digest(kind, number).hex()
        variant = "89ab"[int(digits[16], 16) % 4]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"

    def memory_id(self, number: int) -> str:
        """Return a memory's id, which is no UUID when that is its flaw."""
        flaw = self.flaws.get(number)
        return flaw.value if flaw and flaw.column == "id" else self.uuid("memory", number)

    @property
    def linked_count(self) -> int:
        """The number of memories that other rows may refer to: all but those whose flaw is their id."""
        return self.spec.memories - len(self._unlinked)

    def linked(self, position: int) -> int:
        """Return the memory at a position, from 0 to ``linked_count - 1``, among those that rows may refer to."""
        for skipped in self._unlinked:
            position += position >= skipped
        return position

    def topic(self, number: int) -> int:
        """Return a memory's topic, an index of ``topics``."""
        return self._topic_order[number % _PERIOD]

    def topic_counts(self) -> Counter[int]:
        """Return the number of memories by topic."""
        return Counter(map(self.topic, range(self.spec.memories)))

    def written(self, number: int) -> tuple[int, clock.Form]:
        """Return when a memory was created (nanoseconds since 1970) and how that is written.

        Times rise with the numbers, except that memories of one import (every twelfth or so, written as SQLite's
        ``datetime('now')``) share the second of its start.
        """
        count = self.spec.memories
        chance = self.digest("written", number)
        if chance[0] < 21:
            number -= number % _BURST
            return self._step(number, count), clock.Form.SQLITE
        width = (clock.END - clock.START) // count
        moment = self._step(number, count) + int.from_bytes(chance[1:9], "little") % width
        if chance[0] < 46:
            return moment, clock.Form.ZULU
        return moment, clock.Form.MICROSECONDS if chance[0] < 70 else clock.Form.NANOSECONDS

    @staticmethod
    def _step(number: int, count: int) -> int:
        return clock.START + (clock.END - clock.START) * number // count

    def embedding(self, number: int) -> Embedding | None:
        """Return a memory's vector; 3 % of the memories have none. A flaw is a vector of another model."""
        if number in self.flaws and self.flaws[number].column == "embedding":
            return self.other_embedding(number)
        chance = self.digest("embedding", number)
        if chance[0] < 8:
            return None
        vector = self.vectors.vector(self.topic(number), chance[1:])
        return Embedding(self.spec.model_name, self.spec.dimension, vector)

    def other_embedding(self, number: int) -> Embedding:
        """Return what an earlier model of another dimension made of a memory."""
        vector = self._others.vector(self.topic(number), self.digest("other embedding", number))
        return Embedding(OTHER_MODEL, other_dimension(self.spec.dimension), vector)

    @cached_property
    def _others(self) -> VectorSource:
        return VectorSource(other_dimension(self.spec.dimension), len(self.topics), self.rng("vectors", 1))
