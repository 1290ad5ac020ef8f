"""Whatever way leads to a destination, and whatever is set for its role or database: the same rows arrive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql

from tests.support.clusters import Cluster, free_port
from tests.support.destination import differences, read_table
from tests.support.hostile import assert_foretold, complaints
from tests.support.odd_servers import Place, Role, Rules, Way, limits, rules, ways
from tests.support.reading import Reading, read_source
from tests.support.runs import TABLES, assert_nothing_new, copy
from tests.support.servers import Connection, Database
from tests.support.sources import MODEL_NAME, SMALL_SPEC, Sources, edit, memory_ids
from vestige_tui.core.dsn import Dsn

ROLES = [
    Role("odd_plain", "s3cret words"),
    Role('odd "Role" ü', r"""it's a \b@c:/d%20?e=f#&"g" """),
    Role("odd=role'x", "påß 密码 'q' \\"),
]
DATABASE = 'odd "base" é 100%'


@pytest.fixture(scope="module")
def odd_source(source_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Values that settings of a session can change, and rows that are broken."""
    source = Sources(source_cache, tmp_path_factory.mktemp("odd")).seed(SMALL_SPEC)
    ids = memory_ids(source)
    for memory, column, value in (
        (ids[0], "content", "naïve ½ “quotes” 密码 \U0001f600 \\ ' \\x41"),
        (ids[1], "tags", r'["NULL", "null", "", "a\"b", "c\\d", "{x,y}", " ü "]'),
        (ids[2], "metadata", r'{"é": "\u00e9\\", "number": 0.1000000000000000055511151231257827, "none": null}'),
        (ids[3], "codebase", "répertoire 'x' \\"),
        (ids[4], "created_at", "2026-03-29T01:30:00.123456789+00:00"),
        (ids[5], "metadata", "{broken"),
        (ids[6], "tags", '{"an": "object"}'),
        (ids[7], "visibility", "everyone"),
        (ids[8], "owner_user_id", "99999999-9999-4999-8999-999999999999"),
    ):
        assert edit(source, f"UPDATE knowledge_nodes SET {column} = ? WHERE id = ?", (value, memory)) == 1
    edit(
        source, "UPDATE scheduling SET stability = 0.1 + 0.2, difficulty = 1e-300, last_review = '0001-01-01 00:00:00'"
    )
    edit(source, "UPDATE edges SET weight = 1.0 / 3, edge_type = 'é''\\'")
    return source


@dataclass(frozen=True)
class Destination:
    """Where the rows go: a database with an odd name, and the superuser's way to it."""

    place: Place
    administrator: Connection
    wanted: Reading

    def empty(self) -> None:
        """Take away what an earlier copy has brought."""
        for table in ("knowledge_nodes", "groups", "domains", "users"):
            if self.administrator.execute("SELECT to_regclass(%s)", (f"public.{table}",)).fetchone() != (None,):
                self.administrator.execute(f"DELETE FROM {table}".encode())


@pytest.fixture(scope="module")
def odd_roles(cluster: Cluster) -> Iterator[None]:
    """Roles that log in with passwords, and a role that owns databases, of which they are members."""
    with cluster.administer() as connection:
        connection.execute("CREATE ROLE odd_roles NOLOGIN")
        for role in ROLES:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN IN ROLE odd_roles PASSWORD {}").format(
                    sql.Identifier(role.name), sql.Literal(role.password)
                )
            )
        _ask_for_passwords(cluster, connection)
        yield
        for name in (*(role.name for role in ROLES), "odd_roles"):
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@contextmanager
def odd_database(cluster: Cluster, name: str, source: Path, folder: Path) -> Iterator[Destination]:
    """A new database without a table, except some that only have the names of ours."""
    with cluster.administer() as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER odd_roles TEMPLATE template0").format(sql.Identifier(name))
        )
        try:
            with Database(name, cluster.dsn.with_parameters(dbname=name)).connect() as inside:
                for statement in (
                    "CREATE EXTENSION vector", "CREATE SCHEMA decoys", "CREATE TABLE decoys.users (id int)",
                    "GRANT USAGE ON SCHEMA decoys TO odd_roles", "GRANT CREATE ON SCHEMA public TO odd_roles",
                ):  # fmt: skip
                    inside.execute(statement.encode())
                place = Place(cluster.port, cluster.folder, free_port(), name, folder, _has_ipv6(cluster))
                yield Destination(place, inside, read_source(source, SMALL_SPEC.dimension, MODEL_NAME))
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def destination(
    cluster: Cluster, odd_roles: None, odd_source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Destination]:
    """A database that a first copy has prepared."""
    with odd_database(cluster, DATABASE, odd_source, tmp_path_factory.mktemp("ways")) as found:
        way = {"user": ROLES[0].name, "password": ROLES[0].password, "dbname": DATABASE, "options": "-c role=odd_roles"}
        copy(odd_source, cluster.dsn.with_parameters(**way))
        yield found


