"""Which rows a copy has to take once more for the answers that were given since the last one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vestige_tui.core.repairs.document import Repair
from vestige_tui.core.repairs.labels import Labels
from vestige_tui.core.repairs.references import LISTS
from vestige_tui.core.rows.problems import NIL_UUID, Kind
from vestige_tui.core.rows.tables import BY_NAME, TABLES
from vestige_tui.screens.state import WizardState

_REFERRED_TO = frozenset({*LISTS.values(), *(key.table for table in TABLES for key in table.foreign_keys)})
_MEMORIES = "knowledge_nodes"


def changed_answers(state: WizardState) -> Sequence[Repair]:
    """The answers that the last copy did not have."""
    if state.report is None:
        return ()
    before = {(each.table, each.row, each.fingerprint): each for each in state.report.plan.repairs.entries}
    return [each for each in state.repairs.entries if before.get((each.table, each.row, each.fingerprint)) != each]


def rows_to_bring(state: WizardState) -> Mapping[str, frozenset[str]] | None:
    """The rows with new answers and those that wait for others, by the names that the copy gives them. None for all
    rows: what is left out takes others along, and a new id may be in any row.
    """
    changed = changed_answers(state)
    if any(_concerns_others(each) for each in changed):
        return None
    labels = Labels(state.repairs)
    rows = {(each.table, each.row) for each in changed}
    rows |= {(each.table, each.row) for each in state.unsettled if each.kind is Kind.MISSING_REFERENCE}
    found: dict[str, set[str]] = {}
    for table, row in rows:
        if (label := labels.after(table, row)) != NIL_UUID:
            found.setdefault(table, set()).add(label)
    return {table: frozenset(names) for table, names in found.items()}


def _concerns_others(repair: Repair) -> bool:
    if repair.leave_out is not None or repair.row == NIL_UUID:
        return True
    table = BY_NAME[repair.table]
    renamed = len(table.key) == 1 and table.key[0] in repair.values
    return renamed and table.name in _REFERRED_TO and table.name != _MEMORIES
