"""Blocks of rows: the raw values of each column, in the order of the destination's keys."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import starmap
from operator import itemgetter
from typing import Any

from vestige_tui.core.verify.expectation.cursors import Cursor
from vestige_tui.core.verify.expectation.judging import Complaint, Judged, Raw, judge, refusal
from vestige_tui.core.verify.expectation.keyed import Key, KeyedRows
from vestige_tui.core.verify.expectation.names import File
from vestige_tui.core.verify.expectation.origins import Place
from vestige_tui.core.verify.expectation.overlay import Patches
from vestige_tui.core.verify.expectation.shapes import Shape
from vestige_tui.core.verify.expectation.values import MISSING
from vestige_tui.core.verify.expectation.vectors import (
    Model,
    Vector,
    VectorCursor,
    VectorTable,
    any_is_cut,
    chosen,
    cut,
    is_cut,
)

BLOCK_BYTES = 16_000_000
"""A block ends at about this size, so that it stays small where memories are large."""

_MOST_REPEATS = 1_000
"""Rows with one key that are looked at, in the order of the file."""

_Row = tuple[Any, ...]


@dataclass(slots=True)
class Block:
    """Rows of a table, one for each key, in ascending order of the keys.

    ``key_columns`` are the keys by column, ``columns`` the raw values by column of the destination, ``extra`` those of
    the columns that go into the metadata. Raw values are ``None``, ``int``, ``float``, ``str`` (TEXT), ``Text`` (TEXT
    that is not UTF-8), ``bytes`` (a BLOB) and ``MISSING`` (the file has no such column). An ``embedding`` is the vector
    that counts for the memory, as it arrives. ``left_out`` are other rows that no destination can have: those with a
    key that a row of this block has, and those without a usable one. ``numbers`` are where the rows are in the file.
    ``mixed`` are columns that the file lacks, and in which an operator has given some rows a value.
    """

    table: str
    shape: Shape
    key_columns: Sequence[Sequence[str]]
    columns: dict[str, Sequence[Any]]
    extra: dict[str, Sequence[Any]]
    numbers: Sequence[int] = ()
    problems: dict[int, dict[str, str]] = field(default_factory=dict)
    left_out: list[Complaint] = field(default_factory=list)
    mixed: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def keys(self) -> list[Key]:
        """The key of each row, in the destination's spelling."""
        return [*zip(*self.key_columns, strict=True)]

    def row(self, place: int, names: Collection[str] | None = None) -> Judged:
        """What becomes of a row; ``names`` restricts its values to these columns."""
        raw = Raw(
            {name: values[place] for name, values in self.columns.items()},
            {name: values[place] for name, values in self.extra.items()},
            self.problems.get(place, {}),
        )
        return judge(self.table, self.shape, raw, names)

    def only(self, places: Sequence[int]) -> Block:
        """A block of some of its rows."""

        def kept(values: Sequence[Any]) -> list[Any]:
            return [values[place] for place in places]

        return Block(
            self.table,
            self.shape,
            [*map(kept, self.key_columns)],
            {name: kept(values) for name, values in self.columns.items()},
            {name: kept(values) for name, values in self.extra.items()},
            kept(self.numbers),
            {new: self.problems[old] for new, old in enumerate(places) if old in self.problems},
            self.left_out,
            self.mixed,
        )


@dataclass(frozen=True, slots=True)
class Memories:
    """What only memories have: vectors in other tables, and a code base that their tags may name.

    ``model`` are the vectors that the destination takes; ``name`` is None where vectors of any model count.
    """

    tables: Sequence[VectorTable]
    name: str | None
    model: Model | None
    codebase: Callable[[Any, Any, Any], Any] | None


