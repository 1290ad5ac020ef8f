"""The expectation of a source as a whole: every row that must arrive, and every complaint."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.support.destination import Key, Row
from tests.support.hostile import Complaint
from tests.support.reading.fates import Group, fates
from tests.support.reading.leftovers import left_behind
from vestige_tui.core.verify.expectation import Expectation, Model
from vestige_tui.core.verify.expectation.judging import NIL, refusal, shared_names
from vestige_tui.core.verify.expectation.names import File, quoted
from vestige_tui.core.verify.expectation.origins import Place, find
from vestige_tui.core.verify.expectation.shapes import shapes

SIZE = 50
"""Rows of a block."""


@dataclass
class Reading:
    """By table and key the rows that must arrive, and every complaint, as often as it comes.

    ``made_user`` is the bootstrap user where the source has none and the upgrade or the copy makes it, without its date.
    ``read`` and ``failed`` count rows by table. ``renamed`` counts by table and column
    the rows in which an extra column's name is also a key of the row's metadata. ``model`` is what the file itself says.
    """

    rows: dict[str, dict[Key, Row]] = field(default_factory=dict)
    made_user: Row | None = None
    complaints: Counter[Complaint] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    renamed: Counter[tuple[str, str]] = field(default_factory=Counter)
    left_behind: dict[str, int] = field(default_factory=dict)
    model: Model | None = None
    vectors: Counter[Group] = field(default_factory=Counter)

    def lose(self, complaint: Complaint) -> None:
        """Count a row that does not arrive."""
        self.failed[complaint[0]] += 1
        self.complaints[complaint] += 1


def read_source(path: Path, dimension: int, model: str) -> Reading:
    """Read a source of either layout whose registered model is ``model``, as a copy into an empty destination must."""
    reading = Reading()
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        expectation = Expectation(connection, model=model, dimension=dimension)
        reading.model, reading.made_user = expectation.model, expectation.made_user
        reading.read.update(expectation.counts)
        described = shapes(dimension)
        for table, shape in described.items():
            reading.rows[table] = {}
            for block in expectation.blocks(table, SIZE):
                for complaint in block.left_out:
                    reading.lose(complaint)
                for number, key in enumerate(block.keys):
                    reason = expectation.may_be_absent(table, key)
                    row = block.row(number)
                    if reason is not None or row.values is None:
                        reading.lose(reason or row.complaints[0])
                        continue
                    reading.rows[table][tuple(row.values[name] for name in shape.key)] = _as_psycopg(row.values)
                    reading.complaints.update(row.complaints)
        _add_user(reading, expectation)
        file = File(connection)
        places = find(file, described)
        if "knowledge_nodes" in places:
            reading.vectors = fates(file, places["knowledge_nodes"], Model(model, dimension))
            others = [group for group in reading.vectors if group.fate == "other_model"]
            reading.complaints.update(("knowledge_nodes", NIL, "embedding", "other_model", True) for _ in others)
        for table, place in places.items():
            reading.renamed += _renamed(file, table, place)
        reading.left_behind = left_behind(file, places, described)
    return reading


def _add_user(reading: Reading, expectation: Expectation) -> None:
    """The user whom the upgrade adds is read as well, and does not arrive where its handle is taken."""
    if expectation.adds_user:
        reading.read["users"] += 1
        if reading.made_user is None or reading.made_user["handle"] != "local":
            reading.lose(refusal("users", str(UUID(int=1)), "handle", "already_taken"))


def _renamed(file: File, table: str, place: Place) -> Counter[tuple[str, str]]:
    """By extra column, the rows in which its name is also a key of the metadata."""
    if not place.extra or "metadata" not in place.spelled:
        return Counter()
    names = ", ".join(f"n.{quoted(name)}" for name in (place.spelled["metadata"], *place.extra))
    rows = file.ask(f"SELECT {names} FROM main.{quoted(place.origin.table)} n NOT INDEXED")
    return Counter(
        (table, name)
        for metadata, *values in rows
        for name in shared_names(metadata, dict(zip(place.extra, values, strict=True)))
    )


def _as_psycopg(value: Any) -> Any:
    """JSON as psycopg gives it: no number is a ``Decimal``, and none has a minus before zero."""
    if isinstance(value, dict):
        return {name: _as_psycopg(item) for name, item in value.items()}
    if isinstance(value, list):
        return [*map(_as_psycopg, value)]
    if not isinstance(value, Decimal):
        return value
    written = format(value or abs(value), "f")
    return float(written) if "." in written else int(written)
