"""A server whose data folder was moved away or deleted while it ran. It goes on, and where a new one is started in its
place, the end of the old one removes the socket of the new one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from vestige_tui.core.errors import DestinationError

_DELETED = " (deleted)"  # Linux ends the name of a deleted folder with it


def check_in_place(data_dir: Path) -> None:
    """Raise ``DestinationError`` where a server still listens in ``data_dir`` whose data is not there any more.

    Only Linux says who listens at a socket, and where a process works; elsewhere nothing is found.
    """
    for pid in _listening_in(data_dir):
        with suppress(OSError):
            place = Path(f"/proc/{pid}/cwd")
            if data_dir.exists() and place.samefile(data_dir):
                continue
            now = str(place.readlink())
            what = f"The embedded PostgreSQL in {data_dir} cannot be used. Its folder was "
            if now.endswith(_DELETED):
                raise DestinationError(
                    f"{what}deleted while the server ran (process {pid}).",
                    remedy="The server notices that, and ends within a minute. Run this again then.",
                )
            raise DestinationError(
                f"{what}moved to {now} while the server ran (process {pid}), and it still runs.",
                remedy=f"Move the folder back, or stop that server first: kill -INT {pid}",
            )


def _listening_in(data_dir: Path) -> Iterator[int]:
    """The processes with a socket of PostgreSQL in a folder, that of the server first: others are its children."""
    name = str(data_dir / ".s.PGSQL.")
    with suppress(psutil.Error, OSError, RuntimeError):
        sockets = psutil.net_connections("unix")
        found = {each.pid for each in sockets if each.pid and str(each.laddr).startswith(name)}
        yield from sorted(found, key=lambda pid: psutil.Process(pid).create_time())