class TableRows:
    """The rows of one table of the destination, from where they are in the file.

    ``key`` are the columns of the destination's key, ``patches`` what an operator has repaired. All methods raise
    ``sqlite3.Error``.
    """

    def __init__(
        self,
        file: File,
        table: str,
        shape: Shape,
        place: Place,
        key: Sequence[str],
        *,
        memories: Callable[[], Memories] | None = None,
        patches: Patches | None = None,
    ) -> None:
        self.table = table
        self.shape = shape
        self._place = place
        self._memories = memories
        self._width = len(key)
        self._key_of = itemgetter(*range(1, 1 + len(key)))
        stale = [place.stale] if place.stale is not None else []
        _, rowid = file.with_rowid(place.origin.table)
        patches = patches or Patches()
        self._patched, self._rowid = patches.values, rowid
        numbered = [rowid] if patches.values else []
        self._read = [*dict.fromkeys([*place.spelled.values(), *place.extra, *stale, *numbered])]
        listed = ", ".join(map(str, patches.left_out))
        self.rows = KeyedRows(
            file,
            place.origin.table,
            [(place.spelled.get(name), shape.fields[name]) for name in key],
            self._read,
            order=place.order,
            where=f"n.{rowid} NOT IN ({listed})" if listed else "1",
            replaced={
                number: places
                for number, values in patches.values.items()
                if (places := {at: values[name] for at, name in enumerate(key) if name in values})
            },
        )

    def blocks(self, size: int, first: Key | None, last: Key | None) -> Iterator[Block]:
        """Blocks of ``size`` rows with different keys, shorter where rows are large."""
        with ExitStack() as stack:
            cursor = stack.enter_context(closing(self.rows.read(first, last)))
            tables = self._memories().tables if self._memories else ()
            vectors = [stack.enter_context(closing(VectorCursor(table, first, last))) for table in tables]
            for rows, repeats in self._chunks(cursor, size):
                block = self._assembled(rows, vectors)
                yield self._resolved(block) if repeats else block

    def find(self, key: Key) -> Block:
        """The row with a key, without vectors of other tables."""
        with closing(self.rows.find(key)) as cursor:
            return self._resolved(self._assembled(cursor.fetch(_MOST_REPEATS), ()), listed=True)

    def in_order_of_file(self, size: int) -> Iterator[Block]:
        """All rows with a usable key as they are copied, repeats among them, without vectors of other tables."""
        with closing(self.rows.in_order_of_file()) as cursor:
            while rows := cursor.fetch(size):
                yield self._assembled(rows, ())

    def _chunks(self, cursor: Cursor, size: int) -> Iterator[tuple[list[_Row], bool]]:
        """The rows of each block, and whether some have the same key: these are never parted."""
        step = max(1, min(size + 1, BLOCK_BYTES // max(1, self.rows.survey.largest)))
        rows: list[_Row] = []
        places: Sequence[int] = ()
        while fetched := self._fetched(cursor, size + 1 - len(places), step):
            rows += fetched
            places = self._ends_of_keys(rows)
            while len(places) > size or (len(places) > 1 and step <= size):
                end = places[min(size, len(places) - 1) - 1]
                yield rows[:end], len(places) < len(rows)
                rows = rows[end:]
                places = self._ends_of_keys(rows)
        if rows:
            yield rows, True

    def _fetched(self, cursor: Cursor, size: int, step: int) -> list[_Row]:
        """The next rows: ``size``, or about as many as ``BLOCK_BYTES`` holds."""
        rows = cursor.fetch(min(size, step))
        total = 0
        added = rows
        while step <= size and len(rows) < size and added:
            total += sum(len(value) for row in added for value in row if isinstance(value, str | bytes))
            if total >= BLOCK_BYTES:
                break
            added = cursor.fetch(min(step, size - len(rows)))
            rows += added
        return rows

    def _ends_of_keys(self, rows: Sequence[_Row]) -> Sequence[int]:
        """After which rows another key begins, and the end. A row without a usable key is none other's repeat."""
        keys = [*map(self._key_of, rows)]
        if not self.rows.plain and rows and not _usable(rows[-1]):
            keys = [key if _usable(row) else row[0] for key, row in zip(keys, rows, strict=True)]
        if len({*keys}) == len(keys):
            return range(1, len(rows) + 1)
        return [*(place for place in range(1, len(rows)) if keys[place] != keys[place - 1]), len(rows)]

    def _assembled(self, rows: list[_Row], vectors: Sequence[VectorCursor]) -> Block:
        """A block of all rows that have a usable key; the others are left out."""
        if rows and not _usable(rows[-1]):
            usable = [row for row in rows if _usable(row)]
            lost = self._columns([row for row in rows if not _usable(row)])
            block = self._assembled(usable, vectors)
            block.left_out += [lost.row(place).complaints[0] for place in range(len(lost))]
            return block
        block = self._columns(rows)
        if self._memories is not None and len(block):
            self._complete(block, self._memories(), self._stale(rows), vectors)
            for place, number in enumerate(self._rowids(rows)):
                if "embedding" in self._patched.get(number, {}):
                    block.columns["embedding"][place] = None  # type: ignore[index]
                    block.problems.pop(place, None)
        return block

    def _columns(self, rows: list[_Row]) -> Block:
        """The raw values of rows by column."""
        numbers, *values = [*zip(*rows, strict=True)] or [()] * (1 + self._width + len(self._read))
        keys, found = values[: self._width], dict(zip(self._read, values[self._width :], strict=True))
        columns: dict[str, Sequence[Any]] = dict.fromkeys(self.shape.fields, [MISSING] * len(rows))
        columns |= {name: found[spelled] for name, spelled in self._place.spelled.items()}
        block = Block(self.table, self.shape, keys, columns, {name: found[name] for name in self._place.extra}, numbers)
        self._patch(block, self._rowids(rows))
        return block

    def _rowids(self, rows: Sequence[_Row]) -> Sequence[int]:
        """The rowids of rows, where some rows have patches."""
        if not self._patched:
            return ()
        place = 1 + self._width + self._read.index(self._rowid)
        return [row[place] for row in rows]

    def _patch(self, block: Block, rowids: Sequence[int]) -> None:
        """Give rows the values that an operator wants."""
        for place, number in enumerate(rowids):
            for name, value in self._patched.get(number, {}).items():
                if name not in self._place.spelled:
                    block.mixed |= {name}
                if not isinstance(block.columns[name], list) or name in block.mixed:
                    block.columns[name] = [*block.columns[name]]
                block.columns[name][place] = value  # type: ignore[index]

    def _stale(self, rows: Sequence[_Row]) -> list[bool]:
        """Whether Vestige has marked each row as one whose vector is to be made anew."""
        if self._place.stale is None:
            return [False] * len(rows)
        place = 1 + self._width + self._read.index(self._place.stale)
        return [row[place] == 0 or row[place] in ("0", b"0") for row in rows]

    def _complete(
        self, block: Block, memories: Memories, stale: Sequence[bool], vectors: Sequence[VectorCursor]
    ) -> None:
        """Give memories their vectors and code bases."""
        columns = block.columns
        if memories.codebase is not None:
            named = zip(columns["codebase"], columns["metadata"], columns["tags"], strict=True)
            columns["codebase"] = [*starmap(memories.codebase, named)]
        ids = block.key_columns[0]
        beside: dict[str, list[Vector]] = {}
        for cursor in vectors:
            for key, vector in cursor.up_to(ids[-1]):
                beside.setdefault(key, []).append(vector)
        own = [None if value is MISSING else value for value in columns["embedding"]]
        if not beside and not any(stale) and not any_is_cut(own, memories.model):
            columns["embedding"] = own
            return
        of_key: dict[str, list[Vector]] = {}
        for key, value in zip(ids, own, strict=True):
            if value is not None:
                of_key.setdefault(key, []).append(Vector(value, None, own=True))
        embeddings = []
        for place, (key, value) in enumerate(zip(ids, own, strict=True)):
            found = chosen([*of_key.get(key, ()), *beside.get(key, ())], memories.name)
            counts: Any = None
            if found is not None and stale[place]:
                block.problems[place] = {"embedding": "stale_vector"}
            elif found is not None:
                counts = value if found.own else found.value  # of two rows with one id, each has its own
            embeddings.append(cut(counts) if is_cut(counts, memories.model) else counts)
        columns["embedding"] = embeddings

    def _resolved(self, block: Block, *, listed: bool = False) -> Block:
        """A block without repeats: of the rows with a key, the first that can exist has it."""
        keys = block.keys
        if len({*keys}) == len(keys):
            return block
        kept = []
        start = 0
        for place in range(1, len(keys) + 1):
            if place == len(keys) or keys[place] != keys[start]:
                kept.append(start if place == start + 1 else self._first(block, range(start, place), listed=listed))
                start = place
        return block.only(kept)

    def _first(self, block: Block, places: Sequence[int], *, listed: bool) -> int:
        """The place of the row that has a key; the others are left out."""
        numbers = [block.numbers[place] for place in places]
        ordered = sorted(numbers) if listed else self.rows.in_file_order(numbers)
        places = sorted(places, key=lambda place: ordered.index(block.numbers[place]))
        judged = [block.row(place) for place in places]
        first = next((at for at, row in enumerate(judged) if row.values is not None), 0)
        repeat = [refusal(self.table, row.label, self.shape.key[0], "duplicate_id") for row in judged]
        block.left_out += [
            repeat[at] if row.values is not None else row.complaints[0] for at, row in enumerate(judged) if at != first
        ]
        return places[first]


def _usable(row: _Row) -> bool:
    """Whether a row has a usable key: it begins with its number, and then the key."""
    return isinstance(row[1], str)
