"""Sorts PostgreSQL's errors into those of a row and those that end a run, and explains them.

SQLSTATE classes are those of PostgreSQL's documentation, appendix "PostgreSQL Error Codes".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from vestige_tui.core.destination.connection import PASSWORD_WANTED, NoFirstAnswer
from vestige_tui.core.destination.strangers import who_answers
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError
from vestige_tui.core.explain import OBSTACLES, STORED_PASSWORD_REFUSED, obstacle_met
from vestige_tui.core.facts import DataState, Obstacle, Stranger
from vestige_tui.core.missing import Cause, PartKind, Reason
from vestige_tui.core.rows.problems import Kind

_ROW_CLASSES = ("22", "23", "44", "54", "P0")
"""Data exceptions, violated constraints, WITH CHECK, program limits, and errors that a trigger raises."""

_ROW_FUNCTIONS = ("ExecWithCheckOptions", "exec_stmt_raise")
"""The server's functions in which a policy of row-level security refuses a row, and a trigger raises any SQLSTATE."""

_KINDS = {
    "23503": Kind.MISSING_REFERENCE,
    "23505": Kind.ALREADY_TAKEN,
    "23514": Kind.VALUE_NOT_ALLOWED,
    "23502": Kind.MISSING_VALUE,
}

_CAUSES = {
    "42501": Reason.NOT_OWNER,
    "53200": Reason.OUT_OF_MEMORY,
    "40P01": Reason.TABLES_IN_USE,
    "55P03": Reason.TABLES_IN_USE,
}
"""Why an index cannot be built or a foreign key not enforced, by SQLSTATE."""

_CAUSES_OF_INDEXES = {"22": Reason.VALUE_TOO_LARGE, "54": Reason.VALUE_TOO_LARGE}
"""The same for indexes alone, by class: values that do not fit."""

_ENDS = ("08", "25P03", "25P04", "57P", "53100")
"""Errors that are not about the statement: a lost connection, a session or server that ends, a full disk."""


def is_row_error(error: psycopg.Error) -> bool:
    """Whether a row caused it, so that other rows can be copied; any other error ends the run."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.DataError)
    return error.sqlstate.startswith(_ROW_CLASSES) or error.diag.source_function in _ROW_FUNCTIONS


def may_have_committed(error: psycopg.Error) -> bool:
    """Whether a COMMIT may have succeeded all the same: the connection ended, or the COMMIT itself failed."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate.startswith(("08", "40", "57P"))


def refusal(error: psycopg.Error, kind: PartKind) -> Cause | None:
    """Why the server does not add an index or a foreign key, although the rows are intact; None where the run cannot
    go on.
    """
    state = error.sqlstate
    if state is None or ends_run(error):
        return None
    reason = _CAUSES.get(state)
    if reason is None and kind is PartKind.INDEX:
        reason = _CAUSES_OF_INDEXES.get(state[:2])
    return Cause(Reason.REFUSED_BY_SERVER, state) if reason is None else Cause(reason)


def ends_run(error: psycopg.Error) -> bool:
    """Whether the session or the server ends, or a time limit does: no other statement would do better."""
    return error.sqlstate is None or error.sqlstate.startswith(_ENDS) or _limit(error) is not None


def kind_of(error: psycopg.Error) -> Kind:
    """The kind of a row error."""
    return _KINDS.get(error.sqlstate or "", Kind.REFUSED_BY_SERVER)


@contextmanager
def explained(dsn: Dsn, *, state: DataState = DataState.BATCHES_STAY) -> Iterator[None]:
    """Turn psycopg's errors inside the block into ``DestinationError``."""
    try:
        yield
    except psycopg.Error as error:
        raise explain(error, dsn, state=state) from None  # the original may contain what was sent


