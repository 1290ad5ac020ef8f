"""Sets single fields of rows at the destination, each only while it holds the value that is expected.

Values travel as text: a session needs no temporary table, so that this works behind a pooler, and a dry run can ask the
same question inside a transaction that writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString, NamedTuple, TypeVar

import psycopg
from psycopg import errors, sql

from vestige_tui.core.destination.autovacuum import step_aside
from vestige_tui.core.destination.connection import unlimited
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.server_errors import ends_run, is_row_error
from vestige_tui.core.destination.sessions import Session, Sessions
from vestige_tui.core.destination.touching import cannot_be_avoided, without_touching
from vestige_tui.core.destination.writer import CHECK_NOW
from vestige_tui.core.errors import Cancelled
from vestige_tui.core.mending import MendRefusal, MendState
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import BY_NAME, Table

BATCH_ROWS = 500
BATCH_LETTERS = 4_000_000
"""A transaction ends at so many rows, or so much text."""

_LOCK_MS = 250
"""How long one attempt waits for a lock, so that others never queue for long, and none is ended as a deadlock."""

_DATE = "updated_at"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Change:
    """A row by its ``key``, the value that its field must still hold, and the one that it gets.

    Both are text that PostgreSQL reads, None for NULL. A setter ``by_digest`` expects the ``digest`` of a value.
    """

    key: tuple[str, ...]
    expected: str | None
    value: str | None

    @property
    def size(self) -> int:
        """Letters that it sends, about."""
        return len(self.expected or "") + len(self.value or "")


class Answer(NamedTuple):
    """What became of one change."""

    state: MendState
    refusal: MendRefusal | None = None
    sqlstate: str | None = None


_MAY_UPDATE: LiteralString = "SELECT has_column_privilege(%s, %s, 'UPDATE')"

_REFUSALS = {
    "23503": MendRefusal.MISSING_REFERENCE,
    "23505": MendRefusal.ALREADY_TAKEN,
    "23514": MendRefusal.VALUE_NOT_ALLOWED,
    "23502": MendRefusal.MISSING_VALUE,
    "42501": MendRefusal.PRIVILEGE,
}


def batches(items: Iterable[T], size_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Items in groups, each for one transaction."""
    batch: list[T] = []
    size = 0
    for item in items:
        batch.append(item)
        size += size_of(item)
        if len(batch) == BATCH_ROWS or size >= BATCH_LETTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def exact(kind: PgType, column: sql.Composable) -> sql.Composed:
    """SQL for a value in a form in which no two different ones are equal."""
    form: LiteralString = _FORMS.get(kind, '{}::pg_catalog.text COLLATE "C"')
    return sql.SQL(form).format(column)


def digest(kind: PgType, column: sql.Composable) -> sql.Composed:
    """SQL for the SHA-256 of a value, in hexadecimal digits; NULL for NULL."""
    form = exact(kind, column)
    as_bytes = form if kind in _FORMS else sql.SQL("pg_catalog.convert_to({}, 'UTF8')").format(form)
    return sql.SQL("pg_catalog.encode(pg_catalog.sha256({}), 'hex')").format(as_bytes)


_FORMS: dict[PgType, LiteralString] = {
    PgType.FLOAT8: "pg_catalog.float8send({})",
    PgType.TIMESTAMPTZ: "pg_catalog.timestamptz_send({})",
}
"""Types whose text depends on settings of the session."""


