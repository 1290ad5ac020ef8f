"""Repairs of one source that two programs have changed at the same time."""

from __future__ import annotations

from vestige_tui.core.repairs.document import Repair, Repairs

_Name = tuple[str, str, str | None]


def merged(before: Repairs, ours: Repairs, theirs: Repairs) -> Repairs:
    """``theirs`` with what ``ours`` has changed since ``before``: each row that we answered anew or took back."""
    known, wanted = _by_row(before), _by_row(ours)
    found = _by_row(theirs)
    for name in known.keys() | wanted.keys():
        if known.get(name) != wanted.get(name):
            found.pop(name, None)
    changed = {name: repair for name, repair in wanted.items() if known.get(name) != repair}
    return Repairs((*(found | changed).values(),))


def _by_row(repairs: Repairs) -> dict[_Name, Repair]:
    return {(each.table, each.row, each.fingerprint): each for each in repairs.entries}
