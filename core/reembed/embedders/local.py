"""A model on this machine."""

from __future__ import annotations

from pathlib import Path
from threading import Event

from vestige_tui.core.reembed.embedders.protocol import EmbedderWatcher, TextEmbedder
from vestige_tui.core.reembed.profiles import Profile


def open_local(
    profile: Profile, path: Path | None, *, hash: str, cancel: Event, watcher: EmbedderWatcher
) -> TextEmbedder:
    """Load it."""
    raise NotImplementedError