class FieldSetter:
    """Sets one ``column`` of a table over one session; rows are found by their ``key``.

    ``by_digest``: changes expect digests. Methods raise ``psycopg.Error`` for what ends a run, and as ``Watchdog.step``
    does; then nothing of the current batch was kept, unless the connection broke during its commit.
    """

    def __init__(
        self,
        sessions: Sessions,
        session: Session,
        destination: Destination,
        table: Table,
        column: str,
        *,
        key: Sequence[str],
        by_digest: bool = False,
    ) -> None:
        self._sessions = sessions
        self._connection, self._watchdog = session
        found = destination.tables[table.name]
        self._in_key = column in (*found.key, *table.key)
        self._has_date = _DATE in found.columns
        self._rewritten = MendRefusal.DATE if column == _DATE else MendRefusal.REWRITTEN
        self._schema, self._name, self._column = destination.schema, table.name, column
        self._table = sql.Identifier(destination.schema, table.name)
        self._queries = _queries(
            destination, table, key, column, by_digest=by_digest, dated=self._has_date and column != _DATE
        )

    def look(self, changes: Sequence[Change]) -> list[Answer]:
        """What setting a batch would do, without a change. What the server would refuse is not found out."""
        if self._in_key:
            return [Answer(MendState.REFUSED, MendRefusal.KEY)] * len(changes)
        with self._watchdog.step():
            rows = self._execute(self._queries.look, changes)
        found = {ord_: Answer(MendState(state)) for ord_, state, *_ in rows}
        return [found.get(ord_, Answer(MendState.MISSING)) for ord_ in range(len(changes))]

    def refusal(self) -> Answer | None:
        """Why the server will refuse every change, as far as the role's privileges show that beforehand."""
        with self._watchdog.step():
            table = self._table.as_string(None)
            row = self._connection.execute(_MAY_UPDATE, (table, self._column)).fetchone()
            if row != (True,):
                return Answer(MendState.REFUSED, MendRefusal.PRIVILEGE, errors.InsufficientPrivilege.sqlstate)
            if self._has_date and cannot_be_avoided(self._connection, self._table):
                return Answer(MendState.REFUSED, MendRefusal.DATE)
        return None

    def set(self, changes: Sequence[Change]) -> list[Answer]:
        """Set a batch in one transaction; a change that the server refuses is refused alone."""
        answers = self.look(changes)
        waits = self._sessions.waits
        give_up = self._watchdog.now + waits.tables_in_use
        again = False
        while any(answer.state is MendState.MENDED for answer in answers):
            try:
                with self._watchdog.step():
                    if again:  # what was in the way may be autovacuum
                        step_aside(self._connection, self._schema, (self._name,))
                    return self._attempt(changes)
            except (errors.LockNotAvailable, errors.DeadlockDetected):
                again = True
                if self._watchdog.now >= give_up:
                    return _all_refused(answers, Answer(MendState.REFUSED, MendRefusal.IN_USE))
            except psycopg.Error as error:
                if ends_run(error):
                    raise
                return _all_refused(answers, _refused(error))
            if self._sessions.cancel.wait(waits.enforce_attempt):
                raise Cancelled
        return answers

    def _attempt(self, changes: Sequence[Change]) -> list[Answer]:
        with unlimited(self._connection):
            self._connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(_LOCK_MS)))
            self._connection.execute(CHECK_NOW)
            with self._undated():
                answers = [Answer(MendState.MISSING)] * len(changes)
                dates: dict[int, Any] = {}
                for ord_, state, resolves, date in self._execute(self._queries.look_locked, changes):
                    answers[ord_], dates[ord_] = Answer(MendState(state)), date
                    if state == MendState.MENDED and not resolves:
                        answers[ord_] = Answer(MendState.REFUSED, MendRefusal.MISSING_REFERENCE)
                chosen = [ord_ for ord_, answer in enumerate(answers) if answer.state is MendState.MENDED]
                self._halve(changes, chosen, dates, answers)
            return answers

    @contextmanager
    def _undated(self) -> Iterator[None]:
        if not self._has_date:
            yield
            return
        with without_touching(self._connection, self._table):
            yield

    def _halve(
        self, changes: Sequence[Change], chosen: Sequence[int], dates: dict[int, Any], answers: list[Answer]
    ) -> None:
        """Set the chosen changes, halving where the server refuses. Those that do not come out right are undone."""
        wrong: dict[int, Answer] = {}
        if not chosen:
            return
        try:
            with self._connection.transaction() as transaction:
                wrong = self._update(changes, chosen, dates)
                if wrong:
                    raise psycopg.Rollback(transaction)
        except psycopg.Error as error:
            if not is_row_error(error):
                raise
            if len(chosen) == 1:
                answers[chosen[0]] = _refused(error)
                return
            middle = len(chosen) // 2
            self._halve(changes, chosen[:middle], dates, answers)
            self._halve(changes, chosen[middle:], dates, answers)
            return
        for ord_, answer in wrong.items():
            answers[ord_] = answer
        if wrong:
            self._halve(changes, [ord_ for ord_ in chosen if ord_ not in wrong], dates, answers)

    def _update(self, changes: Sequence[Change], chosen: Sequence[int], dates: dict[int, Any]) -> dict[int, Answer]:
        """Set the chosen changes; those that did not come out right, also by what triggers did afterwards."""
        some = [changes[ord_] for ord_ in chosen]
        updated = {place for (place,) in self._execute(self._queries.update, some)}
        there = {place: (state, date) for place, state, _, date in self._execute(self._queries.look, some)}
        wrong: dict[int, Answer] = {}
        for place, ord_ in enumerate(chosen):
            state, date = there.get(place, (None, None))
            if place not in updated:
                wrong[ord_] = Answer(MendState.REFUSED, MendRefusal.IGNORED)
            elif state != MendState.RIGHT:
                wrong[ord_] = Answer(MendState.REFUSED, self._rewritten)
            elif date != dates[ord_]:
                wrong[ord_] = Answer(MendState.REFUSED, MendRefusal.DATE)
        return wrong

    def _execute(self, query: sql.Composed, changes: Sequence[Change]) -> list[tuple[Any, ...]]:
        keys = [[*column] for column in zip(*(change.key for change in changes), strict=True)]
        values = [[change.expected for change in changes], [change.value for change in changes]]
        with psycopg.RawCursor(self._connection) as cursor:
            return cursor.execute(query, [*keys, *values]).fetchall()


