"""Testing a destination, and what each obstacle means, in terms of the form."""

from __future__ import annotations

from collections.abc import Mapping

from vestige_tui.core.destination.probe import create_database, probe
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError
from vestige_tui.core.explain import obstacle_met
from vestige_tui.core.facts import DataState, Obstacle
from vestige_tui.screens.machine import EmbeddedHost
from vestige_tui.screens.state import PasswordOrigin, Target

Rows = Mapping[str, int] | None
"""How many rows the source has for each table, where one is chosen."""


def try_server(dsn: Dsn, rows: Rows = None, password: PasswordOrigin = PasswordOrigin.TYPED) -> Target:
    """Connect with what the fields say, else with what libpq finds by itself.

    ``rows`` is how many the source has for each table; ``password`` is where the one of ``dsn`` comes from, if it has
    one. Raises ``DestinationError``.
    """
    try:
        found = probe(dsn, rows=rows)
    except DestinationError as error:
        raise _in_terms_of_the_fields(error, password) from None
    return Target(dsn, found, password=password if dsn.parameters.get("password") else PasswordOrigin.NONE)


def try_embedded(host: EmbeddedHost, rows: Rows = None) -> Target:
    """Start the embedded server and look at it. Raises ``MigrationError``."""
    dsn = host.start()
    return Target(dsn, probe(dsn, rows=rows), embedded=True)


def create_and_try(dsn: Dsn, rows: Rows = None, password: PasswordOrigin = PasswordOrigin.TYPED) -> Target:
    """Create the database that is missing, and test again. Raises ``DestinationError``."""
    try:
        create_database(dsn)
    except DestinationError as error:
        raise _in_terms_of_the_fields(error, password) from None
    return try_server(dsn, rows, password)


def no_answer(seconds: int) -> DestinationError:
    """What is said when a test has been given up."""
    return DestinationError(
        f"No answer within {seconds} seconds.",
        state=DataState.ONLY_TESTED,
        remedy=_REMEDIES[Obstacle.NO_ANSWER],
    )


def _in_terms_of_the_fields(error: DestinationError, password: PasswordOrigin) -> DestinationError:
    """The same in fewer words: the fields with the destination are in sight, and nothing can have been changed."""
    obstacle = error.obstacle
    if obstacle is None:
        return error
    wrong_in_keyring = password is PasswordOrigin.KEYRING and obstacle is Obstacle.WRONG_PASSWORD
    remedy = _WRONG_IN_KEYRING if wrong_in_keyring else _REMEDIES[obstacle]
    what = obstacle_met(obstacle, error.stranger)
    return DestinationError(what, state=DataState.ONLY_TESTED, remedy=remedy, obstacle=obstacle)


_WRONG_IN_KEYRING = (
    "The password came from the keyring. Type the right one, which replaces it there; or choose Forget it."
)
_REMEDIES = {
    Obstacle.NO_ANSWER: "Check host and port, and whether a firewall or a missing VPN is in the way.",
    Obstacle.SILENT: "Check host and port. If it is PostgreSQL, it hangs, or a proxy in between does.",
    Obstacle.NOT_POSTGRESQL: "Check host and port: PostgreSQL usually listens at 5432.",
    Obstacle.WRONG_PASSWORD: "Check user and password.",
    Obstacle.NO_PASSWORD: "Type it into the field Password.",
    Obstacle.UNKNOWN_HOST: "Check how the host is spelt, and your network or VPN.",
    Obstacle.REFUSED: "Check host and port, that PostgreSQL is running there, and that it listens on that address "
    "(listen_addresses in postgresql.conf).",
    Obstacle.FOLDER_GONE: "Put it back where it was, and test again.",
    Obstacle.TLS_REQUIRED: "Set TLS to “always”.",
    Obstacle.NOT_ALLOWED: "Check user and database; else the server's administrator has to allow your address "
    "(pg_hba.conf).",
    Obstacle.NO_TLS: "Set TLS to “when offered”, where you trust the network in between.",
    Obstacle.TLS_FAILED: "Check the host's name and the certificate; “always” encrypts without checking it.",
    Obstacle.DATABASE_MISSING: "It can be created now, empty: choose Create database. Or name another one.",
    Obstacle.UNKNOWN_USER: "Check the user's name. F2 has the SQL that makes it.",
    Obstacle.NO_SLOT: "Wait a moment and test again, or let its administrator raise max_connections.",
    Obstacle.POOL_FULL: "Wait a moment and test again, or let its administrator enlarge the pool.",
    Obstacle.CLIENTS_FULL: "Wait a moment and test again, or let its administrator raise max_client_conn.",
    Obstacle.NO_FIRST_ANSWER: "If a pooler such as PgBouncer is in between, its pool is full: wait, or let its "
    "administrator enlarge it.",
    Obstacle.NOT_READY: "Wait a moment and test again.",
}
"""What to do about each obstacle, in terms of the form's fields."""
