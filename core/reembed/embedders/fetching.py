"""Fetching a model's files from the hub into Vestige's cache folder, once, with its progress told."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import Any
from urllib.parse import urlsplit

from vestige_tui.core.errors import Cancelled
from vestige_tui.core.reembed.embedders.protocol import Download, EmbedderWatcher

_HUB = "https://huggingface.co"
_EVERY = 0.2
"""Seconds between two events."""


def fetch(
    repository: str, files: Sequence[str], cache: Path, *, size: int | None, cancel: Event, watcher: EmbedderWatcher
) -> Path:
    """Fetch these files, and those of the tokenizer, of ``owner/name``. Returns their folder.

    ``size``: about how many bytes. Announced before the first request. Raises ``Cancelled``, and whatever
    huggingface_hub raises where the files cannot be had.
    """
    from huggingface_hub import snapshot_download

    endpoint = os.environ.get("HF_ENDPOINT") or _HUB
    progress = _Progress(Download(repository, urlsplit(endpoint).netloc, str(cache), 0, size), cancel, watcher)
    progress.tell(0, None, always=True)
    folder = snapshot_download(
        repository,
        allow_patterns=[*files, "config.json", "special_tokens_map.json"],
        cache_dir=cache,
        endpoint=endpoint,
        tqdm_class=_bar_of(progress),
    )
    progress.tell(None, None, always=True)
    return Path(folder)


@dataclass
class _Progress:
    """Tells of the download's bytes. Threads of the download raise ``Cancelled`` here once that is asked for."""

    last: Download
    cancel: Event
    watcher: EmbedderWatcher

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._told = 0.0

    def tell(self, done: int | None, total: int | None, *, always: bool = False) -> None:
        """``done`` None: everything."""
        if self.cancel.is_set():
            raise Cancelled
        with self._lock:
            now = time.monotonic()
            if not always and now - self._told < _EVERY:
                return
            self._told = now
            total = max(total or 0, self.last.total or 0, done or 0) or None
            done = max(done or 0, self.last.done) if done is not None else total or self.last.done
            before = self.last
            self.last = Download(before.model, before.host, before.folder, done, total)
            self.watcher(self.last)


def _bar_of(progress: _Progress) -> Any:
    from tqdm import tqdm  # type: ignore[import-untyped]

    class Bar(tqdm):  # type: ignore[misc]
        """Draws nothing, and tells of those bars that count bytes."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            options.update(file=io.StringIO(), disable=False, mininterval=3600)
            options.pop("name", None)
            super().__init__(*arguments, **options)

        def update(self, n: float | None = 1) -> bool | None:
            drawn: bool | None = super().update(n)
            if self.unit == "B":
                progress.tell(int(self.n), int(self.total or 0))
            return drawn

    return Bar
