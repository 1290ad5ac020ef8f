"""A store that answers without a server, for the screen that asks one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from tests.support.scenes import MODEL
from vestige_tui.core.errors import Cancelled
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.search.answers import (
    Answer,
    By,
    Connection,
    Found,
    Meaning,
    Memory,
    Notice,
    Question,
    Snippet,
    State,
)

IDS = [f"{number}f0c17aa-41d2-4c7e-9c1b-0d6f5e2a91a{number}" for number in range(1, 9)]
_TEXTS = (
    "Replication lag climbs past 30 s when the nightly vacuum runs; Zoë moved it to 04:00.",
    "Decision for lantern-ui: [bold]the dark theme[/] moves \x1b[31m to the settings page. Noor owns the roll-out, and asks "
    "for a word before the release, since the lag of the replica hid the last regression for two days.",
    "The read replica of harbor-api is owned by Priya since Friday.",
    "Recurring in quill: autovacuum set far too lazy ends in “the pool runs dry at noon”.",
)


def found(number: int, *, rank: float | None = None, distance: float | None = None) -> Found:
    """One of a few memories; the word lag is marked where it was found by words."""
    text = _TEXTS[number % len(_TEXTS)]
    at = text.lower().find("lag")
    marks = ((at, at + 3),) if rank is not None and at >= 0 else ()
    kind = ("fact", "decision", "note", "pattern")[number % 4]
    states = (State.SUPERSEDED,) if number == 1 else ()
    snippet = Snippet(text[:120], marks, after=len(text) > 120)
    return Found(IDS[number], kind, f"2026-02-{10 + number}T09:00:00+00:00", snippet, ("replica", "wal"), states,
                 rank, distance, 1.0)  # fmt: skip


def memory(id_: str) -> Memory:
    """A memory with two connections."""
    number = IDS.index(id_)
    connections = tuple(
        Connection(IDS[other], outgoing, kind, weight, "fact", "2026-02-11T00:00:00+00:00", found(other).snippet)
        for other, outgoing, kind, weight in (((number + 1) % 8, True, "causal", 0.8), (6, False, "part_of", 0.5))
    )
    content = f"{_TEXTS[number % 4]}\n\nKeep an eye on:\n- the slots\n- \x1b]0;the title\x07"
    return Memory(
        id_, "vestige", "public", "decision", "2026-02-11T09:00:00+00:00", None, content, len(content) + 1_000,
        ("replica", "wal"), (State.SUPERSEDED,), None, "00000000-0000-0000-0000-000000000001", "local", "private", (),
        256, connections, more_connections=False, connections_readable=True,
    )  # fmt: skip


@dataclass
class FakeStore:
    """Answers by the words of a question; ``slow`` waits until it is not wanted any more, or interrupted."""

    asked: list[Question] = field(default_factory=list)
    begun: Event = field(default_factory=Event)
    interrupted: Event = field(default_factory=Event)
    closed: Event = field(default_factory=Event)

    def ask(
        self, question: Question, meaning: Meaning | None = None, *, wanted: Callable[[], bool] = lambda: True
    ) -> Answer:
        self.asked.append(question)
        if question.words == "slow":
            self.begun.set()
            assert self.interrupted.wait(10)
            assert not wanted()
            raise Cancelled
        notices: tuple[Notice, ...] = ()
        if not question.words.strip():
            results = [found(number) for number in range(8)]
        elif question.words == "unicorn":
            results = []
        elif question.by is By.BOTH:
            results = [found(0, rank=0.2, distance=0.21), found(1, rank=0.1), found(3, distance=0.34)]
        else:
            results = [found(0, rank=0.2), found(1, rank=0.1)]
            notices = (Notice.BEGINS_ALIKE,)
        return Answer(question, tuple(results), notices, MODEL, 0.012)

    def read(self, id_: str) -> Memory | None:
        return memory(id_)

    def registered(self) -> ModelSignature | None:
        return MODEL

    def interrupt(self) -> None:
        if self.begun.is_set():
            self.interrupted.set()

    def close(self) -> None:
        self.closed.set()
