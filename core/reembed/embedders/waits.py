"""How long an embedder waits: its limits and pauses in one place, in seconds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class EmbedderWaits:
    """The limits and pauses of an embedder, in seconds, and the clocks that measure them."""

    connect: float = 10.0
    """For a connection."""

    answer: float = 300.0
    """For the answer to a request: a large model on an ordinary processor takes minutes for 32 long texts."""

    cancel_grace: float = 20.0
    """For the requests that are under way when the operator asks to stop."""

    attempts: int = 6
    """How often a request is sent before the server counts as lost."""

    timeouts: int = 2
    """How often a request is sent that is not answered at all."""

    first_pause: float = 0.5
    """Before the second attempt; it doubles from then on."""

    longest_pause: float = 30.0
    """Between two attempts, where the server does not say how long."""

    longest_asked: float = 600.0
    """The longest pause that a server may ask for."""

    look: float = 0.1
    """Between two looks at whether the operator asks to stop."""

    pause: Callable[[Event, float], bool] = Event.wait
    """Waits for so long, or until the event is set; then True."""

    jitter: Callable[[], float] = random.random
    """From 0 to 1: how much of a pause's second half is waited."""

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = _now


DEFAULT_EMBEDDER_WAITS = EmbedderWaits()
