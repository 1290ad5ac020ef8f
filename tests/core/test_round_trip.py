"""Random rows, sound and broken, through a source file and a copy and back: nothing is lost but what is named."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.destination import Row, differences, read_table, without_made_user
from tests.support.hostile import assert_foretold, complaints
from tests.support.odd_values import MODEL, PUBLISHED, SEED, rows_of
from tests.support.reading import read_source
from tests.support.runs import TABLES, copy
from tests.support.servers import Database, Server
from vestige_tui.core.verify.expectation import Text

DIMENSION, HASH = 3, "ab" * 32


def write_source(path: Path, layout: dict[str, dict[str, Any]], rows: dict[str, list[Row]]) -> Path:
    """A source without a type or a constraint in it: every value is stored as it is."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        for table, columns in layout.items():
            names = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
            connection.execute(f"CREATE TABLE {table} ({names})")
            for row in rows[table]:
                places = ", ".join("CAST(? AS TEXT)" if isinstance(row[name], Text) else "?" for name in columns)
                values = [bytes(row[name]) if isinstance(row[name], bytes) else row[name] for name in columns]
                connection.execute(f"INSERT INTO {table} VALUES ({places})", values)
        connection.execute("CREATE TABLE embedding_model (id, name, dimension, hash)")
        connection.execute("INSERT INTO embedding_model VALUES (1, ?, ?, ?)", (MODEL, DIMENSION, HASH))
        connection.execute("COMMIT")
    return path


@pytest.fixture(scope="module")
def prepared(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A destination whose tables are there and empty, without the indexes that take long to build."""
    folder = tmp_path_factory.mktemp("empty")
    with server.database() as database:
        copy(write_source(folder / "vestige.db", SEED, {table: [] for table in SEED}), database)
        yield database


@pytest.mark.long
@pytest.mark.parametrize(("name", "layout"), [("seed", SEED), ("published", PUBLISHED)], ids=["seed", "published"])
def test_whatever_is_in_a_source(
    name: str, layout: dict[str, dict[str, Any]], prepared: Database, tmp_path: Path
) -> None:
    """Rows, values, complaints and counts are those of the independent reading, and the dry run foretold them."""

    @given(rows_of(layout), st.sampled_from([1, 2, 500]))
    @settings(
        max_examples=settings().max_examples // 8,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    def check(rows: dict[str, list[Row]], batch_size: int) -> None:
        source = write_source(tmp_path / "vestige.db", layout, rows)
        wanted = read_source(source, DIMENSION, MODEL)
        for table in ("knowledge_nodes", "groups", "domains", "users"):  # quicker than TRUNCATE for so few rows
            connection.execute(f"DELETE FROM {table}".encode())
        preview = copy(source, prepared, dry_run=True, batch_size=batch_size, max_connections=1)
        report = copy(source, prepared, batch_size=batch_size, max_connections=1)

        found = {table: read_table(connection, table) or {} for table in TABLES}
        found["users"] = without_made_user(found["users"], wanted.made_user)
        for table in TABLES:
            assert differences(found[table], wanted.rows[table]) == {}, table
            assert report.tables[table].read == wanted.read[table], table
            assert report.tables[table].failed == wanted.failed[table], table
        assert complaints(report) == wanted.complaints
        assert_foretold(preview, report)

    with prepared.connect() as connection:
        check()