class _Queries(NamedTuple):
    """The statements of one setter. Each takes arrays of text: one for each key column, the expected values and the
    wanted ones. A number stands for the place of a change in them, from 0.
    """

    look: sql.Composed
    look_locked: sql.Composed
    update: sql.Composed


def _queries(
    destination: Destination, table: Table, key: Sequence[str], column: str, *, by_digest: bool, dated: bool
) -> _Queries:
    kind = table.columns[table.position(column)].type
    typed = _type(kind, destination)
    stored, wanted = sql.Identifier("t", column), sql.SQL("s.v::{}").format(typed)
    expected = sql.SQL("s.e") if by_digest else _comparable(kind, sql.SQL("s.e::{}").format(typed))
    parts: dict[str, sql.Composable] = {
        "table": sql.Identifier(destination.schema, table.name),
        "column": sql.Identifier(column),
        "changes": listed(len(key), "e", "v"),
        "same": same_key(table, key),
        "wanted": wanted,
        "expected": _same(digest(kind, stored) if by_digest else _comparable(kind, stored), expected),
        "right": _same(_comparable(kind, stored), _comparable(kind, wanted)),
        "resolves": _resolves(destination, table, column, wanted),
        "date": sql.SQL("t.updated_at::pg_catalog.text" if dated else "NULL"),
    }
    look = sql.SQL(_LOOK).format(**parts)
    return _Queries(look, sql.SQL("{} FOR UPDATE OF t").format(look), sql.SQL(_UPDATE).format(**parts))


_LOOK: LiteralString = """
    SELECT s.ord - 1, CASE WHEN {right} THEN 'right' WHEN {expected} THEN 'mended' ELSE 'changed' END,
           {resolves}, {date}
    FROM {changes} JOIN {table} t ON {same}"""
_UPDATE: LiteralString = """
    UPDATE {table} t SET {column} = {wanted} FROM {changes} WHERE {same} AND {expected}
    RETURNING s.ord - 1"""


def listed(keys: int, *others: str) -> sql.Composed:
    """SQL for parameters as rows of text ``s``: the columns ``k0`` and so on, the ``others``, and ``ord`` from 1."""
    names = [*(f"k{place}" for place in range(keys)), *others]
    arrays = sql.SQL(", ").join(sql.SQL(f"${number}::pg_catalog.text[]") for number in range(1, len(names) + 1))
    columns = sql.SQL(", ").join(map(sql.Identifier, [*names, "ord"]))
    return sql.SQL("unnest({}) WITH ORDINALITY s({})").format(arrays, columns)


def same_key(table: Table, key: Sequence[str]) -> sql.Composed:
    """SQL for whether a row of the table ``t`` has the key of a row of ``s``, see ``listed``."""
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}::{}").format(
            sql.Identifier("t", name),
            sql.Identifier("s", f"k{place}"),
            sql.SQL(table.columns[table.position(name)].type.sql),
        )
        for place, name in enumerate(key)
    )


def _same(one: sql.Composable, other: sql.Composable) -> sql.Composed:
    return sql.SQL("{} IS NOT DISTINCT FROM {}").format(one, other)


def _resolves(destination: Destination, table: Table, column: str, wanted: sql.Composable) -> sql.Composable:
    """Whether the row exists that a value refers to: not every destination enforces its foreign keys."""
    parent = next((key.table for key in table.foreign_keys if key.columns == (column,)), None)
    if parent is None:
        return sql.SQL("true")
    return sql.SQL("EXISTS (SELECT FROM {} p WHERE {} = {})").format(
        sql.Identifier(destination.schema, parent), sql.Identifier("p", BY_NAME[parent].key[0]), wanted
    )


def _comparable(kind: PgType, value: sql.Composable) -> sql.Composable:
    return value if kind is PgType.JSONB else exact(kind, value)


def _type(kind: PgType, destination: Destination) -> sql.Composable:
    if kind is PgType.VECTOR:
        return sql.Identifier(destination.vector_schema or "", "vector")
    return sql.SQL(kind.sql)


def _refused(error: psycopg.Error) -> Answer:
    refusal = _REFUSALS.get(error.sqlstate or "", MendRefusal.REFUSED_BY_SERVER)
    return Answer(MendState.REFUSED, refusal, error.sqlstate)


def _all_refused(answers: Sequence[Answer], refusal: Answer) -> list[Answer]:
    """Nothing of a batch was set: what would have been is refused."""
    return [refusal if answer.state is MendState.MENDED else answer for answer in answers]
