"""A terminal in which the program runs as it does for its user, driven and read from outside by tmux."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE = 60.0
"""Seconds for something to show on a busy machine."""

_CLEAN = ("env", "-u", "COLUMNS", "-u", "LINES")
"""Where these are set, as for a test, a program does not hear that its window has another size."""

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Terminal:
    """A window of tmux, on a server of its own, with a shell in it."""

    def __init__(self, socket: Path, environment: Mapping[str, str]) -> None:
        self._socket = socket
        settings = [f"{name}={value}" for name, value in {"PS1": "ready> ", **environment}.items()]
        self._tmux("new-session", "-d", "-s", "walk", "-x", "80", "-y", "24", *_CLEAN, *settings, "sh", "-i")
        self.wait("ready>")

    def run(self, *command: str | Path) -> None:
        """Have the shell run a command, and say its exit code and the settings of the terminal after it."""
        self._tmux("send-keys", "-l", "clear; " + shlex.join(map(str, command)) + "; echo co''de=$? $(stty -g)")
        self.press("Enter")

    def press(self, *keys: str) -> None:
        """Press keys, by the names that tmux has for them, such as ``C-n``."""
        self._tmux("send-keys", *keys)

    def resize(self, columns: int, rows: int) -> None:
        """Make the window larger or smaller."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    @property
    def text(self) -> str:
        """What can be read on the screen."""
        return self._tmux("capture-pane", "-p")

    @property
    def coloured(self) -> str:
        """The same with its colours, as escape sequences."""
        return self._tmux("capture-pane", "-p", "-e")

    @property
    def modes(self) -> str:
        """Whether the alternate screen, the mouse and the cursor are on: ``0 0 1`` where no program has changed it."""
        return self._tmux("display-message", "-p", "#{alternate_on} #{mouse_any_flag} #{cursor_flag}").strip()

    def wait(self, *texts: str) -> None:
        """Wait until all of these can be read at once."""
        end = time.monotonic() + PATIENCE
        while not all(text in (shown := self.text) for text in texts):
            assert time.monotonic() < end, f"{texts} never showed:\n{shown}"
            time.sleep(0.05)

    def ended(self) -> tuple[int, str]:
        """Wait for the command to end; its exit code, and the settings of the terminal after it."""
        self.wait("code=")
        whole = self._tmux("capture-pane", "-p", "-J")  # a line that is broken in two is one
        code, settings = whole.partition("code=")[2].split()[:2]
        return int(code), settings

    @property
    def title(self) -> str:
        """The title that a program has given the window."""
        return self._tmux("display-message", "-p", "#{pane_title}").strip()

    def close(self) -> None:
        """Close the window; what runs in it gets SIGHUP."""
        self._tmux("kill-session", "-t", "walk")

    def _tmux(self, *command: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", self._socket, "-f", "/dev/null", *command], capture_output=True, text=True, check=True
        )
        return done.stdout


@contextmanager
def terminal(environment: Mapping[str, str]) -> Iterator[Terminal]:
    """A terminal of 80 × 24; it is gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="tmux-") as folder:  # a socket's path must be short
        socket = Path(folder) / "socket"
        try:
            yield Terminal(socket, environment)
        finally:
            subprocess.run(["tmux", "-S", socket, "kill-server"], capture_output=True, check=False)
