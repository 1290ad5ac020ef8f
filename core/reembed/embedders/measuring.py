"""How fast an embedder is, measured with texts of our own."""

from __future__ import annotations

import time
from threading import Event

from vestige_tui.core.reembed.embedders.protocol import TextEmbedder

_TEXTS = 8
_PARAGRAPH = (
    "{number}. The deployment failed because the connection pool of the reporting service was exhausted: two long "
    "queries held their connections for an hour. The pool was raised to forty, the queries got a statement timeout of "
    "thirty seconds, and an alert now fires when fewer than five connections are free. See the notes of that week."
)
"""As long as an ordinary memory. Each text gets a number: servers may keep answers."""


def rate_of(embedder: TextEmbedder, cancel: Event) -> float:
    """Texts a second. No memory is sent. Raises ``EmbedderError`` and ``Cancelled``."""
    texts = [_PARAGRAPH.format(number=number) for number in range(1, _TEXTS + 1)]
    started = time.monotonic()
    embedder.embed(texts, cancel)
    return _TEXTS / max(1e-3, time.monotonic() - started)
