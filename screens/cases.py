"""The problems of a source as an operator works on them: by cause, with what waits for each, and how far each is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from vestige_tui.core.explain import fate
from vestige_tui.core.repairs.document import NO_REPAIRS, Repair, Repairs
from vestige_tui.core.repairs.errors import RepairProblem
from vestige_tui.core.repairs.references import canonical
from vestige_tui.core.rows.problems import EXPLANATIONS, NIL_UUID, OF_MANY, Kind, RowError
from vestige_tui.core.rows.records import ARROW
from vestige_tui.core.rows.tables import BY_NAME, TABLES
from vestige_tui.core.text import count

Place = tuple[str, str]
"""A table, and a row's label in the source."""

Reference = tuple[str, str, str]
"""A table, a row and a field that refers to another row."""


_PARENTS = frozenset(key.table for table in TABLES for key in table.foreign_keys)
_OF_THE_DESTINATION = frozenset({Kind.DANGLING_REFERENCE, Kind.DIFFERS_AT_DESTINATION, Kind.GONE_AT_DESTINATION})
"""Kinds of problems that rows have only at the destination."""


class Status(Enum):
    """How far a problem is: a sign, a word, and the word for several where it is another one."""

    OPEN = ("!", "open")
    ANSWERED = ("…", "answered")
    """There is a repair; no run has shown yet what becomes of it."""

    RIGHT = ("✓", "repaired")
    ARRIVES = ("✓", "arrives", "arrive")
    """Nothing is wrong with the row any more, by the repair of another one."""

    LEFT_OUT = ("–", "left out")
    REFUSED = ("✗", "refused")
    """Its repair does not fit."""

    def __init__(self, sign: str, word: str, plural: str = "") -> None:
        self.sign = sign
        self.word = word
        self.plural = plural or word

    @property
    def needs_you(self) -> bool:
        """Whether the operator has something to do about it."""
        return self in (Status.OPEN, Status.REFUSED)


@dataclass(slots=True, eq=False)  # not frozen: ten thousand are made in half the time
class Case:
    """One problem. Of rows with the same label, ``place`` is the one, from 0. ``waiting`` cannot arrive before it.

    ``earlier``: it was answered in an earlier run of the wizard, and what was wrong is not known any more.
    """

    error: RowError
    place: int = 0
    earlier: bool = False
    waiting: list[Case] = field(default_factory=list)

    @property
    def row(self) -> Place:
        """What names the row."""
        return self.error.table, self.error.row

    @property
    def of_one_row(self) -> bool:
        """Whether it is about a row, which a repair can name."""
        return self.error.kind not in OF_MANY


