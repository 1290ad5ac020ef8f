"""Roles that may do less than its owner: a copy works, or is refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.refusing import assert_copied, refused
from tests.support.roles import DML, role
from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import Sources, edit
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import RefusedError
from vestige_tui.core.report import MigrationReport, Outcome

HNSW = "idx_knowledge_nodes_embedding_hnsw"


def refused_after_reading(source: Path, dsn: Dsn) -> RefusedError:
    """The refusal with which a dry run ends, after it has foretold all rows."""
    with pytest.raises(RefusedError) as caught:
        copy(source, dsn, dry_run=True)
    report = caught.value.report
    assert isinstance(report, MigrationReport)
    assert report.tables["knowledge_nodes"].inserted == 30
    assert (report.outcome, report.failure) == (Outcome.FAILED, caught.value.what)
    assert report.estimate is None, "a copy would be refused"
    return caught.value


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_role_that_may_make_no_tables(sources: Sources, tcp_database: Database, dry_run: bool) -> None:
    """A dry run reads everything, and is refused for it as the copy is."""
    tcp_database.execute("CREATE EXTENSION vector")
    with role(tcp_database) as dsn:
        source = sources.seed()
        error = refused_after_reading(source, dsn) if dry_run else refused(source, dsn, tcp_database)
    assert "create tables in schema public" in error.what
    assert "grant" in error.remedy.lower()


def test_a_role_that_may_make_tables(sources: Sources, tcp_database: Database) -> None:
    """And has nothing but that: it is all that a first copy needs, once pgvector is there."""
    source = sources.seed()
    tcp_database.execute("CREATE EXTENSION vector")
    with role(tcp_database, "GRANT CREATE, USAGE ON SCHEMA public TO {role}") as dsn:
        assert copy(source, dsn).outcome is Outcome.CLEAN
        assert_copied(source, tcp_database)


def test_a_role_that_may_add_no_extension(sources: Sources, tcp_database: Database) -> None:
    with role(tcp_database, "GRANT CREATE, USAGE ON SCHEMA public TO {role}") as dsn:
        error = refused(sources.seed(), dsn, tcp_database)
    assert "vector" in error.what or "CREATE EXTENSION vector" in error.remedy


@pytest.mark.parametrize("may", ["true", "node_type <> 'fact'"])
def test_a_role_under_row_level_security(sources: Sources, copied_tcp_database: Database, may: str) -> None:
    """COPY does not work there, INSERT does; rows that a policy refuses are reported."""
    source = sources.seed()
    copied_tcp_database.execute(
        "TRUNCATE knowledge_nodes CASCADE",
        "ALTER TABLE knowledge_nodes ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY chosen ON knowledge_nodes USING (true) WITH CHECK ({may})",
    )
    with role(copied_tcp_database, DML) as dsn:
        report = copy(source, dsn)
    facts = 0 if may == "true" else sum(error.table == "knowledge_nodes" for error in report.errors)
    assert report.tables["knowledge_nodes"].failed == facts
    assert copied_tcp_database.value("SELECT count(*) FROM knowledge_nodes") == 30 - facts
    assert (facts == 0) == (may == "true")


@pytest.mark.parametrize("table", ["users", "embedding_model"])
@pytest.mark.parametrize("policy", ["FOR SELECT USING (true)", "FOR INSERT WITH CHECK (true)", "TO CURRENT_USER", ""])
def test_a_role_without_policies_under_row_level_security(
    sources: Sources, copied_tcp_database: Database, table: str, policy: str
) -> None:
    """Rather than refusing every row, once for each: ``ON CONFLICT`` reads and inserts."""
    source = sources.seed()
    copied_tcp_database.execute(
        "DELETE FROM embedding_model",  # a model that is registered needs to be read only
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        *([f"CREATE POLICY narrow ON {table} {policy}"] if policy else []),
    )
    with role(copied_tcp_database, DML) as dsn:
        error = refused(source, dsn, copied_tcp_database)
    assert f"read and insert into {table}: row-level security has no policies" in error.what


def test_a_role_that_may_not_use_pgvector(sources: Sources, tcp_database: Database) -> None:
    tcp_database.execute("CREATE SCHEMA extensions", "CREATE EXTENSION vector SCHEMA extensions")
    with role(tcp_database, "GRANT CREATE, USAGE ON SCHEMA public TO {role}") as dsn:
        error = refused(sources.seed(), dsn, tcp_database)
    assert "use pgvector, which is in schema extensions (GRANT USAGE ON SCHEMA)" in error.what


def test_a_role_that_may_make_no_temporary_tables(sources: Sources, copied_tcp_database: Database) -> None:
    source = sources.seed()
    with role(copied_tcp_database, DML, "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC") as dsn:
        error = refused(source, dsn, copied_tcp_database)
    assert "create temporary tables" in error.what
    assert "GRANT TEMPORARY" in error.what


@pytest.mark.parametrize("privilege", ["SELECT", "INSERT"])
@pytest.mark.parametrize("table", ["knowledge_nodes", "edges", "embedding_model"])
def test_a_role_that_may_not_use_a_table(
    sources: Sources, copied_tcp_database: Database, table: str, privilege: str
) -> None:
    source = sources.seed()
    edit(source, "DELETE FROM edges")
    copied_tcp_database.execute("DELETE FROM embedding_model")
    with role(copied_tcp_database, DML, f"REVOKE {privilege} ON {table} FROM {{role}}") as dsn:
        error = refused(source, dsn, copied_tcp_database)
    assert table in error.what


@pytest.mark.parametrize("secured", [False, True])
def test_a_model_that_is_registered_needs_to_be_read_only(
    sources: Sources, copied_tcp_database: Database, secured: bool
) -> None:
    source = sources.seed()
    copied_tcp_database.execute("DELETE FROM knowledge_nodes")
    if secured:
        copied_tcp_database.execute(
            "ALTER TABLE embedding_model ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY reading ON embedding_model FOR SELECT USING (true)",
        )
    with role(copied_tcp_database, DML, *([] if secured else ["REVOKE INSERT ON embedding_model FROM {role}"])) as dsn:
        assert copy(source, dsn).outcome is Outcome.CLEAN
    assert_copied(source, copied_tcp_database)


def test_a_registered_model_that_a_role_does_not_see(sources: Sources, copied_tcp_database: Database) -> None:
    """A policy hides it: the server refuses another one, and what is lacking is said."""
    copied_tcp_database.execute(
        "ALTER TABLE embedding_model ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY reading ON embedding_model FOR SELECT USING (false)",
        "CREATE POLICY writing ON embedding_model FOR INSERT WITH CHECK (true)",
    )
    with role(copied_tcp_database, DML) as dsn:
        error = refused(sources.seed(), dsn, copied_tcp_database)
    assert error.remedy.endswith("policies to read and insert all rows under row-level security: embedding_model.")


def test_a_role_that_sees_no_schema(sources: Sources, tcp_database: Database) -> None:
    source = sources.seed()
    tcp_database.execute("CREATE EXTENSION vector", "CREATE SCHEMA memory")
    copy(source, tcp_database.dsn.with_parameters(options="-c search_path=memory,public"))
    with role(tcp_database, "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA memory TO {role}") as dsn:
        error = refused(source, dsn.with_parameters(options="-c search_path=memory"), tcp_database)
    assert "schema" in error.what


def test_a_role_that_may_only_fill_the_tables(sources: Sources, copied_tcp_database: Database) -> None:
    """All tables exist and belong to another role: it works, and says what it may not do."""
    source = sources.seed()
    copied_tcp_database.execute("DELETE FROM knowledge_nodes", f"DROP INDEX {HNSW}")
    with role(copied_tcp_database, DML) as dsn:
        report = copy(source, dsn)
    assert report.outcome is Outcome.INCOMPLETE
    assert [part.name for part in report.incomplete] == [HNSW]
    assert_copied(source, copied_tcp_database)


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_role_whose_transactions_are_read_only(sources: Sources, tcp_database: Database, dry_run: bool) -> None:
    tcp_database.execute("CREATE EXTENSION vector")
    source = sources.seed()
    with role(
        tcp_database,
        "GRANT CREATE, USAGE ON SCHEMA public TO {role}",
        "ALTER ROLE {role} SET default_transaction_read_only = on",
    ) as dsn:
        error = refused_after_reading(source, dsn) if dry_run else refused(source, dsn, tcp_database)
    assert "default_transaction_read_only" in error.what
