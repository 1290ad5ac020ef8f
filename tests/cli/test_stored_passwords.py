"""The commands at a server that wants a password, which the keyring has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from keyring.errors import KeyringLocked

from tests.cli.commands import VestigeTui
from tests.support.clusters import Cluster, running_cluster
from tests.support.keyrings import use_memory_backend
from tests.support.servers import Database
from vestige_tui.cli.exit_codes import ExitCode
from vestige_tui.user.credentials import SERVICE, Keyring

CANARY = "canary-7f3a"


@pytest.fixture
def database() -> Iterator[Database]:
    """An empty database of a role with a password, on a server that asks for it."""
    with running_cluster() as cluster, cluster.database() as database:
        database.execute("CREATE EXTENSION vector", f"CREATE ROLE keeper LOGIN PASSWORD '{CANARY}'")
        database.execute(f"ALTER DATABASE {database.name} OWNER TO keeper")
        _ask_for_passwords(cluster)
        several = f"{database.dsn.parameters['host']},localhost"  # each address of several is tried
        yield Database(database.name, database.dsn.with_parameters(user="keeper", host=several))


def _ask_for_passwords(cluster: Cluster) -> None:
    rules = cluster.data / "pg_hba.conf"
    rules.write_text("host all keeper all scram-sha-256\n" + rules.read_text())
    cluster.restart("fast")


def test_every_command_uses_the_stored_password(
    database: Database,
    small_source: Path,
    vestige_tui: VestigeTui,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(database.dsn.conninfo())
    backend = use_memory_backend(monkeypatch)
    account = Keyring().account(database.dsn)
    log = home / "run.log"

    said = vestige_tui.copy(small_source, database)
    assert said.code == ExitCode.UNUSABLE
    assert "The server wants a password, and none was given." in said.err
    assert "the wizard remember it in the keyring" in said.err

    backend.kept[SERVICE, account] = CANARY
    commands = (
        ("migrate", "copy", "--from", "sqlite", "--to", "postgres", "--sqlite-path", small_source, "--log-file", log),
        ("verify", "--sqlite-path", small_source),
        ("search",),
        ("migrate", "reembed", "--abandon", "--no-confirm"),
    )
    for command in commands:
        backend.calls = 0
        said = vestige_tui(*command, "--postgres-url", database.url)
        assert said.code == ExitCode.CLEAN, said.err
        assert backend.calls == 1, command
        assert CANARY not in said.said + log.read_text()

    backend.error = KeyringLocked("dismissed")
    said = vestige_tui("search", "--postgres-url", database.url)
    assert said.code == ExitCode.UNUSABLE
    assert "The server wants a password. The keyring is locked, and was not unlocked." in said.err

    backend.error = None
    backend.kept[SERVICE, account] = "another"
    said = vestige_tui("search", "--postgres-url", database.url)
    assert said.code == ExitCode.UNUSABLE
    assert "The server refused the password that is stored in the keyring." in said.err

    backend.calls = 0
    monkeypatch.setenv("PGPASSWORD", CANARY)
    assert vestige_tui("search", "--postgres-url", database.url).code == ExitCode.CLEAN
    assert backend.calls == 0, "libpq's own places come first"
