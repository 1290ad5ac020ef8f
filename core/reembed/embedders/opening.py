"""Opening the embedder that an operator asks for."""

from __future__ import annotations

from threading import Event

from vestige_tui.core.reembed.embedders.protocol import EmbedderEvent, EmbedderWatcher, TextEmbedder
from vestige_tui.core.reembed.profiles import EmbedderChoice


def ignore(_event: EmbedderEvent) -> None:
    """Watch nothing."""


def open_embedder(choice: EmbedderChoice, *, cancel: Event, watcher: EmbedderWatcher = ignore) -> TextEmbedder:
    """Open it and embed a probe text. Raises ``EmbedderError``, ``UsageError`` and ``Cancelled``."""
    raise NotImplementedError
