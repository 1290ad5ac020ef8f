"""What a destination should hold of a source, and what it cannot hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType

from vestige_tui.core.repairs.document import NO_REPAIRS, Repairs
from vestige_tui.core.verify.expectation.absence import Absence
from vestige_tui.core.verify.expectation.blocks import Block, Memories, TableRows
from vestige_tui.core.verify.expectation.judging import Complaint
from vestige_tui.core.verify.expectation.keyed import Key, KeyedRows, Survey
from vestige_tui.core.verify.expectation.names import File, Row
from vestige_tui.core.verify.expectation.origins import codebase_rule, find
from vestige_tui.core.verify.expectation.overlay import Overlay
from vestige_tui.core.verify.expectation.shapes import EMBEDDING, shapes
from vestige_tui.core.verify.expectation.upgrade import BOOTSTRAP_USER, adds_bootstrap_user
from vestige_tui.core.verify.expectation.vectors import Model, Profiles, model_of, vector_tables

_MEMORIES = EMBEDDING[0]


class Expectation:
    """Reads a source as a copy of it into an empty destination must arrive.

    ``connection`` is inside a read transaction; temporary tables are made over it, on disk, and nothing else. ``model``
    names the model whose vectors are copied (None: that of the file), ``dimension`` is how many elements the
    destination's vectors have (None: any). ``repairs`` are those that the copy was given, and that fit the file.
    ``surveys`` are those of another expectation of the same rows, which need no other scan of a table. All methods
    raise ``sqlite3.Error``.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        model: str | None = None,
        dimension: int | None = None,
        repairs: Repairs = NO_REPAIRS,
        surveys: Mapping[str, Survey] = MappingProxyType({}),
    ) -> None:
        self._surveys = {**surveys}
        self._file = File(connection)
        self._shapes = shapes(dimension)
        self._places = find(self._file, self._shapes)
        self._overlay = Overlay(self._file, self._shapes, self._places, repairs)
        self._rows: dict[tuple[str, tuple[str, ...]], TableRows] = {}
        self._model = model
        self.dimension = dimension
        self._absence = Absence(self._file, self._rows_of)

    @cached_property
    def counts(self) -> dict[str, int]:
        """The rows of each table that the file has, without those that an operator has left out."""
        found = {table: self._rows_of(table, None) for table in self._places}
        return {table: rows.rows.survey.count for table, rows in found.items() if rows is not None}

    def count(self, table: str) -> int:
        """The same of one table; 0 where the file has none."""
        found = self.survey(table)
        return 0 if found is None else found.count

    def survey(self, table: str) -> Survey | None:
        """What a scan of a table finds; None where the file has none."""
        found = self._rows_of(table, None)
        return None if found is None else found.rows.survey

    def add_surveys(self, surveys: Mapping[str, Survey]) -> None:
        """Take what another expectation of the same rows has found of tables that this one was not asked about yet."""
        self._surveys |= surveys

    @property
    def surveys(self) -> dict[str, Survey]:
        """What has been found by scanning each table."""
        found = {table: self._rows_of(table, None) for table in self._places}
        return {table: rows.rows.survey for table, rows in found.items() if rows is not None}

    def key_at(self, table: str, share: float) -> Key | None:
        """The beginning of a key before which there is about this share of a table's rows.

        None where no such key can be told cheaply: not of a table whose ids have to be brought into another form.
        """
        found = self._rows_of(table, None)
        if found is None or not found.rows.plain or not (sample := found.rows.survey.sample):
            return None
        return (sample[min(int(share * len(sample)), len(sample) - 1)],)

    @cached_property
    def model(self) -> Model | None:
        """The model whose vectors the file holds by what it says itself; None where it says nothing."""
        place = self._places.get(_MEMORIES)
        ids = (
            None
            if place is None
            else KeyedRows(
                self._file, place.origin.table, [(place.spelled["id"], self._shapes[_MEMORIES].fields["id"])], ()
            )
        )
        return model_of(self._file, self._profiles, ids)

    @cached_property
    def adds_user(self) -> bool:
        """Whether the upgrade to V15 adds the default owner of memories to the source's users."""
        return adds_bootstrap_user(self._file, self._places.get("users"))

    @cached_property
    def made_user(self) -> Row | None:
        """The default owner of memories where the source has none, so that the upgrade or the copy makes one; without
        its date. No block has it.
        """
        if self._absence.arrives("users", (str(BOOTSTRAP_USER),)):
            return None
        handle = self._absence.free_handle()
        return {"id": BOOTSTRAP_USER, "handle": handle, "display_name": "Local User", "metadata": {}}

    def blocks(
        self,
        table: str,
        size: int,
        *,
        first: Key | None = None,
        last: Key | None = None,
        key: tuple[str, ...] | None = None,
    ) -> Iterator[Block]:
        """The rows of a table in ascending order of their keys, in blocks of ``size``; shorter ones where rows are
        large.

        ``first`` is the first key of a range, ``last`` is the first key after it; both may be shorter than a key. The
        rows without a usable key come with the range that has no ``last``. ``key`` are the columns of the destination's
        own key, where that is not the description's.
        """
        rows = self._rows_of(table, key)
        return iter(()) if rows is None else rows.blocks(size, first, last)

    def may_be_absent(self, table: str, key: Key, columns: tuple[str, ...] | None = None) -> Complaint | None:
        """Why a row of a block cannot be at any destination, by the source alone; None where it can.

        This reads other rows of the source, so it is for rows that a destination lacks. ``columns`` are the ``key``
        that ``blocks`` was given.
        """
        return self._absence.reason(table, key, columns)

    @cached_property
    def _profiles(self) -> Profiles:
        return Profiles(self._file)

    @cached_property
    def _of_memories(self) -> Memories:
        name = self._model if self._model is not None else self.model and self.model.name
        known = None if name is None or self.dimension is None else Model(name, self.dimension)
        return Memories(
            vector_tables(self._file, self._profiles, self._overlay.moved_memories),
            name,
            known,
            codebase_rule(self._file),
        )

    def _rows_of(self, table: str, key: tuple[str, ...] | None) -> TableRows | None:
        """The rows of a table by a key; None where the file has no such table."""
        place, shape = self._places.get(table), self._shapes[table]
        if place is None:
            return None
        columns = key if key is not None else shape.key
        if (table, columns) not in self._rows:
            memories = (lambda: self._of_memories) if table == _MEMORIES else None
            self._rows[(table, columns)] = TableRows(
                self._file, table, shape, place, columns, memories=memories, patches=self._overlay.patches[table]
            )
            if columns == shape.key and table in self._surveys:
                self._rows[(table, columns)].rows.survey = self._surveys[table]
        return self._rows[(table, columns)]
