"""A Secret Service of its own for a test: a bus and a gnome-keyring that no other session can see, nor they it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PASSWORD = b"of the keyring"
PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]

_BUS = """<busconfig>
  <type>session</type>
  <listen>unix:path={folder}/bus</listen>
  <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>
"""
"""A bus that starts no program by itself: a keyring that was killed stays away, and no prompt is shown."""


@dataclass(frozen=True, slots=True)
class SecretService:
    """A keyring that is open, and the environment of programs that use it."""

    environment: dict[str, str]
    daemon: subprocess.Popen[bytes]


@contextmanager
def secret_service(folder: Path) -> Iterator[SecretService]:
    """Start both in an empty folder, and end them."""
    (folder / "bus.conf").write_text(_BUS.format(folder=folder))
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LD_LIBRARY_PATH")}
    environment = kept | {
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "XDG_DATA_HOME": str(folder / "data"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus",
    }
    bus = subprocess.Popen(
        ["dbus-daemon", f"--config-file={folder / 'bus.conf'}", "--nofork"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        _wait(folder / "bus", bus)
        daemon = unlocking(environment)
        try:
            _wait(folder / "keyring" / "control", daemon)
            yield SecretService(environment, daemon)
        finally:
            daemon.kill()
            daemon.wait()
    finally:
        bus.kill()
        bus.wait()


def unlocking(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start the keyring, open."""
    command = ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"]
    daemon = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert daemon.stdin is not None
    daemon.stdin.write(PASSWORD)
    daemon.stdin.close()
    return daemon


def _wait(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert process.poll() is None, f"{process.args!r} has ended"
        assert time.monotonic() < deadline, f"{path.name} does not appear"
        time.sleep(0.01)
