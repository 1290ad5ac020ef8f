"""Odd but legal sources through a dry run, a copy and a second copy: every value is where the reading says it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.destination import differences, read_table, without_made_user
from tests.support.digests import of_destination, of_source
from tests.support.expected import BOOTSTRAP_USER
from tests.support.hostile import assert_foretold, complaints
from tests.support.odd_sources import HASH, OddSource, odd_sources
from tests.support.odd_values import MODEL
from tests.support.reading import read_source
from tests.support.runs import TABLES, assert_nothing_new, copy
from tests.support.servers import Connection, Database, Server
from tests.support.sources import SMALL_SPEC, Sources, edit
from tests.support.verifying import assert_same_in_two_parts
from vestige_tui.core.errors import ModelMismatchError
from vestige_tui.core.notices import shared_name
from vestige_tui.core.report import Outcome
from vestige_tui.core.source.describe import describe


@dataclass(frozen=True)
class Prepared:
    """A destination for vectors of one dimension, and a connection to it."""

    dimension: int
    database: Database
    connection: Connection


@pytest.fixture(scope="module", params=[3, 256])
def prepared(
    request: pytest.FixtureRequest, server: Server, source_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prepared]:
    """A destination whose tables are there and empty."""
    source = Sources(source_cache, tmp_path_factory.mktemp("empty")).seed(SMALL_SPEC)
    edit(source, "UPDATE embedding_model SET dimension = ?, hash = ?", (request.param, HASH))
    for table in ("edges", "review_events", "scheduling", "group_memberships", "knowledge_nodes", "groups", "domains"):
        edit(source, f"DELETE FROM {table}")
    edit(source, "DELETE FROM users WHERE id <> ?", (str(BOOTSTRAP_USER),))
    with server.database() as database:
        copy(source, database)
        with database.connect() as connection:
            yield Prepared(request.param, database, connection)


@pytest.mark.long
@pytest.mark.parametrize("layout", ["seed", "published"])
def test_any_source(layout: str, prepared: Prepared, tmp_path: Path) -> None:
    @given(odd_sources(layout, prepared.dimension), st.sampled_from([1, 3, 500]))
    @settings(
        max_examples=settings().max_examples // 16,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    def check(odd: OddSource, batch_size: int) -> None:
        check_arrives(odd, prepared, tmp_path / "vestige.db", batch_size)

    check()


def check_arrives(odd: OddSource, prepared: Prepared, path: Path, batch_size: int) -> None:
    """Dry run, copy and second copy of a source into the emptied destination, and the comparison of every value."""
    source, destination, connection = odd.write(path), prepared.database, prepared.connection
    wanted = read_source(source, prepared.dimension, MODEL)
    for table in ("knowledge_nodes", "groups", "domains", "users"):  # quicker than TRUNCATE for so few rows
        connection.execute(f"DELETE FROM {table}".encode())
    how: dict[str, Any] = {"batch_size": batch_size, "max_connections": 1, "upgrade_copy": odd.is_old}
    if wanted.model not in (None, (MODEL, prepared.dimension)):
        for dry_run in (True, False):
            with pytest.raises(ModelMismatchError):
                copy(source, destination, dry_run=dry_run, **how)
        return
    preview = copy(source, destination, dry_run=True, **how)
    report = copy(source, destination, **how)
    again = copy(source, destination, **how)

    found = {table: read_table(connection, table) or {} for table in TABLES}
    found["users"] = without_made_user(found["users"], wanted.made_user)
    different = {table: differences(found[table], wanted.rows[table]) for table in TABLES}
    assert not any(different.values()), {table: rows for table, rows in different.items() if rows}
    digests = of_source(source, MODEL, prepared.dimension)
    assert digests == of_destination(connection, without_made_user=wanted.made_user is not None)
    for table in TABLES:
        counted = report.tables[table]
        assert (counted.read, counted.failed) == (wanted.read[table], wanted.failed[table]), table
    reported = complaints(report)
    assert reported == wanted.complaints, {
        "only told": reported - wanted.complaints,
        "not told": wanted.complaints - reported,
    }
    assert (report.outcome is Outcome.CLEAN) == (not wanted.complaints)
    assert report.left_behind == wanted.left_behind
    described = describe(source)
    assert {(shared.table, shared.column): shared.rows for shared in described.shared_names} == wanted.renamed
    assert {
        shared_name(shared.table, shared.column, shared.kept_as, shared.rows) for shared in described.shared_names
    } <= {*preview.notices} & {*report.notices}
    assert_foretold(preview, report)
    assert_nothing_new(report, again)
    connection.execute("UPDATE knowledge_nodes SET domains = domains || '{z}'")
    connection.execute(
        "UPDATE edges SET weight = -1; DELETE FROM review_events WHERE get_byte(uuid_send(id), 15) < 128"
    )
    assert_same_in_two_parts(source, destination, MODEL)
