"""Repairs that change one after the other, as an operator answers."""

from __future__ import annotations

from typing import Any, NamedTuple

from vestige_tui.core.repairs.document import Repair, Repairs


class RowName(NamedTuple):
    """A row of the source: its label there, and its ``fingerprint``. ``alone``: no other row has that label."""

    table: str
    row: str
    fingerprint: str | None = None
    alone: bool = True


class Answers:
    """The repairs of a source by row. An answer replaces what the row had: a value that of its field, all else all."""

    def __init__(self, repairs: Repairs) -> None:
        self._rows: dict[tuple[str, str], list[Repair]] = {}
        for repair in repairs.entries:
            self._rows.setdefault((repair.table, repair.row), []).append(repair)

    @property
    def repairs(self) -> Repairs:
        """What the file of repairs holds."""
        return Repairs(tuple(repair for repairs in self._rows.values() for repair in repairs))

    def of(self, row: RowName) -> Repair | None:
        """The repair of a row; one that was made of another state of it counts, where no other row can be meant."""
        return next((repair for repair in self._rows.get(row[:2], ()) if _means(repair, row)), None)

    def set(self, row: RowName, field: str, value: Any) -> None:
        """Give a field of a row a value."""
        before = self.of(row)
        values = dict(before.values) if before is not None and before.leave_out is None else {}
        self._put(row, Repair(row.table, row.row, values | {field: value}, fingerprint=row.fingerprint))

    def leave_out(self, row: RowName, reason: str) -> None:
        """Leave a row out."""
        self._put(row, Repair(row.table, row.row, leave_out=reason, fingerprint=row.fingerprint))

    def drop(self, row: RowName) -> None:
        """Take the answers of a row back."""
        self._put(row, None)

    def _put(self, row: RowName, repair: Repair | None) -> None:
        repairs = [each for each in self._rows.get(row[:2], ()) if not _means(each, row)]
        if repair is not None:
            repairs.append(repair)
        if repairs:
            self._rows[row[:2]] = repairs
        else:
            self._rows.pop(row[:2], None)


def _means(repair: Repair, row: RowName) -> bool:
    return row.alone or repair.fingerprint in (None, row.fingerprint)