@dataclass(frozen=True, slots=True, eq=False)
class Cause:
    """Problems of one kind in one field, all with the same fate; or what was answered ``earlier``."""

    kind: Kind
    table: str
    field: str | None
    copied: bool
    cases: list[Case]
    earlier: bool = False

    @property
    def title(self) -> str:
        """What is wrong, in a few words."""
        title = "answered by you before" if self.earlier else EXPLANATIONS[self.kind].title
        return f"{self.field}: {title}" if self.field else title

    @property
    def size(self) -> str:
        """How many rows: ``5 memories``, ``1 memory +3 rows``."""
        table = BY_NAME[self.table]
        said = count(len(self.cases), table.noun, table.plural)
        waiting = sum(len(case.waiting) for case in self.cases)
        return f"{said} +{count(waiting, 'row')}" if waiting else said


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What the last run that went through says of the rows: the repairs that it had, and the problems that it found.

    A row without a problem is proven to have none.
    """

    repairs: Repairs = NO_REPAIRS
    problems: Mapping[Place, Sequence[RowError]] = field(default_factory=dict)
    answers: Mapping[Place, Repair] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "answers", {(each.table, each.row): each for each in self.repairs.entries})

    @classmethod
    def of(cls, errors: Iterable[RowError], repairs: Repairs) -> Verdicts:
        """The verdicts of a run; rows are named as in the source."""
        found: dict[Place, list[RowError]] = defaultdict(list)
        for error in errors:
            found[error.table, error.row].append(error)
        return cls(repairs, found)


def merged(known: Sequence[RowError], found: Sequence[RowError]) -> tuple[RowError, ...]:
    """The problems that were known, and those that a run has found beside them."""
    times = Counter(map(_name, known))
    fresh = []
    for error in found:
        if times[_name(error)]:
            times[_name(error)] -= 1
        else:
            fresh.append(error)
    return (*known, *fresh) if fresh or not isinstance(known, tuple) else known


def _name(error: RowError) -> tuple[str, str, str | None, Kind]:
    return error.table, error.row, error.field, error.kind


class Cases:
    """The known problems, grouped by cause, and how far each one is.

    ``references`` says to which key a row refers that waits for another one, where its label does not. Of ``repairs``
    those of rows of which no problem is known have a cause of their own: they were answered in an earlier run.
    """

    def __init__(
        self,
        known: Iterable[RowError],
        references: Mapping[Reference, str] | None = None,
        repairs: Repairs = NO_REPAIRS,
    ) -> None:
        self._known = known if isinstance(known, tuple) else (*known,)
        self.references = references or {}
        self._repairs: dict[Place, list[Repair]] = {}
        self._verdicts: Verdicts | None = None
        self._refused: dict[Place, RepairProblem] = {}
        self._cause_of: dict[int, Case] = {}
        self._of_row: dict[Place, list[Case]] = {}
        self._statuses: dict[int, Status] = {}
        self._counts: Counter[Status] | None = None
        self._open: dict[int, int] = {}
        self.causes = self._build()
        self._earlier = self._unknown(repairs)
        self.causes += _earlier_causes(self._earlier)
        self._cause = {id(case): cause for cause in self.causes for case in cause.cases}

    @property
    def all(self) -> Iterator[Case]:
        """All problems but those that wait for another one."""
        return (case for cause in self.causes for case in cause.cases)

    def judge(self, repairs: Repairs, verdicts: Verdicts | None, refused: Iterable[RepairProblem] = ()) -> None:
        """Take the repairs as they are now, and what the last run says.

        After an answer, only the rows that it changes are judged again: with ten thousand, judging all takes too long.
        """
        before, self._repairs = self._repairs, {}
        for repair in repairs.entries:
            self._repairs.setdefault((repair.table, repair.row), []).append(repair)
        named = {(each.table, each.row): each for each in refused if each.table and each.row}
        if verdicts is self._verdicts and named == self._refused and self._counts is not None:
            rows = before.keys() | self._repairs.keys()
            self._judge_again(row for row in rows if before.get(row) != self._repairs.get(row))
        else:
            self._counts, self._open, self._statuses = None, {}, {}
        self._verdicts, self._refused = verdicts, named

    def _judge_again(self, rows: Iterable[Place]) -> None:
        """Judge these rows again, with what waits for them."""
        changed = {id(root): root for row in rows for case in self._of_row.get(row, ()) if (root := self._root(case))}
        for root in changed.values():
            family = (root, *root.waiting)
            for case in family:
                if (status := self._statuses.pop(id(case), None)) is not None and self._counts is not None:
                    self._counts[status] -= 1
            if self._counts is not None:
                self._counts.update(map(self.status, family))
            self._open.pop(id(self._cause.get(id(root))), None)

    def _root(self, case: Case) -> Case:
        """The problem that a problem waits for; one that waits for none is its own."""
        while (above := self._cause_of.get(id(case))) is not None:
            case = above
        return case

    def cause_of(self, case: Case) -> Cause | None:
        """The cause under which a problem stands."""
        return self._cause.get(id(case))

    def status(self, case: Case) -> Status:
        """How far a problem is."""
        if (status := self._statuses.get(id(case))) is None:
            status = self._statuses[id(case)] = self._judged(case)
        return status

    def _judged(self, case: Case) -> Status:
        row = case.row
        if row in self._refused:
            return Status.REFUSED
        if self._repairs:
            repair = self.repair_of(case)
            if repair is not None and (repair.leave_out is not None or case.error.field in repair.values):
                return self._of_repaired(case, repair)
            if (cause := self._cause_of.get(id(case))) is not None:
                status = self.status(cause)
                if status in (Status.LEFT_OUT, Status.ANSWERED):
                    return status
        if self._verdicts is None or row in self._verdicts.problems or not case.of_one_row:
            return Status.OPEN
        return Status.ARRIVES

    def _of_repaired(self, case: Case, repair: Repair) -> Status:
        verdicts = self._verdicts
        if verdicts is None or repair not in (verdicts.answers.get(case.row), *self._same(verdicts, repair)):
            return Status.ANSWERED
        if repair.leave_out is not None:
            return Status.LEFT_OUT
        still = [error for error in verdicts.problems.get(case.row, ()) if error.field == case.error.field]
        if len(still) > case.place:
            return Status.OPEN
        return Status.RIGHT

    @staticmethod
    def _same(verdicts: Verdicts, repair: Repair) -> Iterator[Repair]:
        """Repairs of rows with the same label; there are several only where rows share one."""
        if repair.row == NIL_UUID:
            yield from (each for each in verdicts.repairs.entries if each.row == NIL_UUID)

    def repair_of(self, case: Case) -> Repair | None:
        """The repair of a row."""
        found = self._repairs.get(case.row, ())
        return found[min(case.place, len(found) - 1)] if len(found) > case.place else None

    def refusal_of(self, case: Case) -> RepairProblem | None:
        """Why the repair of a row does not fit."""
        return self._refused.get(case.row)

    def still(self, case: Case) -> RowError | None:
        """What the last run says of a row that has a repair and a problem all the same."""
        if self._verdicts is None:
            return None
        found = self._verdicts.problems.get(case.row, ())
        return next((error for error in found if error.field == case.error.field), None)

    def outcome(self, case: Case) -> str:
        """How far a problem is, in a word or two; of an open one what becomes of it."""
        status = self.status(case)
        if status is not Status.OPEN:
            return status.word
        return (
            "arrives changed" if case.error.copied and case.error.kind not in _OF_THE_DESTINATION else fate(case.error)
        )

    def open_in(self, cause: Cause) -> int:
        """How many problems of a cause need the operator."""
        if (number := self._open.get(id(cause))) is None:
            number = self._open[id(cause)] = sum(self.status(case).needs_you for case in cause.cases)
        return number

    def counts(self) -> Counter[Status]:
        """How many problems are how far, with those that wait for another one."""
        if self._counts is None:
            self._counts = Counter(
                self.status(each) for cause in self.causes for case in cause.cases for each in (case, *case.waiting)
            )
        return +self._counts

    def outdated(self, known: Sequence[RowError], repairs: Repairs) -> bool:
        """Whether other problems are known by now, or other rows have been answered of which none is."""
        return known is not self._known or len(self._unknown(repairs)) != len(self._earlier)

    def _unknown(self, repairs: Repairs) -> list[Repair]:
        """The repairs of rows of which no problem is known."""
        return [repair for repair in repairs.entries if (repair.table, repair.row) not in self._of_row]

    def _build(self) -> list[Cause]:
        made = self._made()
        waiting = [case for case in made if case.error.kind is Kind.MISSING_REFERENCE]
        keys = (
            {
                (case.error.table, canonical(case.error.row)): case
                for case in made
                if not case.error.copied and case.error.table in _PARENTS and case.of_one_row
            }
            if waiting
            else {}
        )
        for case in waiting:
            parent = keys.get(_refers_to(case.error, self.references))
            if parent is not None and parent is not case:
                self._cause_of[id(case)] = parent
        causes: dict[tuple[bool, Kind, str, str | None], Cause] = {}
        for case in made:
            root = self._root(case)
            if root is not case:
                root.waiting.append(case)
                continue
            error = case.error
            key = error.copied, error.kind, error.table, error.field
            if (cause := causes.get(key)) is None:
                cause = causes[key] = Cause(error.kind, error.table, error.field, error.copied, [])
            cause.cases.append(case)
        return sorted(causes.values(), key=lambda cause: (cause.copied, -len(cause.cases), cause.title))

    def _made(self) -> list[Case]:
        """A case for each problem; of those with the same name, each with its place."""
        times: dict[tuple[str, str, str | None, Kind], int] = {}
        made = []
        for error in self._known:
            name = _name(error)
            place = times[name] = times.get(name, -1) + 1
            case = Case(error, place)
            self._of_row.setdefault(case.row, []).append(case)
            made.append(case)
        return made


def _earlier_causes(repairs: Iterable[Repair]) -> list[Cause]:
    causes: dict[tuple[str, str | None], Cause] = {}
    for repair in repairs:
        name = next(iter(repair.values), None)
        error = RowError(repair.table, repair.row, name, Kind.REFUSED_BY_SERVER, "answered before", copied=True)
        cause = causes.setdefault(
            (repair.table, name), Cause(error.kind, repair.table, name, copied=True, cases=[], earlier=True)
        )
        cause.cases.append(Case(error, earlier=True))
    return [*causes.values()]


def _refers_to(error: RowError, references: Mapping[Reference, str]) -> tuple[str, str | None]:
    """The table and the key that a row refers to in the field of its problem."""
    table = BY_NAME[error.table]
    parent = next((key.table for key in table.foreign_keys if error.field in key.columns), "")
    value = references.get((error.table, error.row, error.field or ""))
    if value is None and error.field in table.key:
        parts = error.row.split(ARROW) if len(table.key) > 1 else [error.row]
        value = parts[table.key.index(error.field)] if len(parts) == len(table.key) else None
    return parent, canonical(value)


def unexplained(known: Iterable[RowError]) -> list[RowError]:
    """Problems of rows that wait for another one, whose label does not say for which."""
    return [
        error
        for error in known
        if error.kind is Kind.MISSING_REFERENCE and error.field and error.field not in BY_NAME[error.table].key
    ]


def waiting_words(case: Case) -> str:
    """What waits for a row: ``its schedule, 2 connections and 1 review wait for it``; empty where nothing does."""
    if not case.waiting:
        return ""
    rows = Counter(each.error.table for each in case.waiting)
    parts = [count(number, BY_NAME[name].noun, BY_NAME[name].plural) for name, number in rows.items()]
    said = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"{said} {'waits' if len(case.waiting) == 1 else 'wait'} for it"