def explain(error: psycopg.Error, dsn: Dsn, *, state: DataState = DataState.BATCHES_STAY) -> DestinationError:
    """The explanation of an error during a run."""
    code = error.sqlstate or ""
    if may_have_committed(error):
        state = DataState.LAST_BATCH_UNKNOWN
    if (limit := _limit(error)) is not None:
        what, remedy = limit
    elif (full := full_pool(error)) is not None:
        what, remedy = OBSTACLES[full][0], _POOLS[full]
    elif code in _STATES:
        what, remedy = _STATES[code]
    elif code[:2] in _STATES:
        what, remedy = _STATES[code[:2]]
    elif code:
        what = f"PostgreSQL reported an error of the kind {type(error).__name__} (SQLSTATE {code})."
        remedy = "The server's log has its message, which may quote rows. Correct the cause, and run again."
    elif isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        what, remedy = _STATES["08"]  # a broken connection has no SQLSTATE
    else:
        what = f"The PostgreSQL driver reported a {type(error).__name__}: a bug in vestige-tui."
        remedy = "Please report it, with the log of a run with --log-file."
    return DestinationError(what, state=state, remedy=remedy, recurs=limit is not None)


def full_pool(error: psycopg.Error) -> Obstacle | None:
    """What a pooler has no more of, connections or places for clients; None where the error means something else."""
    if error.sqlstate is not None and not error.sqlstate.startswith(_POOLER_CLASSES):
        return None
    words = str(error)
    return next((full for pattern, full in _FULL_POOLS if re.search(pattern, words, re.IGNORECASE)), None)


def _limit(error: psycopg.Error) -> tuple[str, str] | None:
    """The explanation where a time limit has ended a statement or a session, else None.

    A session lifts the limits of the server for itself. Those of a pooler remain, and behind one those of the server
    for what is no transaction.
    """
    name = _LIMITS.get(error.sqlstate or "")
    words = str(error)
    if error.sqlstate == "57014" and "statement timeout" in words:
        name = "statement_timeout"
    if name is not None:
        return (
            f"The server ended what this run was doing: it took longer than {name} allows.",
            f"Set it to 0 for this role, or connect to the server itself where a pooler is in between. Then {_AGAIN}",
        )
    name = next((limit for limit in _POOLER_LIMITS if limit in words.replace(" ", "_")), None)
    if error.sqlstate == "08P01" and name is not None:
        return (
            f"The pooler ended the connection: what this run was doing took longer than its {name} allows.",
            f"Raise that limit of the pooler, or connect to the server itself. Then {_AGAIN}",
        )
    return None


_LIMITS = {
    "25P03": "idle_in_transaction_session_timeout",
    "25P04": "transaction_timeout",
    "57P05": "idle_session_timeout",
}
"""Limits of the server, by the SQLSTATE with which each ends a session."""

_POOLER_LIMITS = ("query_timeout", "idle_transaction_timeout", "transaction_timeout", "client_idle_timeout")
"""Limits of PgBouncer, which reports them in words only."""

_FULL_POOLS = (
    (r"query_wait_timeout|could not get connection from the pool|unable to check out", Obstacle.POOL_FULL),
    (r"no more connections allowed|client connections exceeded|max client", Obstacle.CLIENTS_FULL),
)
"""What PgBouncer, PgCat and Supavisor say when they are full."""

_POOLER_CLASSES = ("08", "58", "XX")
"""Classes of SQLSTATE with which they say it."""

_AGAIN = "run again: what has arrived is skipped, and the rest is completed."
_STATES = {
    "08": ("The connection to the server was lost.", f"Check the server and the network, and {_AGAIN}"),
    "25006": ("The server accepts no writes: it is a standby, or read-only.", "Connect to the primary server."),
    "28": ("The server refused the login.", "Check user name and password."),
    "3D000": ("The database does not exist any more.", "Create it, and run again."),
    "42501": (
        "The role may not do what a copy needs.",
        "Let the owner of the database grant it, or connect with another role.",
    ),
    "53100": ("The server's disk is full.", f"Make room there, and {_AGAIN}"),
    "53200": ("The server is out of memory.", f"Free some there, and {_AGAIN}"),
    "53300": ("The server has no free connection.", f"Wait, or use a smaller --max-connections, and {_AGAIN}"),
    "55P03": ("Another program holds a lock on the tables.", f"Wait until it has finished, and {_AGAIN}"),
    "57014": ("The statement was cancelled.", f"To go on, {_AGAIN}"),
    "57P01": (
        "The server ended the session: it is shutting down, or its administrator ended it.",
        f"See that the server runs, and {_AGAIN}",
    ),
    "57P02": ("The server crashed and is restarting.", f"Wait until it is back, and {_AGAIN}"),
    "57P03": ("The server is starting up or shutting down.", f"Wait until it is ready, and {_AGAIN}"),
    "58": ("The server could not read or write its files.", "Look at the server's log and disk, and run again."),
}
"""By SQLSTATE, or by its class."""

