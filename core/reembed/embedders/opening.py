"""Opening the embedder that an operator asks for."""

from __future__ import annotations

from threading import Event

from vestige_tui.core.errors import UsageError
from vestige_tui.core.reembed.embedders.address import Address
from vestige_tui.core.reembed.embedders.protocol import EmbedderEvent, EmbedderWatcher, TextEmbedder
from vestige_tui.core.reembed.embedders.waits import DEFAULT_EMBEDDER_WAITS, EmbedderWaits
from vestige_tui.core.reembed.profiles import EmbedderChoice, profile_of


def ignore(_event: EmbedderEvent) -> None:
    """Watch nothing."""


def open_embedder(
    choice: EmbedderChoice,
    *,
    cancel: Event,
    watcher: EmbedderWatcher = ignore,
    waits: EmbedderWaits = DEFAULT_EMBEDDER_WAITS,
) -> TextEmbedder:
    """Open the embedder that is asked for, and try it out with texts of our own.

    Raises ``EmbedderError``, ``Cancelled``, and ``UsageError`` where the choice contradicts itself, or the model has
    another dimension.
    """
    profile = profile_of(choice)
    if choice.url is not None and choice.path is not None:
        raise UsageError(
            "Both a server and a folder are named as the embedder.",
            remedy="Name one of them: --embedder-url or --model-path.",
        )
    if choice.url is not None:
        from vestige_tui.core.reembed.embedders.served import open_served

        address = Address.parse(choice.url)
        return open_served(
            profile, address, hash=choice.hash, key=choice.key, cancel=cancel, watcher=watcher, waits=waits
        )
    from vestige_tui.core.reembed.embedders.local import open_local

    return open_local(profile, choice.path, hash=choice.hash, cancel=cancel, watcher=watcher)
