"""This tool's search on a store that a copy has just filled: by words, by meaning, and both, a question at a time.

The phases are not parts of a whole here: each has the seconds that nineteen of twenty of its questions took at most.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from bench.stopwatch import Stopwatch
from bench.tasks import Measured, Phase, Task
from vestige_tui.core.destination.connection import connect
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.reembed.embedders.treatment import from_values
from vestige_tui.core.search.answers import Answer, By, Meaning, Question
from vestige_tui.core.search.searcher import Searcher

WORDS, MEANING, BOTH = "by words", "by meaning", "by both"
QUESTIONS = 100
_WARM_UP = 10
_SAMPLE = (
    "SELECT content, embedding::text FROM knowledge_nodes WHERE embedding IS NOT NULL ORDER BY md5(id::text) LIMIT %s"
)


def run(task: Task) -> Measured:
    """Ask questions made of the store's own words and vectors."""
    watch = Stopwatch()
    with Searcher(task.dsn) as searcher, watch:
        model = searcher.registered()
        if model is None:
            raise SystemExit("the store names no model")
        asked = [*_questions(task, model)]
        phases = tuple(_phase(name, by, searcher.ask, asked) for name, by in _WAYS)
    return replace(watch.measured(), phases=phases)


_WAYS = ((WORDS, By.WORDS), (MEANING, By.MEANING), (BOTH, By.BOTH))


def _questions(task: Task, model: ModelSignature) -> Iterator[tuple[str, Meaning]]:
    """One, two or three words of a memory, and the vector of another one."""
    chance = random.Random(18)
    with connect(task.dsn, read_only=True) as connection:
        rows = connection.execute(_SAMPLE, (QUESTIONS,)).fetchall()
    for number, (content, _) in enumerate(rows):
        words = re.findall(r"[^\W\d_]{3,}", content) or ["memory"]
        asked = chance.sample(words, min(1 + number % 3, len(words)))
        yield " ".join(asked), Meaning(from_values(json.loads(chance.choice(rows)[1])), model)


def _phase(name: str, by: By, ask: Callable[[Question, Meaning], Answer], asked: list[tuple[str, Meaning]]) -> Phase:
    """Ask every question once, after a few to begin with."""
    for words, meaning in asked[:_WARM_UP]:
        ask(Question(words, by), meaning)
    started = time.monotonic()
    took, found = [], 0
    for words, meaning in asked:
        begun = time.monotonic()
        found += len(ask(Question(words, by), meaning).found)
        took.append(time.monotonic() - begun)
    if found < len(asked):
        raise SystemExit(f"{name}: {found} memories found in {len(asked)} questions")
    return Phase(name, started, sorted(took)[len(took) * 19 // 20 - 1])