_POOLS = {
    Obstacle.POOL_FULL: f"Wait, use a smaller --max-connections, or let its administrator enlarge the pool; and "
    f"{_AGAIN}",
    Obstacle.CLIENTS_FULL: f"Wait, use a smaller --max-connections, or let its administrator raise the limit "
    f"(PgBouncer: max_client_conn); and {_AGAIN}",
}
"""What to do about a pooler that is full."""


def first_line(error: psycopg.Error, dsn: Dsn) -> str:
    """The server's message, secrets masked, without its DETAIL, which quotes rows."""
    text = error.diag.message_primary or str(error).strip().partition("\n")[0] or type(error).__name__
    return dsn.mask(text)


def explain_connecting(error: psycopg.Error, dsn: Dsn) -> DestinationError:
    """Why no connection could be opened. libpq reports this in words only: known ones are matched, others quoted."""
    text = str(error)
    if isinstance(error, NoFirstAnswer):
        obstacle: Obstacle | None = Obstacle.NO_FIRST_ANSWER
    else:
        obstacle = next((found for pattern, found in _CONNECTING if re.search(pattern, text, re.IGNORECASE)), None)
    if obstacle is Obstacle.REFUSED and dsn.isolated and not _folder_is_there(dsn):
        obstacle = Obstacle.FOLDER_GONE
    stranger = who_answers(dsn) if obstacle in _PERHAPS_STRANGERS and _BY_SERVER not in text else None
    if stranger is not None:
        obstacle = Obstacle.SILENT if stranger is Stranger.SILENT else Obstacle.NOT_POSTGRESQL
    if obstacle is not None:
        what, remedy = obstacle_met(obstacle, stranger), OBSTACLES[obstacle][1]
        if (
            obstacle is Obstacle.WRONG_PASSWORD
            and dsn.late_password is not None
            and dsn.late_password.found is not None
        ):
            what, remedy = STORED_PASSWORD_REFUSED
        return DestinationError(f"{what} ({dsn.masked})", remedy=remedy, obstacle=obstacle, stranger=stranger)
    lines = [line for line in text.splitlines() if line.strip()]
    return DestinationError(
        f"No connection to {dsn.masked}: {dsn.mask(lines[-1].strip()) if lines else 'no reason given'}",
        remedy="Check host, port, database, user and password.",
    )


def _folder_is_there(dsn: Dsn) -> bool:
    """Whether the folder of the embedded server's socket exists; true of one that listens at an address."""
    host = dsn.parameters.get("host", "")
    return not host.startswith("/") or Path(host).is_dir()


_BY_SERVER = "FATAL: "
"""Begins what PostgreSQL itself says, and a pooler."""

_PERHAPS_STRANGERS = (None, Obstacle.NO_ANSWER, Obstacle.TLS_FAILED)
"""What can also mean that another program answers there."""

_CONNECTING = (
    (r"timeout expired|timed out|connection timeout", Obstacle.NO_ANSWER),
    (r"password authentication failed|SCRAM|authentication failed", Obstacle.WRONG_PASSWORD),
    (PASSWORD_WANTED, Obstacle.NO_PASSWORD),
    (
        r"could not translate host name|name or service not known|failed to resolve|nodename nor servname",
        Obstacle.UNKNOWN_HOST,
    ),
    (r"connection refused|no such file or directory", Obstacle.REFUSED),
    (r"no pg_hba\.conf entry.*no encryption", Obstacle.TLS_REQUIRED),
    (r"no pg_hba\.conf entry", Obstacle.NOT_ALLOWED),
    (r"does not support SSL", Obstacle.NO_TLS),
    (r"certificate|SSL error", Obstacle.TLS_FAILED),
    (r'database ".*" does not exist', Obstacle.DATABASE_MISSING),
    (r'role ".*" does not exist', Obstacle.UNKNOWN_USER),
    *_FULL_POOLS,
    (r"too many clients|remaining connection slots|too many connections", Obstacle.NO_SLOT),
    (r"starting up|shutting down|recovery mode", Obstacle.NOT_READY),
)
"""Pattern in libpq's message, and the obstacle."""
