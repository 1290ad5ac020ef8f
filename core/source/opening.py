"""Opening a SQLite file without changing it, and saying in plain words why one cannot be read.

SQLite's locks belong to the process: were the file opened here in any other way, closing it would drop the locks of
every connection of this process, and a Vestige could write into a file that a copy is reading. So it is only looked at
by ``stat`` and by SQLite itself.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from vestige_tui.core.errors import NOTHING_CHANGED, SourceError
from vestige_tui.core.rows.convert import decode_text
from vestige_tui.core.source.file_names import name_to_read, side_files, wal_size
from vestige_tui.core.source.scratch import private_folder

BUSY_TIMEOUT = 10.0
"""Seconds to wait for a lock that another program holds on the file."""

_NEEDS_A_COPY = ("SQLITE_CANTOPEN", "SQLITE_READONLY")
"""SQLite's complaints when a folder is read-only and a WAL or an interrupted transaction asks for a file in it."""

_COPY_ATTEMPTS = 3


@contextmanager
def open_source(path: Path, *, copy_of: Path | None = None) -> Iterator[sqlite3.Connection]:
    """A read-only connection inside one read transaction: all that is read belongs to one moment.

    Where SQLite cannot read the file in its place without writing beside it, a private copy is read, WAL included. A
    file with several names is read under the one that has its side files (see ``name_to_read``).
    TEXT arrives as ``str``, or as ``BrokenText`` where it is not UTF-8. ``copy_of`` is the operator's own file where
    ``path`` is a copy of it. Raises ``SourceError``, also for whatever SQLite reports inside the block.
    """
    check_file(path)
    shown, path = copy_of or path, name_to_read(path)
    with explained(shown), _without_traces(path):
        connection = _read_in_place(path)
        if connection is not None:
            with closing(connection), _undisturbed(path):
                _check_length(connection, path)
                yield connection
            return
        with private_folder() as folder, closing(_begin_reading(_raw_copy(path, folder))) as connection:
            yield connection


def _read_in_place(path: Path) -> sqlite3.Connection | None:
    """A connection to the file itself, None where SQLite would have to write beside it.

    A WAL without its ``-shm`` is what a crash or a copy leaves: nobody has it open, and reading would make a new one.
    """
    if wal_size(path) and not any(file.name.endswith("-shm") for file in side_files(path)):
        return None
    try:
        return _begin_reading(path)
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorname", "").startswith(_NEEDS_A_COPY):
            return None
        raise


def connect(path: Path, mode: str, timeout: float = BUSY_TIMEOUT) -> sqlite3.Connection:
    """``mode`` is ``ro`` or ``rw``. The library makes the URI: with a ``?`` in it, a path opens another file."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=timeout,
    )
    connection.text_factory = decode_text
    return connection


def _begin_reading(path: Path) -> sqlite3.Connection:
    connection = connect(path, "ro")
    try:
        connection.execute("PRAGMA query_only = 1")
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # the transaction starts reading here
    except BaseException:
        connection.close()
        raise
    return connection


def keeps_from_writing(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether reading keeps other programs from writing to a file: not in WAL mode, and not where a copy is read."""
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    _, _, read, *_ = connection.execute("PRAGMA database_list").fetchone()
    return str(mode) != "wal" and identity(Path(str(read))) == identity(path)


@contextmanager
def _without_traces(path: Path) -> Iterator[None]:
    """Leave the folder as it was found.

    A read-only connection to a file in WAL mode makes ``-wal`` and ``-shm`` and may not remove them. The last
    writable one to close does, under SQLite's own locks, and with an empty WAL it changes nothing in the file.
    """
    found_clean = not side_files(path)
    try:
        yield
    finally:
        if found_clean and side_files(path):
            try:
                with closing(connect(path, "rw")) as connection:
                    connection.execute("PRAGMA query_only = 1")
                    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            except sqlite3.Error:  # somebody else is using the file by now, and the side files are theirs
                if not path.exists() and not wal_size(path):  # or it was removed, and nothing is in them
                    for file in side_files(path):
                        file.unlink(missing_ok=True)


def _raw_copy(path: Path, folder: Path) -> Path:
    """Copy a database with its side files, all of one moment, and let SQLite recover it there."""
    real, target = path.resolve(), folder / "vestige.db"
    for _ in range(_COPY_ATTEMPTS):
        files = [real, *(file for file in side_files(real) if not file.name.endswith("-shm"))]
        before = [_state(file) for file in files]
        try:
            for file in files:
                shutil.copyfile(file, folder / file.name.replace(real.name, target.name, 1))
        except OSError as error:
            raise SourceError(
                f"{path} can only be read from a private copy, and none could be made: {error.strerror or error}.",
                remedy="Make room in the temporary folder, or name another one with TMPDIR.",
            ) from None
        if before == [_state(file) for file in files]:
            with closing(connect(target, "rw")) as connection:
                connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            return target
    raise SourceError(
        f"{path} is being written to, in a folder where SQLite cannot take part in the locking.",
        remedy="Stop Vestige, then try again.",
    )