def _ask_for_passwords(cluster: Cluster, connection: Connection) -> None:
    """The roles of these tests have to give their passwords; the others are trusted as before."""
    rules = cluster.data / "pg_hba.conf"
    rules.write_text("host all +odd_roles all scram-sha-256\nlocal all +odd_roles scram-sha-256\n" + rules.read_text())
    connection.execute("SELECT pg_reload_conf()")
    wrong = cluster.dsn.with_parameters(user="odd_plain", password="wrong")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            psycopg.connect(wrong.conninfo()).close()
        except psycopg.OperationalError:
            return
    raise AssertionError("the server takes any password")


def _has_ipv6(cluster: Cluster) -> bool:
    try:
        psycopg.connect(cluster.dsn.with_parameters(host="::1").conninfo()).close()
    except psycopg.OperationalError:
        return False
    return True


def check_same_rows(destination: Destination, source: Path, role: Role, way: Way, rules: Rules) -> None:
    """Dry run, copy and second copy over one way under some settings; then every value is compared."""
    database = destination.place.database
    destination.empty()
    rules.apply(destination.administrator, role.name, database)
    try:
        with way.prepared():
            dsn = Dsn.parse(way.text)
            preview = copy(source, dsn, dry_run=True, max_connections=2)
            report = copy(source, dsn, max_connections=2)
            again = copy(source, dsn, max_connections=2)
    finally:
        rules.reset(destination.administrator, role.name, database)

    wanted = destination.wanted
    for table in TABLES:
        found = read_table(destination.administrator, table) or {}
        assert differences(found, wanted.rows[table]) == {}, table
        assert (report.tables[table].read, report.tables[table].failed) == (wanted.read[table], wanted.failed[table])
    assert complaints(report) == wanted.complaints
    assert_foretold(preview, report)
    assert_nothing_new(report, again)
    assert role.password not in report.to_json() + repr(dsn)


def generated(share: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Settings of a test that is one of its module: one example for so many of the profile's."""
    return settings(
        max_examples=max(1, settings().max_examples // share),
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )


@pytest.mark.long
def test_any_way_and_any_settings(destination: Destination, odd_source: Path) -> None:
    @given(st.data(), st.sampled_from(ROLES), rules())
    @generated(share=10)
    def check(data: st.DataObject, role: Role, rules: Rules) -> None:
        check_same_rows(destination, odd_source, role, data.draw(ways(destination.place, role)), rules)

    check()


def test_a_first_copy_under_any_limits(cluster: Cluster, odd_roles: None, odd_source: Path, tmp_path: Path) -> None:
    """Tables and indexes are made although the role's settings would end every step."""

    @given(st.data(), st.sampled_from(ROLES), limits())
    @generated(share=80)
    def check(data: st.DataObject, role: Role, rules: Rules) -> None:
        with odd_database(cluster, "odd first", odd_source, tmp_path) as fresh:
            check_same_rows(fresh, odd_source, role, data.draw(ways(fresh.place, role)), rules)

    check()
