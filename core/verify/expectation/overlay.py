"""What an operator's repairs make of a file's rows: values by rowid, and rows that are left out.

Written separately from the copy's overlay, which works in SQL.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Any

from vestige_tui.core.repairs.document import Repair, Repairs, as_json, fingerprint
from vestige_tui.core.verify.expectation.cursors import Query
from vestige_tui.core.verify.expectation.judging import label_of
from vestige_tui.core.verify.expectation.names import File, quoted
from vestige_tui.core.verify.expectation.origins import Place
from vestige_tui.core.verify.expectation.shapes import Shape
from vestige_tui.core.verify.expectation.upgrade import BOOTSTRAP_USER
from vestige_tui.core.verify.expectation.values import Broken, any_json, decoded, scores, strings, uuid, uuids

_NOT_MARKED = ("embedding", "centroid", "codebase")
"""Columns by which no row is recognised: vectors are made anew, and tags may name the code base."""

_AT_ONCE = 10_000

_OF_JSON = (any_json, scores, strings, uuids)

_LISTS = (
    ("knowledge_nodes", "shared_with_groups", "groups"),
    ("knowledge_nodes", "domains", "domains"),
    ("knowledge_nodes", "domain_scores", "domains"),
)
"""Columns with ids of another table in JSON."""


@dataclass(slots=True)
class Patches:
    """What becomes of a table's rows: ``values`` by rowid and column, and the rowids ``left_out``."""

    values: dict[int, dict[str, Any]] = field(default_factory=dict)
    left_out: set[int] = field(default_factory=set)

    def put(self, rowid: int, column: str, value: Any) -> None:
        """Give a row another value, unless it has one."""
        self.values.setdefault(rowid, {}).setdefault(column, value)


