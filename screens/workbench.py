"""The workbench: the problems of a source by cause on the left, one row with ways to deal with it on the right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Button, Input, Label, Static

from vestige_tui.core.errors import MigrationError
from vestige_tui.core.repairs.answers import Answers, RowName
from vestige_tui.core.repairs.document import Repairs
from vestige_tui.core.repairs.errors import RepairProblem
from vestige_tui.core.repairs.proposals import Step as Way
from vestige_tui.core.repairs.proposals import new_id
from vestige_tui.core.repairs.typed import to_type
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.rows.tables import BY_NAME, GROUPS, USERS
from vestige_tui.core.source.broken_rows import BrokenRow, Wanted, broken_rows
from vestige_tui.core.text import count
from vestige_tui.screens.background import ask
from vestige_tui.screens.base import ROOMY
from vestige_tui.screens.cases import (
    Case,
    Cases,
    Reference,
    Status,
    Verdicts,
    of_kept_repairs,
    unexplained,
    waiting_words,
)
from vestige_tui.screens.dialogs import UndoableDialog
from vestige_tui.screens.editor_dialog import EditorDialog
from vestige_tui.screens.keys import show_help
from vestige_tui.screens.leave_out_dialog import LeaveOutDialog
from vestige_tui.screens.offers import Offer, column_of, offers
from vestige_tui.screens.picker_dialog import PickerDialog
from vestige_tui.screens.problems import short_row, table_title
from vestige_tui.screens.row_dialog import RowDialog
from vestige_tui.screens.row_text import row_text
from vestige_tui.screens.state import WizardState
from vestige_tui.screens.widgets.case_list import CaseList
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.screens.widgets.offer_list import OfferList
from vestige_tui.screens.widgets.text import plain

if TYPE_CHECKING:
    from vestige_tui.core.run.people import Person

_REST = 0.05
"""Seconds for which the cursor stays before a row is read: whoever holds a key down reads none of them."""

_BESIDE = 112
"""Columns from which the list and a row stand side by side: with fewer, ids and titles would be cut."""

HELP = """
On the left are the problems by cause; what waits for a row is counted with it. On the right is one row: what is wrong,
its value with the place of the error, and the ways to deal with it. Your file stays as it is: answers are kept beside
it, and each run lays them over its rows.

Enter opens a row, and accepts the chosen way. The arrow keys, or 1 to 9, choose another way. After an answer the next
open row is shown.

e edits the value: text and JSON in an editor that shows the place of an error as you type, owners, groups and
visibility from a list. l leaves the row out, knowingly, with a reason; what depends on it is left out with it.

a answers all open rows of the same cause in the way that is chosen, after it has shown what that makes of them. With
rows selected by space, Accept and Leave out are for all of those.

u takes the last change back, d the answer of a row. n and N go to the next and the previous open problem, j and k to
the next and the previous line; left and right fold a cause.

/ finds rows by a text, s sorts the rows of a cause, y copies the row's id, or its value where the right side has the
keys. o shows the whole row as it is in the source. Escape goes back.

An answered row counts as repaired only when a run with that answer has found nothing wrong with it: after a change the
preview is made again by itself; in the report, the copy tells.
"""


class Desk(Protocol):
    """The step that the workbench lies over: it owns the state, and has the answers checked."""

    @property
    def state(self) -> WizardState:
        """The state of the wizard."""
        ...

    @property
    def dry(self) -> bool:
        """Whether the copy is still to come."""
        ...

    @property
    def verdicts(self) -> Verdicts | None:
        """What the last run says; None where none has gone through."""
        ...

    @property
    def refused(self) -> Sequence[RepairProblem]:
        """The repairs that the last run has refused."""
        ...

    @property
    def checking(self) -> str:
        """What is going on, in a few words; empty where nothing is."""
        ...

    @property
    def bring_label(self) -> str:
        """What the main button does with the answers; empty where they need no more than to be checked."""
        ...

    def answer(self, repairs: Repairs) -> None:
        """Take these repairs, keep them, and have them checked."""
        ...

    def bring(self) -> None:
        """Take the answered rows to the destination."""
        ...


class Change(NamedTuple):
    """A change that can be taken back: the repairs before it, and what it was."""

    before: Repairs
    what: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What one way would make of several rows: each with its offer, and how many have none."""

    answers: Sequence[tuple[Case, RowName, Offer]]
    without: int = 0

    @property
    def words(self) -> str:
        """How many rows are answered how."""
        ways: dict[str, int] = {}
        for _, _, offer in self.answers:
            label = offer.label.partition(",")[0].partition(";")[0]
            ways[label] = ways.get(label, 0) + 1
        said = [f"{number:,}  {label}" for label, number in ways.items()]
        if self.without:
            said.append(f"{self.without:,}  stay open: they need a value of their own")
        return "\n".join(said)


