"""The destination that a flag names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from vestige_tui.cli.completion import destinations
from vestige_tui.core.dsn import EMBEDDED, Dsn
from vestige_tui.user.credentials import Keyring, with_stored_password

postgres_url = click.option(
    "--postgres-url",
    required=True,
    shell_complete=destinations,
    help='The destination: a URL or connection string as libpq takes them, or "embedded" for a PostgreSQL that '
    "vestige-tui runs itself. Leave the password to PGPASSWORD, a passfile or the keyring.",
)


@contextmanager
def opened(url: str) -> Iterator[Dsn]:
    """The destination of a URL. ``embedded`` is a server that runs for as long as the block.

    The keyring is asked for a password where the server wants one that neither the URL nor libpq's places have.
    """
    if url.strip() == EMBEDDED:
        from vestige_tui.core.destination.embedded import EmbeddedServer
        from vestige_tui.user.settings import embedded_folder

        with EmbeddedServer(embedded_folder()) as server:
            yield server.dsn
    else:
        yield with_stored_password(Dsn.parse(url), Keyring())
