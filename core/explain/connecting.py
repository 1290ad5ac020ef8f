"""Why no connection to a server could be opened, and what to do about it."""

from __future__ import annotations

from vestige_tui.core.facts import Obstacle

OBSTACLES = {
    Obstacle.NO_ANSWER: (
        "The server did not answer in time.",
        "Check host and port, and that no firewall is in the way.",
    ),
    Obstacle.WRONG_PASSWORD: (
        "The server refused the password or the user name.",
        "Check both. A password can also come from PGPASSWORD or a passfile.",
    ),
    Obstacle.NO_PASSWORD: (
        "The server wants a password, and none was given.",
        "Put it in the URL, in PGPASSWORD or in a passfile.",
    ),
    Obstacle.UNKNOWN_HOST: ("The host name is unknown.", "Check its spelling, and your network or VPN."),
    Obstacle.REFUSED: (
        "Nothing answers at that address.",
        "Check host and port, that PostgreSQL runs there, and that it listens on that address.",
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
    Obstacle.NO_SLOT: (
        "The server has no free connection.",
        "Wait, or let its administrator raise max_connections.",
    ),
    Obstacle.NOT_READY: ("The server is starting up or shutting down.", "Try again in a moment."),
}
"""What each obstacle to a connection is, and what to do about it."""
