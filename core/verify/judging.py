"""Judges a block of rows: columns at once where they are equal, value by value where they are not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import Table
from vestige_tui.core.verify.expectation import MISSING, Block
from vestige_tui.core.verify.expectation.shapes import EMBEDDING, Field
from vestige_tui.core.verify.expectation.values import Lost, content, scores
from vestige_tui.core.verify.meaning import equal
from vestige_tui.core.verify.quick import Lane, lane
from vestige_tui.core.verify.result import Difference, DifferenceKind
from vestige_tui.core.verify.stored import StoredRows

_METADATA = "metadata"


@dataclass(slots=True)
class Verdict:
    """What became of the rows of a block, in numbers, and the differences in the order of the keys.

    ``extra`` are rows of the destination that no row of the block can be.
    """

    equal: int = 0
    different: int = 0
    missing: int = 0
    left_out: int = 0
    extra: int = 0
    differences: list[Difference] = field(default_factory=list)


class Judge:
    """Judges the rows of one table.

    ``key`` are the columns by which both sides are read; ``dimension`` is that of the memories' vectors, None for any.
    ``absent`` tells whether a row that the destination lacks cannot be at any destination; None: that is not asked, and
    such a row is counted and not listed. ``made`` is the key of a row that a copy makes itself, since the source's own
    cannot arrive.
    """

    def __init__(
        self,
        table: Table,
        key: Sequence[str],
        dimension: int | None,
        absent: Callable[[Block, int], bool] | None,
        made: tuple[str, ...] | None = None,
    ) -> None:
        self._table = table
        self._key = key
        self._dimension = dimension
        self._absent = absent
        self._made = made
        self._lanes: dict[str, Lane] = {}

    def judge(self, block: Block, rows: StoredRows) -> Verdict:
        """Judge a block; ``rows`` are those that the destination has of it. Raises ``sqlite3.Error``."""
        verdict = Verdict(extra=rows.extra)
        listed: dict[int, list[Difference]] = {}
        suspected = self._suspected(block, rows)
        if self._made is not None:
            for position in [at for at, place in enumerate(rows.places) if _key(block, place) == self._made]:
                suspected[position] = []
        verdict.equal = len(rows.places) - len(suspected)
        for position, names in suspected.items():
            place = rows.places[position]
            judged = block.row(place, names)
            if judged.values is None or not names:
                verdict.left_out += 1
                verdict.extra += 1
            elif differing := self._differing(names, judged.values, rows, position):
                verdict.different += 1
                key, old = _key(block, place), rows.old[position]
                listed[place] = [
                    Difference(self._table.name, judged.label, name, DifferenceKind.DIFFERENT, key, old)
                    for name in differing
                ]
            else:
                verdict.equal += 1
        if len(rows.places) < len(block):
            self._judge_absent(block, {*range(len(block))}.difference(rows.places), verdict, listed)
        verdict.differences = [difference for place in sorted(listed) for difference in listed[place]]
        return verdict

    def _judge_absent(
        self, block: Block, places: set[int], verdict: Verdict, listed: dict[int, list[Difference]]
    ) -> None:
        """Judge the rows that the destination lacks."""
        if self._absent is None:
            verdict.missing += len(places)
            return
        for place in places:
            if self._absent(block, place):
                verdict.left_out += 1
                continue
            verdict.missing += 1
            label = block.row(place, self._table.key).label
            listed[place] = [Difference(self._table.name, label, None, DifferenceKind.MISSING, _key(block, place))]

    def _differing(self, names: Sequence[str], expected: dict[str, Any], rows: StoredRows, position: int) -> list[str]:
        """Which of these columns differ."""
        return [name for name in names if not equal(self._type(name), expected[name], rows.columns[name][position])]

    def _suspected(self, block: Block, rows: StoredRows) -> dict[int, list[str]]:
        """By position of a row, the columns that have to be looked at value by value."""
        found: defaultdict[int, list[str]] = defaultdict(list)
        if not rows.places:
            return found
        cut: set[int] = set()
        for name, one in block.shape.fields.items():
            if name in self._key or name == _METADATA:
                continue
            positions = self._suspects(name, one, block, rows)
            for position in positions:
                found[position].append(name)
            if one.indexed:
                cut.update(positions)
        if _METADATA in block.shape.fields:  # it takes along what has no column, and what was cut of others
            enriched = cut.union(
                position
                for values in block.extra.values()
                for position, place in enumerate(rows.places)
                if values[place] is not None
            )
            for position in enriched.union(self._suspects(_METADATA, block.shape.fields[_METADATA], block, rows)):
                found[position].append(_METADATA)
        return found

    def _suspects(self, name: str, one: Field, block: Block, rows: StoredRows) -> Sequence[int]:
        """The positions whose value the quick lane does not accept."""
        source, stored = block.columns[name], rows.columns[name]
        if name in block.mixed:
            return range(len(rows.places))
        if source[0] is MISSING:
            return self._suspects_of_missing(name, block, rows)
        if len(rows.places) < len(block):
            source = [source[place] for place in rows.places]
        if name not in self._lanes:
            self._lanes[name] = self._lane(name, one)
        return self._lanes[name]([*source], stored)

    def _suspects_of_missing(self, name: str, block: Block, rows: StoredRows) -> Sequence[int]:
        """The same for a column that the source does not have: the same value is expected of all rows, except where
        metadata takes along what has no column. Those rows are judged anyway.
        """
        every, stored = range(len(rows.places)), rows.columns[name]
        usual = block.shape.fields[name].empty
        if usual is Lost or not equal(self._type(name), usual, stored[0]):
            return every
        first = stored[0]
        return [position for position in every if stored[position] != first]

    def _lane(self, name: str, one: Field) -> Lane:
        return lane(
            self._type(name),
            nullable=one.null,
            allowed=one.allowed,
            indexed=one.indexed,
            filled=one.rule is content,
            numbers=one.rule is scores,
            dimension=self._dimension if (self._table.name, name) == EMBEDDING else None,
        )

    def _type(self, name: str) -> PgType:
        return self._table.columns[self._table.position(name)].type


def _key(block: Block, place: int) -> tuple[str, ...]:
    return tuple(column[place] for column in block.key_columns)
