"""Testing a destination: which password is tried, and what each obstacle means, in terms of the form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from vestige_tui.core.destination.probe import create_database, probe
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError
from vestige_tui.core.explain import obstacle_met
from vestige_tui.core.facts import DataState, Obstacle
from vestige_tui.core.secret import Secret
from vestige_tui.screens.dsn_fields import with_password
from vestige_tui.screens.machine import EmbeddedHost, PasswordStore
from vestige_tui.screens.state import PasswordOrigin, Target

Rows = Mapping[str, int] | None
"""How many rows the source has for each table, where one is chosen."""


@dataclass(frozen=True, slots=True)
class Tested:
    """A destination that answered, and what became of the wish to remember its password."""

    target: Target
    keyring_problem: str | None = None
    remembered: bool = False


def try_server(dsn: Dsn, passwords: PasswordStore, *, remember: bool, rows: Rows = None) -> Tested:
    """Connect with what the fields say, then with what libpq finds by itself, then with the keyring's password.

    ``rows`` is how many the source has for each table. Raises ``DestinationError``. A password that was typed is put
    into the keyring when ``remember`` says so.
    """
    typed = dsn.parameters.get("password")
    account = passwords.account(dsn)
    try:
        found = probe(dsn, rows=rows)
    except DestinationError as error:
        stored = passwords.get(account) if error.obstacle is Obstacle.NO_PASSWORD and not typed else None
        if stored is None:
            raise _in_terms_of_the_fields(error) from None
        return Tested(_with_stored(dsn, stored, rows))
    if not typed:
        return Tested(Target(dsn, found))
    tested = Tested(Target(dsn, found, password=PasswordOrigin.TYPED))
    if not remember:
        return tested
    problem = passwords.set(account, Secret(typed))
    return replace(tested, keyring_problem=problem, remembered=problem is None)


def try_embedded(host: EmbeddedHost, rows: Rows = None) -> Tested:
    """Start the embedded server and look at it. Raises ``MigrationError``."""
    dsn = host.start()
    return Tested(Target(dsn, probe(dsn, rows=rows), embedded=True))


def create_and_try(dsn: Dsn, passwords: PasswordStore, *, remember: bool, rows: Rows = None) -> Tested:
    """Create the database that is missing, and test again. Raises ``DestinationError``."""
    stored = passwords.get(passwords.account(dsn)) if not dsn.parameters.get("password") else None
    try:
        create_database(dsn)
    except DestinationError as error:
        if error.obstacle is not Obstacle.NO_PASSWORD or stored is None:
            raise _in_terms_of_the_fields(error) from None
        create_database(with_password(dsn, stored.reveal()))
    return try_server(dsn, passwords, remember=remember, rows=rows)


def no_answer(seconds: int) -> DestinationError:
    """What is said when a test has been given up."""
    return DestinationError(
        f"No answer within {seconds} seconds.",
        state=DataState.ONLY_TESTED,
        remedy=_REMEDIES[Obstacle.NO_ANSWER],
    )


def _with_stored(dsn: Dsn, stored: Secret, rows: Rows) -> Target:
    complete = with_password(dsn, stored.reveal())
    try:
        return Target(complete, probe(complete, rows=rows), password=PasswordOrigin.KEYRING)
    except DestinationError as error:
        raise _in_terms_of_the_fields(error, from_keyring=True) from None


def _in_terms_of_the_fields(error: DestinationError, *, from_keyring: bool = False) -> DestinationError:
    """The same in fewer words: the fields with the destination are in sight, and nothing can have been changed."""
    obstacle = error.obstacle
    if obstacle is None:
        return error
    wrong_in_keyring = from_keyring and obstacle is Obstacle.WRONG_PASSWORD
    remedy = _WRONG_IN_KEYRING if wrong_in_keyring else _REMEDIES[obstacle]
    what = obstacle_met(obstacle, error.stranger)
    return DestinationError(what, state=DataState.ONLY_TESTED, remedy=remedy, obstacle=obstacle)


_WRONG_IN_KEYRING = "The password came from the keyring. Type the right one, or choose Forget it."
_REMEDIES = {
    Obstacle.NO_ANSWER: "Check host and port, and whether a firewall or a missing VPN is in the way.",
    Obstacle.SILENT: "Check host and port. If it is PostgreSQL, it hangs, or a proxy in between does.",
    Obstacle.NOT_POSTGRESQL: "Check host and port: PostgreSQL usually listens at 5432.",
    Obstacle.WRONG_PASSWORD: "Check user and password.",
    Obstacle.NO_PASSWORD: "Type it into the field Password.",
    Obstacle.UNKNOWN_HOST: "Check how the host is spelt, and your network or VPN.",
    Obstacle.REFUSED: "Check host and port, that PostgreSQL is running there, and that it listens on that address "
    "(listen_addresses in postgresql.conf).",
    Obstacle.TLS_REQUIRED: "Set TLS to “always”.",
    Obstacle.NOT_ALLOWED: "Check user and database; else the server's administrator has to allow your address "
    "(pg_hba.conf).",
    Obstacle.NO_TLS: "Set TLS to “when offered”, where you trust the network in between.",
    Obstacle.TLS_FAILED: "Check the host's name and the certificate; “always” encrypts without checking it.",
    Obstacle.DATABASE_MISSING: "It can be created now, empty: choose Create database. Or name another one.",
    Obstacle.UNKNOWN_USER: "Check the user's name.",
    Obstacle.NO_SLOT: "Wait a moment and test again, or let its administrator raise max_connections.",
    Obstacle.POOL_FULL: "Wait a moment and test again, or let its administrator enlarge the pool.",
    Obstacle.CLIENTS_FULL: "Wait a moment and test again, or let its administrator raise max_client_conn.",
    Obstacle.NO_FIRST_ANSWER: "If a pooler such as PgBouncer is in between, its pool is full: wait, or let its "
    "administrator enlarge it.",
    Obstacle.NOT_READY: "Wait a moment and test again.",
}
"""What to do about each obstacle, in terms of the form's fields."""
