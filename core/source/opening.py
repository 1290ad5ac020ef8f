"""Opens a SQLite file without changing it, and explains why a file cannot be read.

SQLite's locks belong to the process. If this module opened the file in any other way, closing it would drop the locks
of all connections of this process, and Vestige could write to a file that a copy is reading. So it uses ``stat`` and
SQLite alone.
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
from typing import TypeVar

from vestige_tui.core.errors import SourceError
from vestige_tui.core.facts import DataState
from vestige_tui.core.rows.values import decode_text
from vestige_tui.core.source.file_names import name_to_read, side_files, wal_size
from vestige_tui.core.source.scratch import private_folder

BUSY_TIMEOUT = 10.0
"""Seconds to wait for a lock that another program holds on the file."""

_NEEDS_A_COPY = ("SQLITE_CANTOPEN", "SQLITE_READONLY")
"""SQLite's errors where it must create a file for a WAL or an interrupted transaction in a read-only folder."""

_COPY_ATTEMPTS = 3

_Connection = TypeVar("_Connection", bound=sqlite3.Connection)


class Reading(sqlite3.Connection):
    """A connection inside one read transaction. ``witness`` is another one, in no transaction: it notices commits.

    ``version`` is what the witness saw before the transaction began, and ``opened`` the file's ``identity`` before both
    were opened.
    """

    witness: sqlite3.Connection | None = None
    version = 0
    opened: tuple[int, int] | None = None

    def is_newest(self) -> bool:
        """Whether no other program has committed anything since the transaction began, nor put another file in its
        place, so that all transactions that began in between see the same rows. False also where that cannot be found
        out.
        """
        try:
            if self.opened is None or identity(self.path) != self.opened:
                return False
            return self.witness is not None and _data_version(self.witness) == self.version
        except sqlite3.Error:
            return False

    @property
    def path(self) -> Path:
        """The file that is read: it may be a private copy."""
        return _path_of(self)

    def close(self) -> None:
        """Close both connections."""
        if self.witness is not None:
            self.witness.close()
        super().close()


@contextmanager
def open_source(path: Path, *, copy_of: Path | None = None) -> Iterator[Reading]:
    """A read-only connection inside one read transaction, which sees the file as of one moment.

    Where SQLite would have to write beside the file, a private copy is read, WAL included. A file with several names is
    read under the one that has its side files (see ``name_to_read``).
    TEXT arrives as ``str``, or as ``BrokenText`` where it is not UTF-8. ``copy_of`` is the operator's own file where
    ``path`` is a copy of it. Raises ``SourceError``, also for SQLite's errors inside the block.
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
        with private_folder() as folder, closing(begin_reading(_raw_copy(path, folder))) as connection:
            yield connection


def _read_in_place(path: Path) -> Reading | None:
    """A connection to the file itself, None where SQLite would have to write beside it.

    A crash or a copy leaves a WAL without its ``-shm``: no program has it open, and reading would create a new one.
    """
    if wal_size(path) and not any(file.name.endswith("-shm") for file in side_files(path)):
        return None
    try:
        return begin_reading(path)
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorname", "").startswith(_NEEDS_A_COPY):
            return None
        raise


def _data_version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA data_version").fetchone()
    return int(version)


def connect(path: Path, mode: str, timeout: float = BUSY_TIMEOUT) -> sqlite3.Connection:
    """Open a file; ``mode`` is ``ro`` or ``rw``. ``as_uri`` escapes the ``?`` of a path, which would end it."""
    return _connect(path, mode, timeout, sqlite3.Connection)


def _connect(path: Path, mode: str, timeout: float, kind: type[_Connection]) -> _Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=timeout,
        factory=kind,
    )
    connection.text_factory = decode_text
    return connection


def begin_reading(path: Path) -> Reading:
    """Begin a read transaction, with nothing done for what may stand in its way. Raises ``sqlite3.Error``."""
    opened = identity(path)
    connection = _connect(path, "ro", BUSY_TIMEOUT, Reading)
    try:
        connection.opened = opened
        connection.witness = connect(path, "ro")
        connection.version = _data_version(connection.witness)
        connection.execute("PRAGMA query_only = 1")
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # the transaction starts reading here
    except BaseException:
        connection.close()
        raise
    return connection


def keeps_from_writing(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether reading blocks other writers of a file: not in WAL mode, and not where a copy is read."""
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    return str(mode) != "wal" and identity(_path_of(connection)) == identity(path)


def _path_of(connection: sqlite3.Connection) -> Path:
    """The file that a connection reads. Its name need not be UTF-8."""
    _, _, read, *_ = connection.execute("PRAGMA database_list").fetchone()
    return Path(os.fsdecode(read))


@contextmanager
def _without_traces(path: Path) -> Iterator[None]:
    """Leave the folder as it was found.

    A read-only connection to a file in WAL mode creates ``-wal`` and ``-shm`` and cannot remove them. The last writable
    connection to close does, under SQLite's own locks; with an empty WAL it changes nothing in the file.
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
            except sqlite3.Error:  # another program uses the file by now, and the side files are its own
                if not path.exists() and not wal_size(path):  # or the file was removed, and they are empty
                    for file in side_files(path):
                        file.unlink(missing_ok=True)


def _raw_copy(path: Path, folder: Path) -> Path:
    """Copy a database and its side files as of one moment, and let SQLite recover the copy."""
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
    """Device and inode of the file that a path leads to, None where there is none."""
    state = _state(path)
    return state[:2] if state else None


def check_file(path: Path) -> None:
    """Refuse what cannot be a SQLite database; SQLite itself would take an empty file for one."""
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
    """Turn SQLite's errors inside the block into a ``SourceError``."""
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
    if code not in _EXPLANATIONS:
        return SourceError(
            f"{path} cannot be read: {error}.", remedy="Check it with: sqlite3 FILE 'PRAGMA integrity_check'."
        )
    what, remedy = _EXPLANATIONS[code]
    return SourceError(what.format(path=path), remedy=remedy)


@contextmanager
def _undisturbed(path: Path) -> Iterator[None]:
    """Detect that a file was overwritten while it was read: ``cp`` ignores SQLite's locks.

    During a read transaction SQLite changes the file only to bring in what was in the WAL at its start.
    """
    before = None if wal_size(path) else _state(path)
    yield
    after = _state(path)
    if before and after and before[:2] == after[:2] and before != after:
        raise SourceError(
            f"{path} was overwritten while it was being read.",
            state=DataState.SOURCE_OVERWRITTEN,
            remedy="Remove from the destination what this run inserted, then run again while nothing changes it.",
        )


def _check_length(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file whose end is missing: SQLite reads zeros there.

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
    """How many bytes a damaged file lacks by its header. A child process reads it, to keep this process's locks.

    SQLite's file format: page size at 16, page count at 28, which is valid where the numbers at 24 and 92 are equal.
    """
    read = "import sys; print(open(sys.argv[1], 'rb').read(100).hex())"
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        command = [sys.executable, "-c", read, str(path)]
        done = subprocess.run(command, capture_output=True, timeout=10, check=True)  # noqa: S603  (our own words)
        header = bytes.fromhex(done.stdout.decode().strip())
        if len(header) == 100 and header[24:28] == header[92:96]:  # else an old SQLite wrote it without a page count
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
