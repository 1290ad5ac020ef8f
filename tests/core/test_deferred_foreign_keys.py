"""Foreign keys that the server looks at when a transaction ends: rows at fault would have COMMIT fail, not themselves."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.hostile import complaints, foretold_and_copied
from tests.support.servers import Database
from tests.support.sources import Sources, edit, memory_ids
from vestige_tui.core.destination import inspection
from vestige_tui.core.rows.tables import TABLES

NOWHERE = "99999999-9999-4999-8999-999999999999"
BEFORE = {
    "empty tables": "TRUNCATE users, groups CASCADE",
    "empty tables beside full ones": "TRUNCATE edges, scheduling",
    "tables with rows": "DELETE FROM edges WHERE ctid IN (SELECT ctid FROM edges ORDER BY source_id LIMIT 12)",
}
"""What the destination has, by what is removed from a whole copy."""


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize(("batch_size", "way"), [(4, "session"), (500, "pooler")])
def test_rows_at_fault_alone_are_missing(
    sources: Sources,
    copied_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    before: str,
    batch_size: int,
    way: str,
) -> None:
    source = sources.seed()
    edit(source, "UPDATE edges SET target_id = ? WHERE rowid IN (6, 7, 15)", (NOWHERE,))
    memory = memory_ids(source)[0]
    edit(source, "UPDATE scheduling SET memory_id = ? WHERE memory_id = ?", (NOWHERE, memory))
    copied_database.execute(
        *(
            f"ALTER TABLE {table.name} ALTER CONSTRAINT {key.constraint(table.name)} DEFERRABLE INITIALLY DEFERRED"
            for table in TABLES
            for key in table.foreign_keys
        ),
        BEFORE[before],
    )
    if way == "pooler":  # each batch is a transaction of its own, in which the limits are lifted
        monkeypatch.setattr(inspection, "behind_pooler", lambda _: True)
        monkeypatch.setattr(inspection, "has_limits", lambda _: True)
    report = foretold_and_copied(source, copied_database, batch_size=batch_size)
    found = Counter((table, field, kind, copied) for table, _, field, kind, copied in complaints(report).elements())
    assert found == {
        ("edges", "target_id", "missing_reference", False): 3,
        ("scheduling", "memory_id", "missing_reference", False): 1,
    }
    assert (report.tables["edges"].read, report.tables["edges"].failed) == (20, 3)
    assert copied_database.value(f"SELECT count(*) FROM edges WHERE target_id = '{NOWHERE}'") == 0
    for table, rows in (("edges", 17), ("scheduling", 29)):
        assert report.tables[table].inserted + report.tables[table].already_present == rows
        assert copied_database.value(f"SELECT count(*) FROM {table}") >= rows