def _state(path: Path) -> tuple[int, int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def identity(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to: its device and number, or None where there is none."""
    state = _state(path)
    return state[:2] if state else None


def check_file(path: Path) -> None:
    """Refuse what is no SQLite file before SQLite is asked, which would take an empty file for a database."""
    try:
        if path.is_dir():
            raise SourceError(f"{path} is a folder.", remedy="Name the database file inside it, usually vestige.db.")
        if path.exists() and not path.is_file():  # reading from a named pipe would wait forever
            raise SourceError(f"{path} is not a file.", remedy="Name the database file, usually vestige.db.")
        empty = path.stat().st_size == 0
    except FileNotFoundError:
        raise SourceError(f"{path} does not exist.", remedy="Check the path; the file is usually vestige.db.") from None
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read: {error.strerror or error}.",
            remedy="Check the permissions of the file and of its folder.",
        ) from None
    if not os.access(path, os.R_OK):
        raise SourceError(
            f"{path} may not be read by this user.", remedy="Check the permissions of the file and of its folder."
        )
    if empty:
        raise SourceError(
            f"{path} is empty: there is no memory in it.",
            remedy="Look for another vestige.db, or for a backup of this one.",
        )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors inside the block into ``SourceError`` in plain words."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) from error


def explain(error: sqlite3.Error, path: Path) -> SourceError:
    """What a SQLite error means for the operator."""
    code = getattr(error, "sqlite_errorname", "").removeprefix("SQLITE_").partition("_")[0]
    missing = _missing_bytes(path) if code in ("CORRUPT", "IOERR") else 0
    if missing:
        return _incomplete(path, missing)
    what, remedy = _EXPLANATIONS.get(
        code, ("{path} cannot be read: " + str(error) + ".", "Check it with: sqlite3 FILE 'PRAGMA integrity_check'.")
    )
    return SourceError(what.replace("{path}", str(path)), means=NOTHING_CHANGED, remedy=remedy)


@contextmanager
def _undisturbed(path: Path) -> Iterator[None]:
    """See to it that a file which is being read stays the same one, though ``cp`` heeds no locks of SQLite.

    While a read transaction lasts, SQLite changes the file itself only to bring in what was in the WAL at its start.
    """
    before = None if wal_size(path) else _state(path)
    yield
    after = _state(path)
    if before and after and before[:2] == after[:2] and before != after:
        raise SourceError(
            f"{path} was overwritten while it was being read.",
            means="What has arrived may be a mixture of what was in the file before and after.",
            remedy="Remove from the destination what this run inserted, then run again while nobody changes the file.",
        )


def _check_length(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file whose last page is cut short: SQLite takes what is missing of it for zeros.

    With a WAL or a journal beside it, a file may be shorter than SQLite says.
    """
    (pages,), (size,) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    missing = pages * size - path.stat().st_size
    if missing > 0 and not any(file.stat().st_size for file in side_files(path) if not file.name.endswith("-shm")):
        raise _incomplete(path, missing)


def _incomplete(path: Path, missing: int) -> SourceError:
    return SourceError(
        f"{path} is incomplete: {missing:,} bytes are missing at its end.",
        remedy="It was probably copied or restored only in part: copy it again, or look for a backup.",
    )


def _missing_bytes(path: Path) -> int:
    """How much shorter a damaged file is than its header says. It is read by a process of its own, for its locks' sake.

    SQLite's file format: page size at 16, page count at 28, which counts where the numbers at 24 and 92 are equal.
    """
    read = "import sys; print(open(sys.argv[1], 'rb').read(100).hex())"
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        command = [sys.executable, "-c", read, str(path)]
        done = subprocess.run(command, capture_output=True, timeout=10, check=True)  # noqa: S603  (our own words)
        header = bytes.fromhex(done.stdout.decode().strip())
        if len(header) == 100 and header[24:28] == header[92:96]:  # else by a SQLite that did not keep the page count
            page_size = int.from_bytes(header[16:18], "big")
            page_size = 65_536 if page_size == 1 else page_size
            return max(0, page_size * int.from_bytes(header[28:32], "big") - path.stat().st_size)
    return 0


_EXPLANATIONS = {
    "BUSY": (
        "{path} is locked by another program.",
        "Wait until it has finished, or stop Vestige, and try again.",
    ),
    "CANTOPEN": (
        "{path} cannot be opened.",
        "Check that it still exists, and the permissions of its folder.",
    ),
    "NOTADB": (
        "{path} is not a plain SQLite database; it may be encrypted (SQLCipher), damaged, or of another kind.",
        "If it is encrypted, let Vestige export it without encryption; otherwise look for a backup.",
    ),
    "CORRUPT": (
        "{path} is damaged: SQLite found a page that cannot be right.",
        "Look for a backup, or recover what can be: sqlite3 FILE .recover, then name the recovered file.",
    ),
    "IOERR": (
        "{path} could not be read: the disk or the network share reported an error.",
        "Check the disk, or copy the file to another one and name that copy.",
    ),
    "FULL": (
        "The temporary folder is full: sorting the memories of {path} needs some space.",
        "Make room there, or name another folder with TMPDIR.",
    ),
}
"""By SQLite's primary result code."""
