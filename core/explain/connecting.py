"""Why no connection to a server could be opened, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

from vestige_tui.core.facts import NameFault, Obstacle, Stranger

OBSTACLES = {
    Obstacle.NO_ANSWER: (
        "The server did not answer in time.",
        "Check host and port, and that no firewall is in the way.",
    ),
    Obstacle.SILENT: (
        "Something accepts connections at that address, and says nothing.",
        "Check host and port. If it is PostgreSQL, it hangs, or a proxy in between does.",
    ),
    Obstacle.NOT_POSTGRESQL: (
        "What answers at that address is no PostgreSQL.",
        "Check host and port: PostgreSQL usually listens at 5432.",
    ),
    Obstacle.WRONG_PASSWORD: (
        "The server refused the password or the user name.",
        "Check both. A password can also come from PGPASSWORD or a passfile.",
    ),
    Obstacle.NO_PASSWORD: (
        "The server wants a password, and none was given.",
        "Put it in PGPASSWORD or in a passfile, or let the wizard remember it in the keyring.",
    ),
    Obstacle.UNKNOWN_HOST: ("The host name is unknown.", "Check its spelling, and your network or VPN."),
    Obstacle.REFUSED: (
        "Nothing answers at that address.",
        "Check host and port, that PostgreSQL runs there, and that it listens on that address.",
    ),
    Obstacle.FOLDER_GONE: (
        "The folder of the embedded PostgreSQL was moved or deleted.",
        "Put it back where it was, and run this again.",
    ),
    Obstacle.TLS_REQUIRED: (
        "The server wants an encrypted connection.",
        "Add sslmode=require to the connection string.",
    ),
    Obstacle.NOT_ALLOWED: (
        "The server allows no login for this user, database and address.",
        "Let its administrator add a line to pg_hba.conf.",
    ),
    Obstacle.NO_TLS: (
        "The server offers no encryption; the connection requires it.",
        "Remove sslmode from it, where the network can be trusted.",
    ),
    Obstacle.TLS_FAILED: (
        "The encrypted connection could not be established.",
        "Check sslmode, sslrootcert and the server's certificate.",
    ),
    Obstacle.DATABASE_MISSING: (
        "That database does not exist on the server.",
        "Create it (createdb NAME), or name another.",
    ),
    Obstacle.UNKNOWN_USER: ("That user does not exist on the server.", "Check the user name."),
    Obstacle.POOL_FULL: (
        "The pooler has no free connection to the server.",
        "Wait, or let its administrator enlarge the pool.",
    ),
    Obstacle.CLIENTS_FULL: (
        "The pooler accepts no more clients.",
        "Wait, or let its administrator raise the limit (PgBouncer: max_client_conn).",
    ),
    Obstacle.NO_FIRST_ANSWER: (
        "The login went through, but the first query was not answered in time.",
        "If a pooler such as PgBouncer is in between, its pool is full: wait, or let its administrator enlarge it.",
    ),
    Obstacle.NO_SLOT: (
        "The server has no free connection.",
        "Wait, or let its administrator raise max_connections.",
    ),
    Obstacle.NOT_READY: ("The server is starting up or shutting down.", "Try again in a moment."),
}
"""What each obstacle to a connection is, and what to do about it."""

STORED_PASSWORD_REFUSED = (
    "The server refused the password that is stored in the keyring.",
    "Type the right one in the wizard, which can store it in its place; or set PGPASSWORD, which comes first.",
)
"""The same of a password that was looked for when the server asked for one."""

STRANGERS: Mapping[Stranger, str] = {
    Stranger.WEB: "a web server",
    Stranger.TLS: "a server that speaks TLS only, such as a web server",
    Stranger.SSH: "an SSH server",
    Stranger.MYSQL: "MySQL or MariaDB",
    Stranger.REDIS: "Redis or Valkey",
    Stranger.MAIL_OR_FTP: "a mail or FTP server",
}
"""What answers, where it can be recognised."""


NAME_FAULTS: Mapping[NameFault, str] = {
    NameFault.UNPRINTABLE: "User or Database has a character that cannot be pasted.",
    NameFault.TOO_LONG: "PostgreSQL takes names of 63 bytes at most. Shorten User or Database.",
    NameFault.RESERVED: "PostgreSQL keeps role names that begin with pg_, “public” and “none” for itself. Put another "
    "name into User.",
}
"""Why there is no SQL for the names in the form."""


def obstacle_met(obstacle: Obstacle, stranger: Stranger | None = None) -> str:
    """Why no connection could be opened, in a sentence; ``stranger`` answers there instead of PostgreSQL."""
    if stranger is not None and stranger in STRANGERS:
        return f"What answers at that address is no PostgreSQL, but {STRANGERS[stranger]}."
    return OBSTACLES[obstacle][0]
