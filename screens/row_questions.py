"""What the workbench asks of the source and the destination, in threads: rows, and what they can refer to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vestige_tui.core.dsn import Dsn
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.rows.tables import BY_NAME, GROUPS, USERS
from vestige_tui.core.run.people import Person
from vestige_tui.core.run.people import people as people_of
from vestige_tui.core.source.broken_rows import BrokenRow, Wanted, broken_rows
from vestige_tui.screens.cases import Case, Reference

People = Mapping[str, Sequence[Person]]
"""Users and groups, by the name of their table."""


def wanted(case: Case) -> Wanted:
    """How the source finds a row with a problem, and the field with it."""
    later = case.error.kind is Kind.DUPLICATE_ID  # the first row of that id is the one that counts
    return Wanted(case.error.table, case.error.row, case.error.field, case.place + later)


def look(path: Path, case: Case) -> BrokenRow | None:
    """A row as it is in the source; of one with a problem in its key, also what refers to it."""
    is_key = case.error.field in BY_NAME[case.error.table].key
    return broken_rows(path, [wanted(case)], with_referring=is_key)[0]


def references(path: Path, waiting: Iterable[RowError]) -> dict[Reference, str]:
    """To which rows these refer."""
    asked = [Wanted(error.table, error.row, error.field) for error in waiting]
    found = {}
    for each, row in zip(asked, broken_rows(path, asked), strict=True):
        if row is not None and row.value is not None and each.field is not None:
            found[each.table, each.row, each.field] = row.text or str(row.value)
    return found


def people(path: Path, dsn: Dsn) -> People:
    """Users and groups of both sides."""
    return {table.name: people_of(path, dsn, table.name) for table in (USERS, GROUPS)}


def needs_people(case: Case) -> bool:
    """Whether an answer may have to name one."""
    return case.error.field in ("owner_user_id", "shared_with_groups")