class Overlay:
    """The patches of each table, and for each memory with a new id: the id in the file, and the new one."""

    def __init__(self, file: File, shapes: Mapping[str, Shape], places: Mapping[str, Place], repairs: Repairs) -> None:
        self._file = file
        self._shapes = shapes
        self._places = places
        self.patches: dict[str, Patches] = {table: Patches() for table in places}
        self.moved_memories: list[tuple[str, str]] = []
        if repairs:
            for table in places:
                self._patch(table, repairs.of(table))
            self._move()
            self._leave_out()

    def _column(self, table: str, column: str) -> str:
        name = self._places[table].spelled.get(column)
        return "NULL" if name is None else f"n.{quoted(name)}"

    def _read(self, table: str, columns: Collection[str]) -> Iterator[tuple[int, list[Any]]]:
        """The rowid of each row of a table, and its values with all patches."""
        name, rowid = self._file.with_rowid(self._places[table].origin.table)
        chosen = ", ".join(self._column(table, column) for column in columns)
        values = self.patches[table].values
        query = f"SELECT n.{rowid}, {chosen} FROM {name} n NOT INDEXED"
        with closing(Query(self._file.connection, query, (), decoded)) as rows:
            for number, *found in chain.from_iterable(iter(lambda: rows.fetch(_AT_ONCE), [])):
                own = values.get(number, {})
                yield number, [own.get(column, value) for column, value in zip(columns, found, strict=True)]

    def _patch(self, table: str, repairs: Collection[Repair]) -> None:
        """Take down what the repairs of a table say."""
        labels = {repair.row for repair in repairs}
        shape, rows = self._shapes[table], self._read(table, self._shapes[table].key) if repairs else iter(())
        named: dict[str, list[int]] = {label: [] for label in labels}
        for number, key in rows:
            if (label := label_of(key)) in named:
                named[label].append(number)
        for repair in repairs:
            meant = self._meant(table, repair, named[repair.row])
            if meant is None:
                continue
            if repair.leave_out is not None:
                self.patches[table].left_out.add(meant)
            for column, value in repair.values.items():
                is_json = shape.fields[column].rule in _OF_JSON
                self.patches[table].put(meant, column, as_json(value) if is_json else _plain(value))

    def _meant(self, table: str, repair: Repair, numbers: Collection[int]) -> int | None:
        """The last row that a repair fits."""
        columns = [name for name in self._shapes[table].fields if name not in _NOT_MARKED]
        name, rowid = self._file.with_rowid(self._places[table].origin.table)
        chosen = ", ".join(self._column(table, column) for column in columns)
        for number in sorted(numbers, reverse=True):
            (found,) = self._file.ask(f"SELECT {chosen} FROM {name} n WHERE n.{rowid} = ?", (number,))
            if repair.fingerprint in (None, fingerprint(zip(columns, found, strict=True))):
                return number
        return None

    def _move(self) -> None:
        """Give what refers to a row the new id of that row; what another row keeps stays with that."""
        for parent, shape in self._shapes.items():
            if parent not in self._places or len(shape.key) > 1:
                continue
            (key,) = shape.key
            new = {number: str(values[key]) for number, values in self.patches[parent].values.items() if key in values}
            if not new:
                continue
            old = self._raw_keys(parent, key)
            kept = old.keys() - new.keys() - self.patches[parent].left_out
            stays = {None, *(old[number] for number in kept)}
            ids = {old[number]: fresh for number, fresh in new.items() if old[number] not in stays}
            if parent == "knowledge_nodes":
                self.moved_memories = [(found, new[number]) for number in new if (found := old[number]) is not None]
            self._move_references(parent, key, new, ids)
            for table, column, referred in _LISTS:
                if referred == parent and table in self._places and ids:
                    for number, (value,) in self._read(table, [column]):
                        if (fresh := _with_new_ids(value, ids)) is not None:
                            self.patches[table].put(number, column, fresh)

    def _move_references(self, parent: str, key: str, new: Mapping[int, str], ids: Mapping[Any, str]) -> None:
        for table, shape in self._shapes.items():
            for columns, referred in shape.references.items():
                if referred != parent or table not in self._places:
                    continue
                (column,) = columns
                place, origin = self._places[table], self._places[parent]
                if place.origin.table == origin.origin.table and place.spelled[column] == origin.spelled[key]:
                    for number, fresh in new.items():
                        self.patches[table].put(number, column, fresh)
                    continue
                for number, (value,) in self._read(table, [column]):
                    if (found := _id(value)) is not None and found in ids:
                        self.patches[table].put(number, column, ids[found])

    def _raw_keys(self, table: str, key: str) -> dict[int, str | None]:
        """The id of each row as the file has it."""
        name, rowid = self._file.with_rowid(self._places[table].origin.table)
        found = self._file.ask(f"SELECT n.{rowid}, {self._column(table, key)} FROM {name} n NOT INDEXED")
        return {number: _id(value) for number, value in found}

    def _leave_out(self) -> None:
        """Leave out what refers to rows that are left out, as far as no other row has their id."""
        gone: dict[str, set[str | None]] = {}
        for table, shape in self._shapes.items():
            if table not in self._places:
                continue
            out = self.patches[table].left_out
            for (column, *_), parent in shape.references.items():
                if gone.get(parent):
                    out |= {number for number, (value,) in self._read(table, [column]) if _id(value) in gone[parent]}
            if out and len(shape.key) == 1:
                keys = {number: _id(value) for number, (value,) in self._read(table, shape.key)}
                stay = {keys[number] for number in keys.keys() - out} | {None, str(BOOTSTRAP_USER)}
                gone[table] = {keys[number] for number in out} - stay


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _id(value: Any) -> str | None:
    """An id as ids are compared; None for what nothing refers to."""
    try:
        return str(uuid(value))
    except Broken:
        return None if value in (None, "") or isinstance(value, bytes) else str(value)


def _with_new_ids(value: Any, ids: Mapping[Any, str]) -> str | None:
    """JSON with new ids in it; None where nothing changes."""
    try:
        found = json.loads(value, parse_float=Decimal) if isinstance(value, str) else None
    except (ValueError, RecursionError, InvalidOperation):
        return None
    names = {name: ids.get(_id(name), name) for name in found or () if isinstance(name, str)}
    if not any(name != fresh for name, fresh in names.items()):
        return None
    if isinstance(found, dict):
        return as_json({names[name]: item for name, item in found.items()})
    return as_json([names.get(item, item) if isinstance(item, str) else item for item in found or ()])