class Workbench(Screen[None]):
    """Goes through problems and answers them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "Edit"),
        Binding("l", "leave_out", "Leave out"),
        Binding("a", "all", "All"),
        Binding("u", "undo", "Undo"),
        Binding("n", "turn(1)", "Next"),
        Binding("slash", "find", "Find", key_display="/"),
        Binding("escape", "back", "Back"),
        Binding("question_mark,f1", "help", "Keys", key_display="?"),
        Binding("N", "turn(-1)", "Previous", show=False),
        Binding("d", "drop", "Take back", show=False),
        Binding("space", "select", "Select", show=False),
        Binding("s", "sort", "Sort", show=False),
        Binding("y", "copy_it", "Copy", show=False),
        Binding("o", "whole_row", "Whole row", show=False),
        Binding("ctrl+n", "bring", "Bring", show=False),
        Binding("ctrl+b", "back", "Back", show=False),
        *(Binding(str(number), f"choose({number})", "Choose", show=False) for number in range(1, 10)),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (_BESIDE, "-wide")]  # noqa: RUF012  (Textual declares it otherwise)
    VERTICAL_BREAKPOINTS = [(0, "-low"), (ROOMY, "-roomy")]  # noqa: RUF012
    AUTO_FOCUS: ClassVar[str | None] = "CaseList"

    class Surveyed(Message):
        """What rows refer to that wait for another one."""

        def __init__(self, references: Mapping[Reference, str] | MigrationError) -> None:
            super().__init__()
            self.references = references if not isinstance(references, MigrationError) else {}

    class Met(Message):
        """The users and groups to choose from."""

        def __init__(self, people: Mapping[str, Sequence[Person]] | MigrationError) -> None:
            super().__init__()
            self.people = people if not isinstance(people, MigrationError) else {}

    class Looked(Message):
        """A row as it is in the source."""

        def __init__(self, case: Case, row: BrokenRow | MigrationError | None) -> None:
            super().__init__()
            self.case = case
            self.row = row

    class Planned(Message):
        """What one answer would make of several rows."""

        def __init__(self, plan: Plan | MigrationError) -> None:
            super().__init__()
            self.plan = plan

    def __init__(self, desk: Desk, at: tuple[str, str] | None = None) -> None:
        super().__init__(classes="workbench")
        self._desk = desk
        self._at = at
        self._references: Mapping[Reference, str] = {}
        self._people: Mapping[str, Sequence[Person]] = {}
        self._cases = Cases(())
        self._changes: list[Change] = []
        self._row: BrokenRow | None = None
        self._looking = False  # the row is being read: until then, what is shown stays as it is
        self._offers: Sequence[Offer] = ()
        self._shown: Case | None = None
        self._waiting: Timer | None = None
        self._busy = ""
        self._built = False

    def compose(self) -> ComposeResult:
        """The causes, the row, and what can be done."""
        with Horizontal(id="top"):
            yield Label("vestige-tui", id="program")
            yield Label("Problems", id="move")
        with Horizontal(id="bench"):
            with Vertical(id="causes"):
                yield Static(id="tally")
                yield Input(placeholder="find an id, a table, a word…", id="find", compact=True)
                yield CaseList(id="cases")
                yield Static(_legend(_LIST_KEYS), classes="legend")
            with Vertical(id="row"):
                yield Static(id="row-title")
                with VerticalScroll(id="row-body", can_focus=False):
                    yield Static(id="row-text")
                yield Static("Ways to deal with it", id="ways-title")
                yield OfferList(id="offers")
                with Horizontal(id="row-buttons"):
                    yield Button("Accept", id="accept", compact=True)
                    yield Button("Edit", id="edit", compact=True)
                    yield Button("Leave out", id="leave-out", compact=True)
                    yield Button("All of this kind", id="all", compact=True)
                yield Static(_legend(_ROW_KEYS), classes="legend")
        with Horizontal(id="buttons"):
            yield Button("Back", id="back", compact=True)
            yield Button("Undo", id="undo", compact=True)
            yield Static(id="going-on")
            yield Button(id="bring", compact=True, classes="-primary")
        yield KeyBar()

    def on_mount(self) -> None:
        """Show what is known at once; what needs the source or the server follows."""
        self._built = True
        self.query_one("#find", Input).display = False
        self._take_cases()
        if self._at is not None:
            at = self._at
            found = next((case for case in self._cases.all if case.row == at or _waits_as(case, at)), None)
            if found is not None:
                self._list.go_to(found)
        self._show()
        known, path = self._desk.state.known, self._path
        if waiting := unexplained(known):
            ask(self, lambda: _references(path, waiting), self.Surveyed, name="survey")
        if self._desk.state.target is not None and any(_needs_people(case) for case in self._cases.all):
            dsn = self._desk.state.target.dsn
            ask(self, lambda: _people(path, dsn), self.Met, name="people")

    @property
    def _path(self) -> Path:
        source = self._desk.state.source
        return source.path if source is not None else Path()

    @property
    def _list(self) -> CaseList:
        return self.query_one(CaseList)

    @property
    def _repairs(self) -> Repairs:
        return self._desk.state.repairs

    def _take_cases(self) -> None:
        state = self._desk.state
        self._made_of = state.known, len(of_kept_repairs(state.repairs, state.known))
        self._cases = Cases(state.known, self._references, of_kept_repairs(state.repairs, state.known))
        self._judge()
        self._list.take(self._cases)

    def _judge(self) -> None:
        self._cases.judge(self._repairs, self._desk.verdicts, self._desk.refused)

    def refresh_desk(self) -> None:
        """Show what the step under this screen knows by now."""
        if not self._built:
            return
        state = self._desk.state
        self._take_cases() if self._outdated(state) else self._judge()
        self._show()

    def _show(self) -> None:
        """Show how far the problems are, and the row at the cursor."""
        self._show_tally()
        self._list.refresh()
        self._show_row()

    def _outdated(self, state: WizardState) -> bool:
        """Whether other problems are known than those that are shown."""
        known, earlier = self._made_of
        return known is not state.known or earlier != len(of_kept_repairs(state.repairs, state.known))

    _made_of: tuple[tuple[RowError, ...], int] = ((), 0)

    def _show_tally(self) -> None:
        counts = self._cases.counts()
        said = [f"{number:,} {word}" for word, number in _tally(counts)]
        rows = sum(counts.values())
        self.query_one("#tally", Static).update(plain(f"{count(rows, 'row')}: {', '.join(said) or 'none'}"))
        going_on = self._busy or self._desk.checking
        self.query_one("#going-on", Static).update(
            plain(f"… {going_on}" if going_on else _SAVED if self._changes else "")
        )
        bring = self.query_one("#bring", Button)
        label = self._desk.bring_label
        if str(bring.label) != label:
            bring.label = Content(label)
            bring.refresh(layout=True)
        bring.display = bool(label)
        self.query_one("#undo", Button).disabled = not self._changes
        self.refresh_bindings()

    @on(Surveyed)
    def _surveyed(self, event: Surveyed) -> None:
        if event.references:
            self._references = event.references
            self._take_cases()
            self._show()

    @on(Met)
    def _met(self, event: Met) -> None:
        self._people = event.people
        if self._shown is not None and self._row is not None:
            self._show_offers()

    # The row

    @on(CaseList.Moved)
    def _moved(self) -> None:
        if self._list.case is not self._shown:
            self._show_row()

    def _show_row(self) -> None:
        """Show the row at the cursor: what is known of it at once, its values when they are read."""
        case = self._list.case
        if not _same(case, self._shown):
            self._row, self._offers = None, ()
            self._looking = case is not None and case.of_one_row
            self.query_one(OfferList).clear(keep_height=self._looking)
            if self._waiting is not None:
                self._waiting.stop()
            if self._looking:
                self._waiting = self.set_timer(_REST, self._look)
            self.query_one("#row-body", VerticalScroll).scroll_home(animate=False)
        self._shown = case
        self._show_text()

    def _show_text(self) -> None:
        case = self._shown
        title, text = Content(""), Content("")
        if case is not None:
            cause = self._list.cause
            place = f"{cause.cases.index(case) + 1:,} of {len(cause.cases):,}" if cause and case in cause.cases else ""
            title = plain(f"{table_title(case.error)}  {case.error.row if case.of_one_row else short_row(case.error)}")
            title = Content.assemble((title.plain, "bold $accent"), plain(f"   {place}", "$muted"))
            text = row_text(self._cases, case, self._row, self._text_width, dry=self._desk.dry)
        self.query_one("#row-title", Static).update(title)
        self.query_one("#row-text", Static).update(text)
        self._show_buttons()

    @property
    def _text_width(self) -> int:
        return self.query_one("#row-body").size.width - 2

    def _look(self) -> None:
        case = self._shown
        if case is None:
            return
        wanted, path = _wanted(case), self._path
        is_key = case.error.field in BY_NAME[case.error.table].key
        ask(
            self,
            lambda: broken_rows(path, [wanted], with_referring=is_key)[0],
            lambda row: self.Looked(case, row),
            name="look-at-row",
        )

    @on(Looked)
    def _looked(self, event: Looked) -> None:
        if not _same(event.case, self._shown):
            return  # the operator has gone on
        self._looking = False
        if isinstance(event.row, MigrationError):
            self._show_no_row(f"{event.row.what} {event.row.remedy}")
            return
        self._row = event.row
        if event.row is None:
            self._show_no_row("The source does not have this row any more.")
            return
        self._show_offers()
        self._show_text()

    def _show_no_row(self, why: str) -> None:
        self.query_one(OfferList).clear()
        self._show_buttons()
        self.query_one("#row-text", Static).update(plain(why))

    def _show_offers(self) -> None:
        if self._shown is not None and self._row is not None:
            self._offers = self._offers_for(self._shown, self._row)
            self.query_one(OfferList).show(self._offers)
            self._show_buttons()

    def _offers_for(self, case: Case, row: BrokenRow) -> list[Offer]:
        there = not self._desk.dry and case.error.copied
        owners, groups = (self._people.get(table.name, ()) for table in (USERS, GROUPS))
        return offers(case, row, owners, groups, there=there)

    def _show_buttons(self) -> None:
        self._enable_buttons()
        selected = len(self._list.selected)
        offer = self.query_one(OfferList).chosen
        accept = self.query_one("#accept", Button)
        label = (
            f"Accept for {selected:,}" if selected else "Type it" if offer is not None and not offer.ready else "Accept"
        )
        if str(accept.label) != label:
            accept.label = Content(label)
            accept.refresh(layout=True)
        cause = self._list.cause
        everyone = self.query_one("#all", Button)
        still_open = self._cases.open_in(cause) if cause is not None else 0
        label = f"All {still_open:,} of this kind"
        if str(everyone.label) != label:
            everyone.label = Content(label)
            everyone.refresh(layout=True)
        everyone.display = still_open > 1
        self.refresh_bindings()

    def _enable_buttons(self) -> None:
        if self._looking:
            return  # they act on nothing before the row is read, and each change would lay the screen out again
        able = bool(self._offers)
        self.query_one("#ways-title").display = able
        for name, enabled in (("accept", able), ("edit", able), ("leave-out", self._can_leave_out), ("all", able)):
            self.query_one(f"#{name}", Button).disabled = not enabled

    @property
    def _can_leave_out(self) -> bool:
        return any(offer.step is Way.LEAVE_OUT for offer in self._offers)

    # Answers

    @on(OfferList.Accepted)
    @on(Button.Pressed, "#accept")
    def accept(self) -> None:
        """Take the chosen way; for the selected rows, where there are any."""
        offer = self.query_one(OfferList).chosen
        if offer is None or self._shown is None or self._row is None:
            return
        if self._list.selected:
            self._plan([case for case in self._cases.all if id(case) in self._list.selected], offer)
        elif offer.step is Way.LEAVE_OUT:
            self.action_leave_out()
        elif not offer.ready:
            self.action_edit()
        else:
            self._set(offer.value)

    def _set(self, value: Any) -> None:
        """Answer the row that is shown with a value, and go on to the next one."""
        case, row = self._shown, self._row
        if case is None or row is None or case.error.field is None:
            return
        answers = Answers(self._repairs)
        answers.set(row.name, case.error.field, value)
        self._change(answers.repairs, f"the answer of {_named(case)}")
        self._go_on()

    def _change(self, repairs: Repairs, what: str) -> None:
        """Take other repairs; the change can be taken back."""
        self._changes.append(Change(self._repairs, what))
        self._desk.answer(repairs)
        self.refresh_desk()

    def _go_on(self) -> None:
        """Go to the next open row, with the keys where they were."""
        if not self._list.turn(1):
            self._show_row()

    def action_edit(self) -> None:
        """Edit the value: in a list where there is one to choose from, else in an editor."""
        case, row = self._shown, self._row
        if case is None or row is None or (column := column_of(case)) is None or not self._offers:
            return
        title = f"{table_title(case.error)} {short_row(case.error)}: {column.name}"
        chosen = self._choices(case, column.type)
        if chosen is not None:
            several = column.type is PgType.UUID_ARRAY
            dialog = PickerDialog(title, chosen, several=several)
            self.app.push_screen(dialog, lambda ids: self._picked(ids, several=several))
            return
        offer = self.query_one(OfferList).chosen
        text = to_type(column, offer.value) if offer is not None and offer.ready else row.text or ""
        self.app.push_screen(EditorDialog(column, title, text), lambda value: self._set(value[0]) if value else None)

    def _choices(self, case: Case, kind: PgType) -> list[tuple[str, str]] | None:
        """What can be picked: the values that a column allows, owners, groups."""
        column = column_of(case)
        if column is not None and column.allowed:
            return [(each, each) for each in column.allowed]
        if case.error.field == "owner_user_id":
            return [(person.id, person.handle) for person in self._people.get(USERS.name, ())] or None
        if kind is PgType.UUID_ARRAY:
            return [(person.id, person.handle) for person in self._people.get(GROUPS.name, ())] or None
        return None

    def _picked(self, ids: list[str] | None, *, several: bool) -> None:
        if ids is not None:
            self._set(ids if several else ids[0])

    def action_leave_out(self) -> None:
        """Leave the row out, or the selected ones, with a reason."""
        case, row = self._shown, self._row
        if case is None or row is None or not self._can_leave_out:
            return
        chosen = [each for each in self._cases.all if id(each) in self._list.selected]
        if chosen:
            what = count(len(chosen), "row")
            means = "What depends on them is left out, too. They are counted in report and receipt, and are no errors."
        else:
            what, waits = _named(case), waiting_words(case)
            means = f"{waits[:1].upper()}{waits[1:]}, and will be left out, too. " if waits else ""
            means += "What depends on it is left out with it. It is counted in report and receipt, and is no error."
        self.app.push_screen(
            LeaveOutDialog(what, means), lambda reason: self._leave_out(reason, chosen) if reason else None
        )

    def _leave_out(self, reason: str, chosen: Sequence[Case]) -> None:
        if chosen:
            self._plan(chosen, Offer(Way.LEAVE_OUT, "left out", value=reason))
        elif self._shown is not None and self._row is not None:
            answers = Answers(self._repairs)
            answers.leave_out(self._row.name, reason)
            self._change(answers.repairs, f"leaving out {_named(self._shown)}")
            self._go_on()

    def action_all(self) -> None:
        """Answer all open rows of the cause in the chosen way, or in the way that the row was answered."""
        cause, offer, case = self._list.cause, self.query_one(OfferList).chosen, self._shown
        if cause is None or case is None or offer is None or self._busy:
            return
        if offer.step is Way.LEAVE_OUT:
            self._list.selected = {id(each) for each in cause.cases if self._cases.status(each).needs_you}
            self.action_leave_out()
            return
        repair = self._cases.repair_of(case)
        field = case.error.field or ""
        if repair is not None and field in repair.values and offer.step is not Way.NEW_ID:
            offer = Offer(Way.TYPE, "the same answer as this row", value=repair.values[field])
        first = self._offers and offer is self._offers[0]
        rows = [each for each in cause.cases if self._cases.status(each).needs_you]
        if rows:
            self._plan(rows, None if first and offer.step is not Way.CHOOSE else offer)

    def _plan(self, rows: Sequence[Case], offer: Offer | None) -> None:
        """Find out what one way makes of several rows; without an ``offer``, each gets the best one of its own."""
        path, read = self._path, self._offers_for
        self._busy = f"Reading {count(len(rows), 'row')}"
        self._show_tally()

        def plan() -> Plan:
            answers, without = [], 0
            for case, row in zip(rows, broken_rows(path, [*map(_wanted, rows)]), strict=True):
                found = _offer_for(case, row, offer, read) if row is not None else None
                if row is None or found is None:
                    without += 1
                else:
                    answers.append((case, row.name, found))
            return Plan(answers, without)

        ask(self, plan, self.Planned, name="plan-answers")

    @on(Planned)
    def _planned(self, event: Planned) -> None:
        self._busy = ""
        self._show_tally()
        plan = event.plan
        if isinstance(plan, MigrationError):
            self.notify(f"{plan.what} {plan.remedy}", severity="error", markup=False)
        elif not plan.answers:
            self.notify("None of these rows can be answered so: type a value (e), or leave them out (l).", markup=False)
        elif len(plan.answers) == 1 and not plan.without:
            self._take_plan(plan)
        else:
            rows = count(len(plan.answers), "row")
            question = UndoableDialog(
                f"Answer {rows} at once?", f"{plan.words}\n\nYour file stays as it is; u takes it back.",
                yes=f"Answer {rows}", no="Back",
            )  # fmt: skip
            self.app.push_screen(question, lambda really: self._take_plan(plan) if really else None)

    def _take_plan(self, plan: Plan) -> None:
        answers = Answers(self._repairs)
        for case, name, offer in plan.answers:
            if offer.step is Way.LEAVE_OUT:
                answers.leave_out(name, str(offer.value))
            elif case.error.field is not None:
                answers.set(name, case.error.field, offer.value)
        self._list.selected = set()
        self._change(answers.repairs, f"the answers of {count(len(plan.answers), 'row')}")
        self._go_on()

    def action_undo(self) -> None:
        """Take the last change back."""
        if self._changes:
            change = self._changes.pop()
            self._desk.answer(change.before)
            self.refresh_desk()
            self.notify(f"Taken back: {change.what}.", markup=False)

    def action_drop(self) -> None:
        """Take the answer of the row back, also one from an earlier run of the wizard."""
        case = self._shown
        if case is None or (repair := self._cases.repair_of(case)) is None:
            return
        left = tuple(each for each in self._repairs.entries if each is not repair)
        self._change(Repairs(left), f"dropping the answer of {_named(case)}")

    # Ways through the list

    def action_turn(self, step: int) -> None:
        """The next open problem, or the previous one."""
        if not self._list.turn(step):
            self.notify("No other problem is open.")

    def action_select(self) -> None:
        """Select the row at the cursor."""
        self._list.toggle_selected()
        self._show_buttons()

    def action_sort(self) -> None:
        """Sort the rows of each cause in another way."""
        self.notify(f"Sorted {self._list.sort().value}.")

    def action_choose(self, number: int) -> None:
        """Choose a way by its number."""
        self.query_one(OfferList).choose(number - 1)
        self._show_buttons()

    def action_copy_it(self) -> None:
        """Copy the row's id; its value where the right side has the keys."""
        case = self._shown
        if case is None:
            return
        in_row = self.focused is not None and self.focused is not self._list
        if in_row and self._row is not None and self._row.text is not None:
            self.app.copy_to_clipboard(self._row.text)
            self.notify(f"Copied: the value of {case.error.field}.", markup=False)
        else:
            self.app.copy_to_clipboard(case.error.row)
            self.notify(f"Copied: {case.error.row}", markup=False)

    def action_whole_row(self) -> None:
        """Show the whole row as it is in the source."""
        if self._shown is not None:
            self.app.push_screen(RowDialog(self._shown.error, self._path, dry=self._desk.dry))

    def action_find(self) -> None:
        """Type what to find."""
        self.remove_class("-row-open")
        field = self.query_one("#find", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#find")
    def _find(self, event: Input.Changed) -> None:
        self._list.find(event.value)

    @on(Input.Submitted, "#find")
    def _found(self) -> None:
        self._list.focus()

    @on(CaseList.Opened)
    def _open(self) -> None:
        """Give the right side the keys; where there is no room, it covers the list."""
        if self._list.case is not None:
            self.add_class("-row-open")
            self.query_one(OfferList).focus()
            self.call_after_refresh(self._show_text)

    def action_back(self) -> None:
        """Back: from the row to the list, from a search to all rows, from the list to the step."""
        find = self.query_one("#find", Input)
        if self.has_class("-row-open"):
            self.remove_class("-row-open")
            self._list.focus()
        elif find.display:
            find.value = ""
            find.display = False
            self._list.focus()
        else:
            self.dismiss()

    def action_help(self) -> None:
        """Show the keys."""
        show_help(self, "Problems", HELP)

    def action_bring(self) -> None:
        """Take the answered rows to the destination."""
        if self._desk.bring_label:
            self.dismiss()
            self._desk.bring()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide keys that have nothing to act on."""
        if not self._built:
            return True
        if action in ("edit", "all"):
            return bool(self._offers)
        if action == "leave_out":
            return self._can_leave_out
        if action == "undo":
            return bool(self._changes)
        if action == "turn":
            return bool(self._list.items)
        return super().check_action(action, parameters)

    def on_resize(self, _: events.Resize) -> None:
        """Make use of the new width."""
        self.call_after_refresh(self._show_text)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        actions: dict[str | None, Callable[[], None]] = {
            "edit": self.action_edit,
            "leave-out": self.action_leave_out,
            "all": self.action_all,
            "undo": self.action_undo,
            "back": self.action_back,
            "bring": self.action_bring,
        }
        if (act := actions.get(event.button.id)) is not None:
            act()


_LIST_KEYS = (
    ("space", "select"), ("s", "sort"), ("y", "copy id"), ("o", "whole row"), ("d", "take back"), ("N", "previous"),
)  # fmt: skip
_ROW_KEYS = (
    ("1–9", "choose"), ("y", "copy value"), ("o", "whole row"), ("d", "take back"), ("N", "previous"),
)  # fmt: skip
"""Keys for which the footer has no room."""


def _legend(keys: Iterable[tuple[str, str]]) -> Content:
    return Content("  ").join(Content.assemble((key, "bold"), f" {word}") for key, word in keys)


_SAVED = "Your answers are kept. u takes the last one back."


def _tally(counts: Mapping[Status, int]) -> Iterable[tuple[str, int]]:
    for status in Status:
        if number := counts.get(status, 0):
            yield status.word, number


def _named(case: Case) -> str:
    return f"{table_title(case.error)} {short_row(case.error)}"


def _wanted(case: Case) -> Wanted:
    later = case.error.kind is Kind.DUPLICATE_ID  # the first row of that id is the one that counts
    return Wanted(case.error.table, case.error.row, case.error.field, case.place + later)


def _same(one: Case | None, other: Case | None) -> bool:
    """Whether two cases are about the same problem, also where they were made anew."""
    if one is None or other is None:
        return one is other
    return (one.row, one.error.field, one.error.kind, one.place) == (
        other.row, other.error.field, other.error.kind, other.place
    )  # fmt: skip


def _waits_as(case: Case, at: tuple[str, str]) -> bool:
    return any(each.row == at for each in case.waiting)


def _needs_people(case: Case) -> bool:
    return case.error.field in ("owner_user_id", "shared_with_groups")


def _references(path: Path, waiting: Sequence[Any]) -> dict[Reference, str]:
    """To which rows these refer. Runs in a thread."""
    wanted = [Wanted(error.table, error.row, error.field) for error in waiting]
    found = {}
    for each, row in zip(wanted, broken_rows(path, wanted), strict=True):
        if row is not None and row.value is not None and each.field is not None:
            found[each.table, each.row, each.field] = row.text or str(row.value)
    return found


def _people(path: Path, dsn: Any) -> dict[str, Sequence[Person]]:
    """Users and groups of both sides. Runs in a thread."""
    from vestige_tui.core.run.people import people

    return {table.name: people(path, dsn, table.name) for table in (USERS, GROUPS)}


def _offer_for(
    case: Case, row: BrokenRow, wanted: Offer | None, read: Callable[[Case, BrokenRow], list[Offer]]
) -> Offer | None:
    """The offer that answers a row in the wanted way; None where it has none."""
    if wanted is not None and wanted.step in (Way.LEAVE_OUT, Way.TYPE):
        return wanted
    found = [offer for offer in read(case, row) if offer.ready]
    if wanted is None:
        return next(iter(found), None)
    if wanted.step is Way.NEW_ID:
        return replace(wanted, value=new_id())
    same = (offer for offer in found if offer.step is wanted.step)
    return next((offer for offer in same if wanted.step is not Way.CHOOSE or offer.value == wanted.value), None)
